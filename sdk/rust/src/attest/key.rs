// SPDX-License-Identifier: Apache-2.0
//! Signatures of other makers' keys, verified and never made: ECDSA, RSASSA-PKCS1-v1_5 and RSA-PSS.
use super::bytes::{ensure, Form, FormError};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss};
use sha2::{Digest, Sha256, Sha384, Sha512};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    Sha256,
    Sha384,
    Sha512,
}

impl HashKind {
    pub fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate.
    pub fn field(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

pub enum Key {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Rsa(rsa::PublicKey),
}

fn verify<K: PrehashVerifier<S>, S: for<'a> TryFrom<&'a [u8]>>(key: &K, digest: &[u8], pair: &[u8]) -> bool {
    S::try_from(pair).is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
}

impl Key {
    /// A point as SEC 1 writes it; it must lie on the curve.
    pub fn ec(curve: Curve, point: &[u8]) -> Form<Self> {
        Ok(match curve {
            Curve::P256 => Self::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| FormError)?),
            Curve::P384 => Self::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| FormError)?),
            Curve::P521 => Self::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| FormError)?),
        })
    }

    /// Modulus (at most 8192 bits) and exponent, big-endian.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Form<Self> {
        ensure(modulus.len() <= 1024 && exponent.len() <= 8)?;
        let number = BoxedUint::from_be_slice_vartime;
        rsa::PublicKey::new(number(modulus), number(exponent)).map(Self::Rsa).map_err(|_| FormError)
    }

    pub fn curve(&self) -> Option<Curve> {
        match self {
            Self::P256(_) => Some(Curve::P256),
            Self::P384(_) => Some(Curve::P384),
            Self::P521(_) => Some(Curve::P521),
            Self::Rsa(_) => None,
        }
    }

    /// `pair`: r and s, each as long as the curve's field.
    pub fn verify_ecdsa(&self, hash: HashKind, message: &[u8], pair: &[u8]) -> bool {
        let digest = hash.of(message);
        match self {
            Self::P256(key) => verify::<_, p256::ecdsa::Signature>(key, &digest, pair),
            Self::P384(key) => verify::<_, p384::ecdsa::Signature>(key, &digest, pair),
            Self::P521(key) => verify::<_, p521::ecdsa::Signature>(key, &digest, pair),
            Self::Rsa(_) => false,
        }
    }

    pub fn verify_pkcs1(&self, hash: HashKind, message: &[u8], signature: &[u8]) -> bool {
        let Self::Rsa(key) = self else { return false };
        let scheme = match hash {
            HashKind::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            HashKind::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            HashKind::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        key.verify(scheme, &hash.of(message), signature).is_ok()
    }

    pub fn verify_pss(&self, hash: HashKind, salt_len: usize, message: &[u8], signature: &[u8]) -> bool {
        let Self::Rsa(key) = self else { return false };
        let digest = hash.of(message);
        match hash {
            HashKind::Sha256 => key.verify(Pss::<Sha256>::new_with_salt(salt_len), &digest, signature),
            HashKind::Sha384 => key.verify(Pss::<Sha384>::new_with_salt(salt_len), &digest, signature),
            HashKind::Sha512 => key.verify(Pss::<Sha512>::new_with_salt(salt_len), &digest, signature),
        }
        .is_ok()
    }
}
