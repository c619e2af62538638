// SPDX-License-Identifier: Apache-2.0
//! The sets of tests/vectors/evidence.jsonl, to which the C and the TypeScript verifier are held too: the same verdict
//! on all, and no verdict but a refusal on what is cut short or bent (claims B9).
use super::*;
use base64::{engine::general_purpose::STANDARD, Engine as _};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

struct Set {
    what: String,
    code: String,
    evidence: Vec<u8>,
    policy: Policy,
    nonce: Option<[u8; 32]>,
}

/// Each set, and the time of judgement.
fn sets() -> (SystemTime, Vec<Set>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/evidence.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = lines.next().unwrap();
    let set = |line: Value| {
        let base = STANDARD.decode(first["bases"][line["base"].as_str().unwrap()].as_str().unwrap()).unwrap();
        let mut evidence = Vec::new();
        for part in line["parts"].as_array().unwrap() {
            match part.as_str() {
                Some(text) => evidence.extend(STANDARD.decode(text).unwrap()),
                None => {
                    let at = part[0].as_u64().unwrap() as usize;
                    evidence.extend_from_slice(&base[at..at + part[1].as_u64().unwrap() as usize]);
                }
            }
        }
        let mut policy = first["policy"].as_object().unwrap().clone();
        for (name, value) in line["policy"].as_object().unwrap() {
            policy.insert(name.clone(), value.clone());
        }
        policy.retain(|_, value| !value.is_null());
        Set {
            what: line["what"].as_str().unwrap().into(),
            code: line["code"].as_str().unwrap().into(),
            evidence,
            policy: Policy::from_json(&Value::Object(policy).to_string()).unwrap(),
            nonce: line["nonce"].as_str().map(|hex| bytes::unhex(hex).unwrap()),
        }
    };
    let at = UNIX_EPOCH + Duration::from_secs(first["at"].as_u64().unwrap());
    (at, lines.map(set).collect())
}

#[test]
fn every_set_gets_the_verdict_that_the_others_give() {
    let (at, sets) = sets();
    let mut codes = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut interpreted = Vec::new();
    for set in &sets {
        let code = match verify_evidence(&set.evidence, set.nonce.as_ref(), &set.policy, at) {
            Ok(report) => {
                interpreted.extend(report.interpreter.then_some(set.what.as_str()));
                "accepted"
            }
            Err(code) => code.name(),
        };
        codes.insert(code);
        if code != set.code {
            wrong.push(format!("{}: says {code}, should {}", set.what, set.code));
        }
    }
    assert_eq!(interpreted, ["policies that ship interpreted"]);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), sets.len(), wrong.join("\n"));
    let accepted = sets.iter().filter(|set| set.code == "accepted").count();
    println!("{accepted} good and {} bad sets", sets.len() - accepted);
    assert!(sets.len() >= 325 && accepted >= 50 && codes.len() >= 50, "{} sets, {accepted} good, {codes:?}", sets.len());
}

#[test]
fn what_is_cut_or_bent_is_refused_and_never_panics() {
    let (at, sets) = sets();
    let good: Vec<_> = sets.iter().filter(|set| set.code == "accepted" && set.evidence.len() < 16_384).collect();
    let mut tried = 0;
    for (i, set) in good.iter().enumerate().step_by(good.len().div_ceil(12)) {
        for at_byte in (i % 61..set.evidence.len()).step_by(61) {
            assert_eq!(verify_evidence(&set.evidence[..at_byte], None, &set.policy, at).err(), Some(Code::EvidenceForm), "{}", set.what);
            let mut bent = set.evidence.clone();
            bent[at_byte] ^= 1 << (at_byte % 8);
            let _ = verify_evidence(&bent, None, &set.policy, at);
            tried += 1;
        }
    }
    assert!(tried >= 500, "{tried}");
}

#[test]
fn a_key_that_anybody_signs_for_is_none() {
    let neutral = [&[1][..], &[0; 31]].concat().try_into().unwrap(); // the neutral point: R = S*B - h*A holds for all
    let signature = [&[1][..], &[0; 63]].concat().try_into().unwrap();
    assert!(!verify::signed_by(&neutral, "label", b"body", &signature));
    let loose = ed25519_dalek::VerifyingKey::from_bytes(&neutral).unwrap();
    let holds = ed25519_dalek::Verifier::verify(&loose, b"labelbody", &ed25519_dalek::Signature::from_bytes(&signature));
    assert!(holds.is_ok(), "this signature shows nothing");
}

#[test]
fn cbor_has_one_form() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0]].concat();
    for good in [&[0xa2, 1, 2, 3, 4][..], &[0x18, 24], &[0x82, 0xf4, 0xf5], &[0x62, 0xc3, 0xa9], &nested(16)] {
        assert!(cbor::decode(good).is_ok(), "{good:02x?}");
    }
    for bad in [
        &[0xa2, 1, 2, 1, 4][..], &[0xa2, 3, 4, 1, 2], // a key twice, keys out of order
        &[0x18, 23], &[0x19, 0, 255], &[0x1a, 0, 0, 255, 255], &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255], // not shortest
        &[0x9f, 0xff], &[0x1c], &[0x20], &[0xc0, 0], &[0xf6], &[0xf8, 20], &[0xa1, 0x41, 0, 0], // not used here
        &[], &[0x42, 0], &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255, 0], &[0, 0], // cut off, left over
        &[0x62, 0xc3, 0x28], &nested(17),
    ] {
        assert!(cbor::decode(bad).is_err(), "{bad:02x?}");
    }
}

#[test]
fn an_endorsement_key_of_a_template_has_no_scheme() {
    let point = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap().verifying_key().to_sec1_point(false);
    let policy: [u8; 32] = bytes::unhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa").unwrap();
    for (scheme, is_template) in [(&[0, 0x10][..], true), (&[0, 0x18, 0, 0x0b], false)] {
        let public = [
            &[0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 32][..], &policy, &[0, 6, 0, 128, 0, 0x43], scheme, &[0, 3, 0, 0x10],
            &[0, 32], point.x().unwrap(), &[0, 32], point.y().unwrap(),
        ]
        .concat();
        assert_eq!(tpm::take_public(&public).unwrap().is_endorsement_key(), is_template);
    }
}

#[test]
fn a_locality_that_is_told_late_changes_nothing() {
    let event = |pcr: u8, kind: u8, data: &[u8]| {
        [&[pcr, 0, 0, 0, kind, 0, 0, 0, 1, 0, 0, 0, 0x0b, 0][..], &sha256(&[data]), &[data.len() as u8, 0, 0, 0], data].concat()
    };
    let locality = event(0, 3, b"StartupLocality\0\x03");
    let separators: Vec<Vec<u8>> = (0..8).map(|pcr| event(pcr, 4, &[0; 4])).collect();
    let specification = [b"Spec ID Event03\0", &[0; 8][..], &[1, 0, 0, 0, 0x0b, 0, 32, 0, 0]].concat();
    let first = [&[0, 0, 0, 0, 3, 0, 0, 0][..], &[0; 20], &[specification.len() as u8, 0, 0, 0], &specification].concat();
    let pcr0 = |parts: &[&[u8]]| log::replay(&parts.concat()).unwrap().pcrs[0];
    let separated = separators.concat();
    let plain = pcr0(&[&first, &separated]);
    assert_eq!(pcr0(&[&first, &separated, &locality]), plain);
    assert_ne!(pcr0(&[&first, &locality, &separated]), plain);
}

#[test]
fn codes_and_words_are_those_of_the_c_verifier() {
    let rows = include_str!("../../../../lib/attest/attest_refusal.def");
    let rows: Vec<&str> = rows.lines().filter(|line| line.starts_with("REFUSAL(")).collect();
    assert_eq!(rows.len(), Code::ALL.len());
    for (row, code) in rows.iter().zip(Code::ALL) {
        let parts: Vec<&str> = row.split('"').collect();
        assert_eq!((parts[1], parts[3]), (code.name(), code.words()));
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_refused_with_its_member() {
    for (text, says) in [
        ("[]", "an object"),
        ("{", "JSON"),
        (r#"{"software": true}"#, "\"software\" is no member"),
        (r#"{"software_tpm": "false"}"#, "\"software_tpm\" is true or false"),
        (r#"{"release_floor": 256}"#, "from 0 to 255"),
        (r#"{"site_floor": "1"}"#, "from 0 to 255"),
        (r#"{"counter": "01"}"#, "whole number"),
        (r#"{"counter": "9223372036854775808"}"#, "whole number"),
        (r#"{"eks": "00"}"#, "is a list"),
        (r#"{"aks": ["00"]}"#, "68 hex digits"),
        (r#"{"deployment_key": null}"#, "64 hex digits"),
        (r#"{"vendor_roots": ["root.pem"]}"#, "certificate in PEM"),
        (r#"{"firmwares": [{"name": "f", "sha256": {"0": "00"}}]}"#, "64 hex digits"),
        (r#"{"firmwares": [{"name": "f", "sha256": {}}]}"#, "lacks its name or a PCR"),
        (r#"{"firmwares": [{"name": "f", "sha256": {"1": "00"}}]}"#, "lacks its name or a PCR"),
        (r#"{"releases": [{"sha256": {}}]}"#, "lacks its name or a PCR"),
    ] {
        let error = Policy::from_json(text).expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    assert!(Policy::from_json(r#"{"counter": "9223372036854775807", "aks": [], "site_floor": 255}"#).is_ok());
}
