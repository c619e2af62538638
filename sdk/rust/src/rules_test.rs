// SPDX-License-Identifier: Apache-2.0
//! When a request is sent again, and who is believed: over a network that is bent as each test needs it. A
//! keypair of the test stands for the wallet; the whole against a real signer is tests/people/clients.mjs.
use crate::client::{Answer, Request, Transport};
use crate::attest::{node_test::Node, Policy};
use crate::*;
use futures::executor::block_on;
use solana_sdk::signature::Keypair;
use solana_sdk::signer::Signer as _;
use std::time::Instant;

type Bend = dyn Fn(&Request, usize) -> Result<(u16, Option<&'static str>, Value), String> + Send + Sync;

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, Option<String>, Option<String>)>>>); // path, key, token

/// Each nonce is another.
fn path_of(path: &str) -> &str {
    if path.starts_with(EVIDENCE) { EVIDENCE } else { path }
}

impl Seen {
    fn at(&self, path: &str) -> Vec<(Option<String>, Option<String>)> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|each| path_of(&each.0) == path).map(|each| (each.1.clone(), each.2.clone())).collect()
    }
}

struct Bent {
    bend: Box<Bend>,
    seen: Seen,
    certificate: Option<Vec<u8>>,
}

/// Of the connection: one out of the vectors, whose key is the node's TLS key here.
fn connection() -> Vec<u8> {
    let text = include_str!("../../../tests/vectors/evidence.jsonl").lines().next().unwrap();
    let first: Value = serde_json::from_str(text).unwrap();
    let pem = first["policy"]["vendor_roots"][0].as_str().unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

fn node(key: &Keypair, boot: u8) -> Node<'_> {
    let tls_key = json::unhex(&attest::key_id(&connection()).unwrap()).unwrap();
    Node { key, boot, channel_boot: boot, roles: [1, 2], tls_key }
}

const EVIDENCE: &str = "/api/v1/evidence?nonce=";

/// The node's answer to the nonce of this request.
fn shown(node: &Node, request: &Request) -> Value {
    let nonce = json::unhex(request.path.strip_prefix(EVIDENCE).expect(&request.path)).unwrap();
    json!({"evidence": STANDARD.encode(node.evidence(&nonce))})
}

#[async_trait]
impl Transport for Bent {
    async fn send(&self, request: &Request) -> Result<Answer, String> {
        let count = {
            let mut seen = self.seen.0.lock().unwrap();
            seen.push((request.path.clone(), request.idempotency_key.clone(), request.token.clone()));
            seen.iter().filter(|each| path_of(&each.0) == path_of(&request.path)).count()
        };
        let (status, retry_after, body) = (self.bend)(request, count)?;
        Ok(Answer { status, retry_after: retry_after.map(String::from), body: body.to_string().into_bytes(), certificate: self.certificate.clone() })
    }
}

const SIGN: &str = "/api/v1/sign";

fn signed(key: &Keypair, request: &Request) -> Value {
    let text = request.body.as_ref().unwrap()["transaction"].as_str().unwrap().to_string();
    let signature = key.sign_message(&STANDARD.decode(text).unwrap());
    json!({"signature": STANDARD.encode(signature.as_ref()), "sequence": {"boot": "1", "number": "1"}})
}

fn problem(status: u16, code: &str, retryable: bool) -> Value {
    json!({"status": status, "code": code, "detail": code, "retryable": retryable})
}

fn open(trust: Trust, bend: impl Fn(&Keypair, &Request, usize) -> Result<(u16, Option<&'static str>, Value), String> + Send + Sync + 'static) -> (ClavigerSigner, Seen) {
    let key = Keypair::new();
    let seen = Seen::default();
    let mut config = Config::new("https://nowhere", "token", key.pubkey(), trust);
    config.wallet = Some("bot".into());
    let transport = Bent { bend: Box::new(move |request, count| bend(&key, request, count)), seen: seen.clone(), certificate: Some(connection()) };
    (ClavigerSigner::with_transport(config, Box::new(transport)).unwrap(), seen)
}

#[test]
fn later_means_again_with_the_same_key_and_no_means_no() {
    for (first, status, tries) in [
        (Err("connection reset".to_string()), None, 2),
        (Ok((429, None, problem(429, "share_spent", true))), Some(429), 2),
        (Ok((502, None, json!([]))), Some(502), 2),
        (Ok((503, Some("1"), problem(503, "overloaded", true))), Some(503), 2),
        (Ok((504, None, problem(504, "no_answer", true))), Some(504), 2),
        (Ok((400, None, problem(400, "request_malformed", false))), Some(400), 1),
        (Ok((403, None, problem(403, "grant_not_yet", true))), Some(403), 1),
        (Ok((422, None, problem(422, "policy_denied", false))), Some(422), 1),
        (Ok((500, None, problem(500, "internal", false))), Some(500), 1),
        (Ok((503, None, problem(503, "store_corrupt", false))), Some(503), 1),
        (Ok((200, None, json!({}))), Some(200), 1),
        (Ok((200, None, json!([]))), Some(200), 1),
    ] {
        let (signer, seen) = open(Trust::Tls, move |key, request, count| {
            if count == 1 { first.clone() } else { Ok((200, None, signed(key, request))) }
        });
        let began = Instant::now();
        let result = block_on(signer.sign_bytes(b"message"));
        let sent = seen.at(SIGN);
        assert_eq!(sent.len(), tries, "{status:?}");
        assert_eq!(result.is_ok(), tries == 2, "{status:?}");
        assert!(sent.iter().all(|(key, token)| key == &sent[0].0 && key.as_ref().unwrap().len() == 32 && token.as_deref() == Some("token")));
        if status == Some(503) && tries == 2 {
            assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After was not waited for");
        }
    }
}

#[test]
fn nobody_waits_longer_than_the_deadline_or_tries_too_often() {
    let (signer, seen) = open(Trust::Tls, |_, _, _| Ok((429, Some("600"), problem(429, "window_spent", true))));
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retry_after, seen.at(SIGN).len()), ("window_spent", Some(Duration::from_secs(600)), 1));
    let (signer, seen) = open(Trust::Tls, |_, _, _| Ok((503, Some("18446744073709551615"), problem(503, "overloaded", true))));
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert_eq!((error.reason.as_str(), seen.at(SIGN).len()), ("overloaded", 1), "more seconds than there are ended the thread");
    let (signer, seen) = open(Trust::Tls, |_, _, _| Err("connection reset".into()));
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert_eq!((error.kind, seen.at(SIGN).len()), (Kind::Connection, 4));
}

#[test]
fn what_is_no_token_is_told_as_such_and_not_sent() {
    for token in ["", " \n", "two\nlines", "two words", "t\u{f6}ken"] {
        let (mut config, seen) = (Config::new("https://nowhere", token, Keypair::new().pubkey(), Trust::Tls), Seen::default());
        config.wallet = Some("bot".into());
        let transport = Bent { bend: Box::new(|_, _| Err("sent".into())), seen: seen.clone(), certificate: None };
        let error = block_on(ClavigerSigner::with_transport(config, Box::new(transport)).unwrap().sign_bytes(b"message")).unwrap_err();
        assert!(error.kind == Kind::Config && error.text.contains("token") && seen.at(SIGN).is_empty(), "{token:?}: {error}");
    }
}

/// The second signature of the first part is another one's, and the second part is refused.
fn bent_batch(key: &Keypair, request: &Request, count: usize) -> Result<(u16, Option<&'static str>, Value), String> {
    if count > 1 {
        return Ok((422, None, problem(422, "policy_denied", false)));
    }
    let of = |one: &Value| {
        let mut one = signed(key, &Request { path: SIGN.into(), body: Some(one.clone()), idempotency_key: None, token: None, tls_key: None });
        one["status"] = json!(200);
        one
    };
    let mut results: Vec<Value> = request.body.as_ref().unwrap()["requests"].as_array().unwrap().iter().map(of).collect();
    results[1]["signature"] = results[0]["signature"].clone();
    Ok((200, None, json!({"results": results})))
}

fn batch(signer: &ClavigerSigner, atomic: bool) -> Result<Vec<Result<Signature, Error>>, Error> {
    let all: Vec<Vec<u8>> = (0..18).map(|number| vec![1, number]).collect();
    let inner = signer.inner.clone();
    block_on(signer.on(|_| async move { inner.batch(&all, atomic).await }))
}

#[test]
fn of_all_or_none_nothing_is_asked_for_behind_a_wrong_signature() {
    let (signer, seen) = open(Trust::Tls, bent_batch);
    assert_eq!(batch(&signer, true).unwrap_err().reason, "signature_wrong");
    assert_eq!(seen.at("/api/v1/batch").len(), 1);
}

#[test]
fn of_each_on_its_own_a_lost_part_or_a_wrong_signature_takes_nothing_from_the_others() {
    let (signer, seen) = open(Trust::Tls, bent_batch);
    let each = batch(&signer, false).unwrap();
    assert_eq!(seen.at("/api/v1/batch").len(), 2);
    for (number, result) in each.iter().enumerate() {
        let reason = result.as_ref().err().map(|error| error.reason.as_str());
        assert_eq!(reason, match number { 1 => Some("signature_wrong"), 16.. => Some("policy_denied"), _ => None }, "{number}");
    }
}

#[test]
fn a_signature_that_is_none_of_ours_is_refused() {
    let other = Keypair::new();
    let (signer, _) = open(Trust::Tls, move |_, request, _| Ok((200, None, signed(&other, request))));
    assert_eq!(block_on(signer.sign_bytes(b"message")).unwrap_err().kind, Kind::Signature);
}

#[test]
fn a_dropped_future_stops_its_request() {
    let (signer, seen) = open(Trust::Tls, |_, _, _| Err("connection reset".into()));
    let mut pending = Box::pin(signer.sign_bytes(b"message"));
    while seen.at(SIGN).is_empty() {
        let _ = futures::FutureExt::now_or_never(&mut pending);
        std::thread::yield_now();
    }
    drop(pending);
    let sent = seen.at(SIGN).len();
    assert!(sent < 4, "it had ended before it was dropped");
    std::thread::sleep(Duration::from_millis(1500)); // all four attempts take less
    assert!(seen.at(SIGN).len() <= sent + 1, "it went on");
}

#[test]
fn only_the_pinned_deployment_gets_token_and_transaction() {
    let pin = json::hex(Keypair::new_from_array([1; 32]).pubkey().as_ref());
    let of = |name: &str| -> (u8, fn(&mut Node)) {
        match name {
            "good" => (1, |_| ()),
            "another key" => (2, |_| ()),
            "certificates of another boot" => (1, |node| node.channel_boot = 2),
            "roles swapped" => (1, |node| node.roles = [2, 1]),
            "a relay" => (1, |node| node.tls_key = [3; 32]),
            _ => unreachable!(),
        }
    };
    for (name, says) in [
        ("good", None),
        ("another key", Some("(deployment)")),
        ("certificates of another boot", Some("(channel)")),
        ("roles swapped", Some("(channel)")),
        ("a relay", Some("another TLS key")),
    ] {
        let (seed, change) = of(name);
        let (signer, seen) = open(Trust::DeploymentKey(pin.clone()), move |wallet, request, _| {
            if request.path == SIGN {
                return Ok((200, None, signed(wallet, request)));
            }
            let key = Keypair::new_from_array([seed; 32]);
            let mut node = node(&key, 1);
            change(&mut node);
            Ok((200, None, shown(&node, request)))
        });
        let result = block_on(signer.sign_bytes(b"message"));
        match (&result, says) {
            (Ok(_), None) => {}
            (Err(error), Some(says)) => assert!(error.kind == Kind::Untrusted && error.text.contains(says), "{name}: {error}"),
            _ => panic!("{name}: {result:?}"),
        }
        assert_eq!(seen.at(SIGN).len(), usize::from(says.is_none()), "{name}");
        assert_eq!(seen.at(EVIDENCE)[0].1, None, "a token was sent before it was known who answers");
        if says.is_none() {
            block_on(signer.sign_bytes(b"again")).unwrap();
            assert_eq!(seen.at(EVIDENCE).len(), 1, "it was judged twice without need");
            let report = block_on(signer.report()).unwrap().unwrap();
            assert_eq!((report.boot, report.deployment_key, report.hardware), (1, pin.clone(), false));
        }
    }
}

#[test]
fn evidence_answers_this_nonce_over_this_connection_and_the_policy() {
    let key = json::hex(Keypair::new_from_array([1; 32]).pubkey().as_ref());
    let old = Keypair::new_from_array([1; 32]);
    let replay = json!({"evidence": STANDARD.encode(node(&old, 1).evidence(&[4; 32]))});
    let (signer, seen) = open(Trust::DeploymentKey(key.clone()), move |_, _, _| Ok((200, None, replay.clone())));
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert!(error.kind == Kind::Untrusted && error.text.contains("(nonce)") && seen.at(SIGN).is_empty(), "{error}");

    let answer = |wallet: &Keypair, request: &Request, _: usize| -> Result<(u16, Option<&'static str>, Value), String> {
        let key = Keypair::new_from_array([1; 32]);
        Ok((200, None, if request.path == SIGN { signed(wallet, request) } else { shown(&node(&key, 1), request) }))
    };
    for (policy, says) in [
        (r#"{"software_tpm": true, "genesis": "0000000000000000000000000000000000000000000000000000000000000000"}"#, None),
        (r#"{"software_tpm": true, "counter": 1}"#, Some("(floor)")),
        (r#"{"software_tpm": true, "event_log": true}"#, Some("(log-none)")),
        ("{}", Some("(policy)")),
    ] {
        let trust = Trust::Node { deployment_key: key.clone(), policy: Policy::from_json(policy).unwrap() };
        let (signer, seen) = open(trust, answer);
        let error = block_on(signer.sign_bytes(b"message")).err().map(|error| error.text);
        assert_eq!(error.is_some(), says.is_some(), "{policy}: {error:?}");
        assert!(says.is_none_or(|says| error.unwrap().contains(says)), "{policy}");
        assert_eq!(seen.at(SIGN).len(), usize::from(says.is_none()));
    }

    let mut config = Config::new("https://nowhere", "token", Keypair::new().pubkey(), Trust::DeploymentKey(key));
    config.wallet = Some("bot".into());
    let transport = Bent { bend: Box::new(move |request, count| answer(&Keypair::new(), request, count)), seen: Seen::default(), certificate: None };
    let signer = ClavigerSigner::with_transport(config, Box::new(transport)).unwrap();
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert!(error.kind == Kind::Untrusted && error.text.contains("another TLS key"), "{error}");
}

#[test]
fn a_restart_is_noticed() {
    let key = json::hex(Keypair::new_from_array([1; 32]).pubkey().as_ref());
    let (signer, seen) = open(Trust::DeploymentKey(key), move |wallet, request, count| {
        let boot = if count > 1 { 2 } else { 1 };
        if request.path != SIGN {
            return Ok((200, None, shown(&node(&Keypair::new_from_array([1; 32]), boot), request)));
        }
        let mut answer = signed(wallet, request);
        answer["sequence"]["boot"] = json!(boot.to_string());
        Ok((200, None, answer))
    });
    for _ in 0..4 {
        block_on(signer.sign_bytes(b"message")).unwrap();
    }
    assert_eq!(seen.at(EVIDENCE).len(), 2);
}

#[test]
fn bad_configuration_is_refused_where_it_is_written() {
    let address = Keypair::new().pubkey();
    let with = |url: &str, trust: Trust, ca: Option<&str>, wallet: &str| {
        let mut config = Config::new(url, "token", address, trust);
        config.ca = ca.map(String::from);
        config.wallet = Some(wallet.into());
        ClavigerSigner::new(config).map_err(|error| error.kind)
    };
    assert!(with("https://signer:8200", Trust::Tls, None, "bot").is_ok());
    for bad in [
        with("http://signer:8200", Trust::Tls, None, "bot"),
        with("https://signer:8200", Trust::DeploymentKey("ab".into()), None, "bot"),
        with("https://signer:8200", Trust::Tls, Some("no PEM"), "bot"),
        with("https://signer:8200", Trust::Tls, None, "../bot"),
    ] {
        assert_eq!(bad.err(), Some(Kind::Config));
    }
}

#[test]
fn a_token_is_nowhere_to_be_read() {
    let (signer, _) = open(Trust::Tls, |_, _, _| Err("no".into()));
    assert!(!format!("{signer:?}").contains("token"));
}
