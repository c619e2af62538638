// SPDX-License-Identifier: Apache-2.0
//! When a request is sent again, and who is believed: over a network that is bent as each test needs it. A
//! keypair of the test stands for the wallet; the whole against a real signer is tests/people/rust.mjs.
use crate::client::{Answer, Request, Transport};
use crate::*;
use futures::executor::block_on;
use solana_sdk::signature::Keypair;
use solana_sdk::signer::Signer as _;
use std::time::Instant;

type Bend = dyn Fn(&Request, usize) -> Result<(u16, Option<&'static str>, Value), String> + Send + Sync;

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, Option<String>, Option<String>)>>>); // path, key, token

impl Seen {
    fn at(&self, path: &str) -> Vec<(Option<String>, Option<String>)> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|each| each.0 == path).map(|each| (each.1.clone(), each.2.clone())).collect()
    }
}

struct Bent {
    bend: Box<Bend>,
    seen: Seen,
}

#[async_trait]
impl Transport for Bent {
    async fn send(&self, request: &Request) -> Result<Answer, String> {
        let count = {
            let mut seen = self.seen.0.lock().unwrap();
            seen.push((request.path.clone(), request.idempotency_key.clone(), request.token.clone()));
            seen.iter().filter(|each| each.0 == request.path).count()
        };
        let (status, retry_after, body) = (self.bend)(request, count)?;
        Ok(Answer { status, retry_after: retry_after.map(String::from), body: body.to_string().into_bytes() })
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
    let transport = Bent { bend: Box::new(move |request, count| bend(&key, request, count)), seen: seen.clone() };
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
    let (signer, seen) = open(Trust::Tls, |_, _, _| Err("connection reset".into()));
    let error = block_on(signer.sign_bytes(b"message")).unwrap_err();
    assert_eq!((error.kind, seen.at(SIGN).len()), (Kind::Connection, 4));
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

fn certificate(key: &Keypair, boot: u8, role: u8) -> String {
    let body = [&[0xa5, 1, 1, 2, 0x58, 32][..], &[7; 32], &[3, boot, 4, role, 5, 0x58, 32], &[9; 32]].concat();
    let signature = key.sign_message(&[b"claviger/channel/v1", &body[..]].concat());
    STANDARD.encode([&[0xa2, 1, 0x58, body.len() as u8][..], &body, &[2, 0x58, 64], signature.as_ref()].concat())
}

#[test]
fn only_the_pinned_deployment_gets_token_and_transaction() {
    let deployment = Keypair::new();
    let stranger = Keypair::new();
    let key = json::hex(deployment.pubkey().as_ref());
    let channel = |key: &str, boot: &str, authority: String, signer: String| {
        json!({"deployment": "07".repeat(32), "deployment_key": key, "boot": boot,
               "certificates": {"authority": authority, "signer": signer}})
    };
    let good = |boot| channel(&key, "1", certificate(&deployment, boot, 1), certificate(&deployment, 1, 2));
    let mut bent = certificate(&deployment, 1, 2);
    bent.replace_range(70..71, if &bent[70..71] == "A" { "B" } else { "A" });
    for (name, answer, trusted) in [
        ("good", good(1), true),
        ("another boot", good(2), false),
        ("another key", channel(&json::hex(stranger.pubkey().as_ref()), "1", certificate(&stranger, 1, 1), certificate(&stranger, 1, 2)), false),
        ("a stranger's certificates", channel(&key, "1", certificate(&stranger, 1, 1), certificate(&stranger, 1, 2)), false),
        ("roles swapped", channel(&key, "1", certificate(&deployment, 1, 2), certificate(&deployment, 1, 1)), false),
        ("a bent one", channel(&key, "1", certificate(&deployment, 1, 1), bent), false),
        ("none", channel(&key, "1", certificate(&deployment, 1, 1), String::new()), false),
    ] {
        let (signer, seen) = open(Trust::DeploymentKey(key.clone()), move |wallet, request, _| {
            Ok((200, None, if request.path == SIGN { signed(wallet, request) } else { answer.clone() }))
        });
        let result = block_on(signer.sign_bytes(b"message"));
        assert_eq!(result.as_ref().map_err(|error| error.kind).err(), (!trusted).then_some(Kind::Untrusted), "{name}");
        assert_eq!(seen.at(SIGN).len(), usize::from(trusted), "{name}");
        assert_eq!(seen.at("/api/v1/channel")[0].1, None, "a token was sent before it was known who answers");
        if trusted {
            block_on(signer.sign_bytes(b"again")).unwrap();
            assert_eq!(seen.at("/api/v1/channel").len(), 1, "it was checked twice without need");
        }
    }
}

#[test]
fn a_restart_is_noticed() {
    let deployment = Keypair::new();
    let key = json::hex(deployment.pubkey().as_ref());
    let boots = [certificate(&deployment, 1, 1), certificate(&deployment, 1, 2), certificate(&deployment, 2, 1), certificate(&deployment, 2, 2)];
    let pin = key.clone();
    let (signer, seen) = open(Trust::DeploymentKey(pin), move |wallet, request, count| {
        let boot = if request.path == SIGN { usize::from(count > 1) } else { usize::from(count > 1) };
        if request.path != SIGN {
            return Ok((200, None, json!({"deployment": "07".repeat(32), "deployment_key": key, "boot": (boot + 1).to_string(),
                "certificates": {"authority": boots[2 * boot], "signer": boots[2 * boot + 1]}})));
        }
        let mut answer = signed(wallet, request);
        answer["sequence"]["boot"] = json!((boot + 1).to_string());
        Ok((200, None, answer))
    });
    for _ in 0..4 {
        block_on(signer.sign_bytes(b"message")).unwrap();
    }
    assert_eq!(seen.at("/api/v1/channel").len(), 2);
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
