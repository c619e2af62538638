// SPDX-License-Identifier: Apache-2.0
//! What can go wrong: the signer's own word and reasons, and how keychain and solana-signer call it.
use std::fmt;
use std::time::Duration;

/// Why one grant did not lead to a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantReason {
    /// The grant's id, 64 hex digits.
    pub grant: String,
    /// How it ended: `policy_denied`, `cap_exceeded`, ...
    pub code: String,
    /// The policy's own number for it.
    pub policy_code: u64,
    /// Index of the instruction it is about, if it is about one.
    pub instruction: Option<u64>,
    pub fuel: u64,
    pub text: String,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The configuration cannot be right.
    Config,
    /// No whole answer came. It may have been signed; the same bytes again are safe.
    Connection,
    /// The signer refused, or could not.
    Refused,
    /// The answer is not what a signer says.
    Answer,
    /// Who answers is not the signer that is meant.
    Untrusted,
    /// What came is no signature of the wallet over these bytes.
    Signature,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    pub kind: Kind,
    /// The signer's word: `policy_denied`, `window_spent`, ...; for failures on this side
    /// `config`, `no_connection`, `answer_malformed`, `signer_untrusted`, `signature_wrong`.
    pub reason: String,
    pub text: String,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    /// The same request may succeed later by itself.
    pub retryable: bool,
    pub retry_after: Option<Duration>,
    /// Id of the receipt.
    pub decision: Option<String>,
    pub reasons: Vec<GrantReason>,
}

impl Error {
    pub(crate) fn own(kind: Kind, reason: &str, text: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            text: text.into(),
            status: None,
            retryable: false,
            retry_after: None,
            decision: None,
            reasons: Vec::new(),
        }
    }

    pub(crate) fn answer(what: &str) -> Self {
        Self::own(Kind::Answer, "answer_malformed", format!("the signer's answer: {what}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.text)?;
        match &self.decision {
            Some(decision) => write!(f, " (decision {decision})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for solana_keychain::SignerError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.kind {
            Kind::Config => Self::ConfigError(text),
            Kind::Connection => Self::HttpError(text),
            Kind::Refused => Self::remote_api(text),
            Kind::Answer => Self::SerializationError(text),
            Kind::Untrusted => Self::NotAvailable(text),
            Kind::Signature => Self::SigningFailed(text),
        }
    }
}

impl From<Error> for solana_sdk::signer::SignerError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.kind {
            Kind::Connection => Self::Connection(text),
            Kind::Config => Self::InvalidInput(text),
            Kind::Answer => Self::Protocol(text),
            Kind::Refused | Kind::Untrusted | Kind::Signature => Self::Custom(text),
        }
    }
}
