// SPDX-License-Identifier: Apache-2.0
//! One request, sent as often as the rules allow.
//!
//! A status below 500 promises that nothing was signed or counted. 429 and 503 say "later"; 502, 504 and
//! a lost connection leave it open, and then the same bytes under the same Idempotency-Key are safe
//! to send again. Everything else is an answer.
//!
//! Who answers is judged before the first token is sent, and again once an answer or the connection's TLS key
//! shows that somebody else may be there.
use crate::attest::{self, Policy, Report};
use crate::error::{Error, Kind};
use crate::{json, trust};
use async_trait::async_trait;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 2 * 1024 * 1024;

/// How often, and for how long, one request is sent.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    pub attempts: u32,
    /// No attempt begins later than this after the first one: a blockhash lives a minute.
    pub deadline: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 4, deadline: Duration::from_secs(20) }
    }
}

/// Where the token comes from; asked before every attempt, so that tokens can rotate. White space around it is cut off.
pub type TokenSource = Arc<dyn Fn() -> Result<String, Error> + Send + Sync>;

pub struct Request {
    pub path: String,
    pub body: Option<Value>,
    pub idempotency_key: Option<String>,
    pub token: Option<String>,
    /// The TLS key that the connection must have, as in [`Report::tls_key`]: else nothing is sent, and it fails with [`OTHER_KEY`].
    pub tls_key: Option<String>,
}

/// Begins the words of a transport whose connection is not the one that was meant.
pub const OTHER_KEY: &str = "the connection has another TLS key than the node that was checked";

pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
    /// DER of the certificate that the TLS connection was made with.
    pub certificate: Option<Vec<u8>>,
}

/// Sends one request; an error when no whole answer came.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn send(&self, request: &Request) -> Result<Answer, String>;
}

/// The usual judgement of a certificate, and then that its key is the one that is wanted.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    tls_key: Option<String>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.usual.verify_server_cert(certificate, between, name, ocsp, now)?;
        if self.tls_key.is_some() && attest::key_id(certificate) != self.tls_key {
            return Err(rustls::Error::General(OTHER_KEY.into()));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

pub struct Https {
    base: String,
    timeout: Duration,
    usual: Arc<WebPkiServerVerifier>,
    /// Kept connections, by the TLS key that they had to show.
    clients: Mutex<Vec<(Option<String>, reqwest::Client)>>,
}

fn config(text: String) -> Error {
    Error::own(Kind::Config, "config", text)
}

impl Https {
    pub fn new(base: &str, ca: Option<&str>, timeout: Duration) -> Result<Self, Error> {
        if !base.starts_with("https://") {
            return Err(config("the URL must begin with https://: a token travels there".into()));
        }
        let mut roots = RootCertStore::empty();
        match ca {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    let certificate = certificate.map_err(|error| config(format!("the certificate is not PEM: {error}")))?;
                    roots.add(certificate).map_err(|error| config(format!("the certificate: {error}")))?;
                }
                if roots.is_empty() {
                    return Err(config("the certificate's PEM is empty".into()));
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| config(format!("the certificate: {error}")))?;
        let https = Self { base: base.trim_end_matches('/').into(), timeout, usual, clients: Mutex::new(Vec::new()) };
        https.client(&None)?;
        Ok(https)
    }

    fn client(&self, tls_key: &Option<String>) -> Result<reqwest::Client, Error> {
        let mut clients = self.clients.lock().expect("poisoned");
        if let Some((_, client)) = clients.iter().find(|(key, _)| key == tls_key) {
            return Ok(client.clone());
        }
        let verifier = Pinned { usual: self.usual.clone(), tls_key: tls_key.clone() };
        let tls = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| config(format!("no TLS 1.3: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(self.timeout)
            .tls_info(true)
            .use_preconfigured_tls(tls)
            .build()
            .map_err(|error| config(format!("no HTTPS client: {error}")))?;
        clients.push((tls_key.clone(), client.clone()));
        Ok(client)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn whole(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: &Request) -> Result<Answer, String> {
        let client = self.client(&request.tls_key).map_err(|error| error.text)?;
        let url = format!("{}{}", self.base, request.path);
        let mut builder = match &request.body {
            Some(body) => {
                client.post(url).header("content-type", "application/json").body(body.to_string())
            }
            None => client.get(url),
        };
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(token) = &request.token {
            builder = builder.bearer_auth(token);
        }
        let mut response = builder.send().await.map_err(|error| whole(&error))?;
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(String::from);
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(|tls| tls.peer_certificate()).map(Vec::from);
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| whole(&error))? {
            if body.len() + part.len() > ANSWER_MAX_BYTES {
                return Err(format!("an answer of more than {ANSWER_MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status: response.status().as_u16(), retry_after, body, certificate })
    }
}

/// What a refusal's document says; also one of a batch's results.
pub fn refusal(status: u16, problem: &Value, retry_after: Option<&str>) -> Result<Error, Error> {
    Ok(Error {
        kind: Kind::Refused,
        reason: json::text(problem, "code")?.into(),
        text: json::text(problem, "detail")?.into(),
        status: Some(status),
        retryable: json::flag(problem, "retryable")?,
        retry_after: retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs),
        decision: problem["decision"].as_str().map(String::from),
        reasons: json::reasons(problem)?,
    })
}

/// Nothing else is sent as a token.
fn one_word(token: &str) -> Result<String, Error> {
    if token.is_empty() || !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(config("the token is none: one word, as `claviger client token` writes it into its file".into()));
    }
    Ok(token.into())
}

pub struct Client {
    pub transport: Box<dyn Transport>,
    pub token: TokenSource,
    pub retry: Retry,
    /// Of who answers; none: TLS is enough.
    pub policy: Option<Policy>,
    /// Who was found to answer: boot and TLS key.
    pub known: Mutex<Option<(u64, String)>>,
    /// Held by the call that asks who answers: the others wait for what it finds.
    pub judging: tokio::sync::Mutex<()>,
}

impl Client {
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        Ok(self.call(path, None, false, false).await?.0)
    }

    /// Carries no token: it is asked before it is known who answers. Also the connection's certificate.
    pub async fn get_open(&self, path: &str) -> Result<(Value, Option<Vec<u8>>), Error> {
        self.call(path, None, false, true).await
    }

    pub async fn post(&self, path: &str, body: Value, signs: bool) -> Result<Value, Error> {
        Ok(self.call(path, Some(body), signs, false).await?.0)
    }

    /// Asks who answers, and remembers it.
    pub async fn judge(&self, policy: &Policy) -> Result<Report, Error> {
        let report = trust::check(self, policy).await?;
        *self.known.lock().expect("poisoned") = Some((report.boot, report.tls_key.clone()));
        Ok(report)
    }

    /// It restarted: who answers now has to show again who it is, before the next request.
    pub fn note_boot(&self, boot: u64) {
        self.known.lock().expect("poisoned").take_if(|(known, _)| *known != boot);
    }

    /// The TLS key of who may be asked. Boxed, since judging asks, too.
    fn ensure_trust(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, Error>> + Send + '_>> {
        Box::pin(async {
            let Some(policy) = &self.policy else { return Ok(None) };
            let known = || self.known.lock().expect("poisoned").clone().map(|(_, key)| key);
            if let Some(key) = known() {
                return Ok(Some(key));
            }
            let _judging = self.judging.lock().await;
            match known() {
                Some(key) => Ok(Some(key)),
                None => Ok(Some(self.judge(policy).await?.tls_key)),
            }
        })
    }

    async fn call(
        &self,
        path: &str,
        body: Option<Value>,
        signs: bool,
        open: bool,
    ) -> Result<(Value, Option<Vec<u8>>), Error> {
        let random: [u8; 16] = random();
        let mut request = Request {
            path: path.into(),
            body,
            // One key for all attempts: they are one request.
            idempotency_key: signs.then(|| json::hex(&random)),
            token: None,
            tls_key: None,
        };
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            if !open {
                request.tls_key = self.ensure_trust().await?;
                if began.elapsed() >= self.retry.deadline {
                    return Err(Error {
                        retryable: true,
                        ..Error::own(Kind::Connection, "no_connection", "no answer: who answers was not known before the deadline")
                    });
                }
                request.token = Some(one_word((self.token)()?.trim())?);
            }
            let error = match self.once(&request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = error.retryable && matches!(error.status, None | Some(429 | 502 | 503 | 504));
            if !again || attempt >= self.retry.attempts {
                return Err(error);
            }
            let backoff = LONGEST_WAIT.min(FIRST_WAIT * 4u32.saturating_pow(attempt - 1));
            let spread = backoff.mul_f64(0.5 + f64::from(random[attempt as usize % 16]) / 512.0);
            let wait = spread.max(error.retry_after.unwrap_or_default());
            if wait >= self.retry.deadline.saturating_sub(began.elapsed()) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn once(&self, request: &Request) -> Result<(Value, Option<Vec<u8>>), Error> {
        let answer = self.transport.send(request).await.map_err(|why| {
            let other = why.contains(OTHER_KEY);
            if other {
                *self.known.lock().expect("poisoned") = None; // nothing was sent: the next attempt asks who that is
            }
            let (kind, reason) = if other { (Kind::Untrusted, "signer_untrusted") } else { (Kind::Connection, "no_connection") };
            Error {
                retryable: other || !why.contains("certificate"), // which will not fit in a second either
                ..Error::own(kind, reason, format!("no answer: {why}"))
            }
        })?;
        let found: Option<Value> = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
        match (answer.status, found) {
            (200, Some(found)) => Ok((found, answer.certificate)),
            (200, None) => Err(Error::answer("not a JSON object: is this a signer?")),
            (status, Some(problem)) if !problem["code"].is_null() => {
                Err(refusal(status, &problem, answer.retry_after.as_deref())?)
            }
            (status, _) => Err(Error {
                status: Some(status),
                retryable: matches!(status, 429 | 502 | 503 | 504),
                retry_after: answer.retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs),
                ..Error::answer(&format!("status {status} without a reason: is this a signer?"))
            }),
        }
    }
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes).expect("the system has no random bytes");
    bytes
}
