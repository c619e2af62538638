// SPDX-License-Identifier: Apache-2.0
//! A node for tests: evidence over any nonce, of a deployment's key and an AK that the test holds.
use super::bytes::{extend, sha256, Hash};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use solana_sdk::signature::Keypair;
use solana_sdk::signer::Signer as _;

pub struct Node<'a> {
    pub key: &'a Keypair,
    pub boot: u8,
    /// Of the channel certificates.
    pub channel_boot: u8,
    pub roles: [u8; 2],
    pub tls_key: Hash,
}

/// A byte string with its head in shortest form.
fn string(from: &[u8]) -> Vec<u8> {
    match from.len() {
        len @ 0..=23 => [&[0x40 | len as u8], from].concat(),
        len @ 24..=255 => [&[0x58, len as u8], from].concat(),
        len => [&[0x59, (len >> 8) as u8, len as u8], from].concat(),
    }
}

/// A major type and a number below 256, in shortest form.
fn head(major: u8, number: usize) -> Vec<u8> {
    if number < 24 { vec![major | number as u8] } else { vec![major | 24, number as u8] }
}

/// A map with the keys from 1 on.
fn map(values: &[Vec<u8>]) -> Vec<u8> {
    let mut out = head(0xa0, values.len());
    for (i, value) in values.iter().enumerate() {
        out.extend(head(0, i + 1));
        out.extend_from_slice(value);
    }
    out
}

fn sized(from: &[u8]) -> Vec<u8> {
    [&(from.len() as u16).to_be_bytes()[..], from].concat()
}

impl Node<'_> {
    fn signed(&self, label: &str, body: &[u8]) -> Vec<u8> {
        let signature = self.key.sign_message(&[label.as_bytes(), body].concat());
        map(&[string(body), string(signature.as_ref())])
    }

    fn channel(&self, role: u8) -> Vec<u8> {
        self.signed("claviger/channel/v1", &map(&[vec![1], string(&[7; 32]), vec![self.channel_boot], vec![role], string(&[9; 32])]))
    }

    pub fn evidence(&self, nonce: &Hash) -> Vec<u8> {
        let ak = SigningKey::from_slice(&[5; 32]).unwrap();
        let point = ak.verifying_key().to_sec1_point(false);
        let attributes = 0x0005_0072u32.to_be_bytes(); // restricted sign, fixed, made inside, user with auth
        let public = [
            &[0, 0x23, 0, 0x0b][..], &attributes, &[0, 0, 0, 0x10, 0, 0x18, 0, 0x0b, 0, 3, 0, 0x10],
            &sized(point.x().unwrap()), &sized(point.y().unwrap()),
        ]
        .concat();
        let name = [&[0, 0x0b][..], &sha256(&[&public])].concat();
        let key = self.key.pubkey().to_bytes();
        let (no, yes) = (vec![0xf4], vec![0xf5]);
        let body = map(&[
            vec![4], string(&[7; 32]), string(&key), vec![self.boot], string(&[1; 32]), vec![1], string(&name), string(&[0; 32]), no.clone(),
            string(&self.channel(self.roles[0])), string(&self.channel(self.roles[1])), string(&self.tls_key), string(&[0; 32]), vec![0x60],
            no.clone(), string(&[0; 32]), yes, no, vec![0x60], vec![0], string(&[0; 64]), vec![0], vec![0], vec![0], string(&[0; 32]), vec![0xf4],
        ]);
        let node = self.signed("claviger/node/v1", &body);
        let mut pcrs = [[0; 32]; 9];
        pcrs[7] = extend(&[0; 32], &sha256(&[b"claviger/commit/v1", &key, &[0; 32], &[9; 32]]));
        let root = sha256(&[&[0], nonce]);
        let extra = sha256(&[b"claviger/quote/v1", &root, &sha256(&[&node])]);
        let statement = [
            &[0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0][..], &sized(&extra), &[0; 8 + 4 + 4 + 1 + 8],
            &[0, 0, 0, 1, 0, 0x0b, 3, 0x95, 0x7a, 0], &sized(&sha256(&[pcrs.as_flattened()])),
        ]
        .concat();
        let signature: Signature = ak.sign_prehash(&sha256(&[&statement])).unwrap();
        let (r, s) = signature.split_bytes();
        let signature = [&[0, 0x18, 0, 0x0b][..], &sized(&r), &sized(&s)].concat();
        let proof = map(&[string(nonce), vec![0], vec![1], string(&[])]);
        map(&[
            vec![1], string(&node), string(&public), string(&statement), string(&signature), string(pcrs.as_flattened()), vec![0x80],
            string(&[]), vec![0x80], string(&[]), proof,
        ])
    }
}
