// SPDX-License-Identifier: Apache-2.0
//! A wallet at a Claviger signer as solana-keychain's [`TransactionSigner`] and
//! as `solana_signer::Signer`.
//!
//! One thread of its own does the talking, so the async calls work on every executor and the
//! synchronous ones inside of one. Every signature is verified over the caller's bytes before it is
//! returned; a dropped future stops its request. Before any of it the node's evidence is judged ([`attest`]).
pub mod attest;
mod client;
mod engine;
mod error;
mod json;
#[cfg(test)]
mod rules_test;
mod trust;

use async_trait::async_trait;
use attest::Report;
use base64::{engine::general_purpose::STANDARD, Engine as _};
use client::{refusal, Client, Https};
use engine::Engine;
use serde_json::{json, Value};
use solana_keychain::transaction_util::TransactionUtil;
use solana_keychain::{SignTransactionResult, SolanaSigner, TransactionSigner};
use solana_sdk::pubkey::Pubkey;
use solana_sdk::signature::Signature;
use solana_sdk::transaction::VersionedTransaction;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use client::{Retry, TokenSource};
pub use error::{Error, GrantReason, Kind};
pub use solana_keychain;
pub use trust::Trust;

/// Requests of one batch: the signer's own bound.
pub const BATCH_MAX: usize = 16;

/// How to reach a wallet. `Config::new` fills in what has a default.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// `https://host:8200`.
    pub url: String,
    pub token: TokenSource,
    /// The wallet's address, as its user got it. Every signature is checked against it.
    pub address: Pubkey,
    /// The wallet's name or id at the signer; else its address.
    pub wallet: Option<String>,
    pub trust: Trust,
    /// PEM of the certificate that `claviger serve` writes to ca.pem; else the system's.
    pub ca: Option<String>,
    /// Use this grant only.
    pub grant: Option<String>,
    pub retry: Retry,
    /// For one attempt.
    pub timeout: Duration,
}

impl Config {
    pub fn new(url: impl Into<String>, token: impl Into<String>, address: Pubkey, trust: Trust) -> Self {
        let token = token.into();
        Self {
            url: url.into(),
            token: Arc::new(move || Ok(token.clone())),
            address,
            wallet: None,
            trust,
            ca: None,
            grant: None,
            retry: Retry::default(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// What can leave the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    pub lamports_out: u64,
    pub fee_lamports: u64,
    /// Mint and amount.
    pub tokens: Vec<(String, u64)>,
}

/// A dry run: what a signature would have met just then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    pub allowed: bool,
    pub code: String,
    pub decision: String,
    pub facts: Facts,
    pub reasons: Vec<GrantReason>,
}

struct Inner {
    address: Pubkey,
    wallet: String,
    grant: Option<String>,
    client: Client,
}

/// A wallet as a signer; clones share one connection.
#[derive(Clone)]
pub struct ClavigerSigner {
    inner: Arc<Inner>,
    engine: Arc<Engine>,
}

impl fmt::Debug for ClavigerSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClavigerSigner").field("address", &self.inner.address).finish_non_exhaustive()
    }
}

/// Off-chain messages begin with ff, which no transaction does.
fn item(inner: &Inner, bytes: &[u8]) -> Value {
    let name = if bytes.first() == Some(&0xff) { "message" } else { "transaction" };
    let mut item = json!({"wallet": inner.wallet, name: STANDARD.encode(bytes)});
    if let Some(grant) = &inner.grant {
        item["grant"] = json!(grant);
    }
    item
}

impl Inner {
    // Nothing that the network says is a signature until it verifies over our own bytes.
    fn accept(&self, bytes: &[u8], answer: &Value) -> Result<Signature, Error> {
        let raw: [u8; 64] =
            json::bytes(answer, "signature")?.try_into().map_err(|_| Error::answer("a signature has 64 bytes"))?;
        let signature = Signature::from(raw);
        if !signature.verify(self.address.as_ref(), bytes) {
            let text = format!("what the signer answered is no signature of {} over these bytes", self.address);
            return Err(Error::own(Kind::Signature, "signature_wrong", text));
        }
        self.client.note_boot(json::u64_text(&answer["sequence"], "boot")?);
        Ok(signature)
    }

    async fn sign(&self, bytes: &[u8]) -> Result<Signature, Error> {
        let answer = self.client.post("/api/v1/sign", item(self, bytes), true).await?;
        self.accept(bytes, &answer)
    }

    async fn batch(&self, all: &[Vec<u8>], atomic: bool) -> Result<Vec<Result<Signature, Error>>, Error> {
        let mut results = Vec::with_capacity(all.len());
        for part in all.chunks(BATCH_MAX) {
            let found = self.part(part, atomic).await;
            if atomic {
                // All or none: what stands behind an error is not asked for.
                for one in found? {
                    results.push(Ok(one?));
                }
                continue;
            }
            // What is wrong with this part takes nothing from the others.
            results.extend(found.unwrap_or_else(|error| vec![Err(error); part.len()]));
        }
        Ok(results)
    }

    /// At most [`BATCH_MAX`].
    async fn part(&self, part: &[Vec<u8>], atomic: bool) -> Result<Vec<Result<Signature, Error>>, Error> {
        let requests: Vec<Value> = part.iter().map(|bytes| item(self, bytes)).collect();
        let answer = self.client.post("/api/v1/batch", json!({"requests": requests, "atomic": atomic}), true).await?;
        let answers = json::list(&answer, "results")?;
        if answers.len() != part.len() {
            return Err(Error::answer("another number of results than of requests"));
        }
        let result = |(bytes, one): (&Vec<u8>, &Value)| match json::small(one, "status")? {
            200 => self.accept(bytes, one),
            status => Err(refusal(status as u16, one, None)?),
        };
        Ok(part.iter().zip(answers).map(result).collect())
    }

    async fn check(&self, bytes: &[u8]) -> Result<Checked, Error> {
        let mut body = item(self, bytes);
        body["explain"] = json!(true);
        let answer = self.client.post("/api/v1/check", body, false).await?;
        let facts = &answer["facts"];
        let tokens = json::list(facts, "tokens")?
            .iter()
            .map(|token| Ok((json::text(token, "mint")?.into(), json::u64_text(token, "amount")?)))
            .collect::<Result<_, Error>>()?;
        Ok(Checked {
            allowed: match json::text(&answer, "verdict")? {
                "allow" => true,
                "deny" => false,
                _ => return Err(Error::answer("\"verdict\" is neither allow nor deny")),
            },
            code: json::text(&answer, "code")?.into(),
            decision: json::text(&answer, "decision")?.into(),
            facts: Facts {
                lamports_out: json::u64_text(facts, "lamports_out")?,
                fee_lamports: json::u64_text(facts, "fee_lamports")?,
                tokens,
            },
            reasons: json::reasons(&answer)?,
        })
    }

    async fn available(&self) -> Result<bool, Error> {
        let wallet = self.client.get(&format!("/api/v1/wallets/{}", self.wallet)).await?;
        let live = json::list(&wallet, "grants")?.iter().any(|grant| grant["frozen"] == json!(false));
        Ok(json::text(&wallet, "address")? == self.address.to_string() && !json::flag(&wallet, "frozen")? && live)
    }
}

impl ClavigerSigner {
    /// Nothing is asked of the network until it is used.
    pub fn new(config: Config) -> Result<Self, Error> {
        let transport = Https::new(&config.url, config.ca.as_deref(), config.timeout)?;
        Self::with_transport(config, Box::new(transport))
    }

    fn with_transport(config: Config, transport: Box<dyn client::Transport>) -> Result<Self, Error> {
        let wallet = config.wallet.unwrap_or_else(|| config.address.to_string());
        let refuse = |text: &str| Err(Error::own(Kind::Config, "config", text));
        if wallet.is_empty() || !wallet.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-') {
            return refuse("a wallet's name has letters, digits, '_' and '-'");
        }
        let inner = Inner {
            address: config.address,
            wallet,
            grant: config.grant,
            client: Client {
                transport,
                token: config.token,
                retry: config.retry,
                policy: config.trust.policy()?,
                known: Mutex::new(None),
                judging: tokio::sync::Mutex::new(()),
            },
        };
        Ok(Self { inner: Arc::new(inner), engine: Arc::new(Engine::start()?) })
    }

    async fn on<T, F, Fut>(&self, act: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>) -> Fut,
        Fut: std::future::Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.engine.run(act(self.inner.clone())).await
    }

    /// Signs a message's exact bytes: of a transaction (legacy, v0, v1) or of an off-chain message.
    pub async fn sign_bytes(&self, message: &[u8]) -> Result<Signature, Error> {
        let bytes = message.to_vec();
        self.on(|inner| async move { inner.sign(&bytes).await }).await
    }

    /// Asks the signer for evidence anew and says what it proved; none where TLS is enough. For checks of your own
    /// before the first signature.
    pub async fn report(&self) -> Result<Option<Report>, Error> {
        self.on(|inner| async move {
            match &inner.client.policy {
                Some(policy) => inner.client.judge(policy).await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// Dry run with every reason: signs and counts nothing.
    pub async fn explain(&self, transaction: &VersionedTransaction) -> Result<Checked, Error> {
        let bytes = transaction.message.serialize();
        self.on(|inner| async move { inner.check(&bytes).await }).await
    }

    /// Signs all, or none and says why; more than 16 in parts, each of which is all or none.
    pub async fn sign_all(&self, transactions: &mut [VersionedTransaction]) -> Result<(), Error> {
        let signatures = self.batch(transactions, true).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (transaction, signature) in transactions.iter_mut().zip(signatures) {
            self.put(transaction, signature)?;
        }
        Ok(())
    }

    /// Signs each on its own: a signature, or why not.
    pub async fn sign_each(&self, transactions: &mut [VersionedTransaction]) -> Result<Vec<Result<Signature, Error>>, Error> {
        let results = self.batch(transactions, false).await?;
        for (transaction, result) in transactions.iter_mut().zip(&results) {
            if let Ok(signature) = result {
                self.put(transaction, *signature)?;
            }
        }
        Ok(results)
    }

    async fn batch(&self, transactions: &[VersionedTransaction], atomic: bool) -> Result<Vec<Result<Signature, Error>>, Error> {
        let all: Vec<Vec<u8>> = transactions.iter().map(|each| each.message.serialize()).collect();
        self.on(|inner| async move { inner.batch(&all, atomic).await }).await
    }

    fn put(&self, transaction: &mut VersionedTransaction, signature: Signature) -> Result<(), Error> {
        TransactionUtil::add_signature_to_transaction(transaction, &self.inner.address, signature)
            .map_err(|error| Error::own(Kind::Config, "not_a_signer", error.to_string()))
    }
}

#[async_trait]
impl SolanaSigner for ClavigerSigner {
    fn pubkey(&self) -> Pubkey {
        self.inner.address
    }

    async fn sign_message(&self, message: &[u8]) -> Result<Signature, solana_keychain::SignerError> {
        Ok(self.sign_bytes(message).await?)
    }

    async fn is_available(&self) -> bool {
        self.on(|inner| async move { inner.available().await }).await.unwrap_or(false)
    }
}

#[async_trait]
impl TransactionSigner for ClavigerSigner {
    async fn sign_transaction(
        &self,
        tx: &mut VersionedTransaction,
    ) -> Result<SignTransactionResult, solana_keychain::SignerError> {
        let signature = self.sign_bytes(&tx.message.serialize()).await?;
        TransactionUtil::add_signature_to_transaction(tx, &self.inner.address, signature)?;
        let wire = TransactionUtil::serialize_transaction(tx)?;
        Ok(TransactionUtil::classify_signed_transaction(tx, (wire, signature)))
    }
}

impl solana_sdk::signer::Signer for ClavigerSigner {
    fn try_pubkey(&self) -> Result<Pubkey, solana_sdk::signer::SignerError> {
        Ok(self.inner.address)
    }

    /// Waits for the answer; for what is async already there is [`ClavigerSigner::sign_bytes`].
    fn try_sign_message(&self, message: &[u8]) -> Result<Signature, solana_sdk::signer::SignerError> {
        let (inner, bytes) = (self.inner.clone(), message.to_vec());
        Ok(self.engine.wait(async move { inner.sign(&bytes).await })?)
    }

    fn is_interactive(&self) -> bool {
        false
    }
}
