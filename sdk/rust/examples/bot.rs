// SPDX-License-Identifier: Apache-2.0
//! A bot on solana-keychain's traits: says which node answers, asks what would be allowed, signs one transaction of each format,
//! and reads a refusal. Prints `wire FORMAT BASE64` for whoever sends them.
//! Environment: what `claviger serve --dev` prints, BLOCKHASH and RECIPIENT.
use claviger_sdk::{ClavigerSigner, Config, Trust};
use solana_keychain::{SignTransactionResult, SolanaSigner, TransactionSigner};
use solana_sdk::hash::Hash;
use solana_sdk::instruction::Instruction;
use solana_sdk::message::{v0, v1, Message, VersionedMessage};
use solana_sdk::pubkey::Pubkey;
use solana_sdk::transaction::VersionedTransaction;
use solana_system_interface::instruction::transfer;
use std::error::Error;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn unsigned(message: VersionedMessage) -> VersionedTransaction {
    let signatures = vec![Default::default(); message.header().num_required_signatures.into()];
    VersionedTransaction { signatures, message }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: Pubkey = env("CLAVIGER_ADDRESS").parse()?;
    let trust = Trust::DeploymentKey(env("CLAVIGER_DEPLOYMENT_KEY"));
    let mut config = Config::new(env("CLAVIGER_SERVER"), env("CLAVIGER_TOKEN"), address, trust);
    config.ca = Some(std::fs::read_to_string(env("CLAVIGER_CA"))?);
    let signer = ClavigerSigner::new(config)?;
    let node = signer.report().await?.expect("a deployment key was given");
    println!("node {:?} {} {}", node.mode, if node.hardware { "hardware" } else { "software" }, node.deployment_key);
    if !signer.is_available().await {
        return Err("the signer is not available".into());
    }

    let (hash, recipient): (Hash, Pubkey) = (env("BLOCKHASH").parse()?, env("RECIPIENT").parse()?);
    let pay = |lamports: u64| -> [Instruction; 1] { [transfer(&signer.pubkey(), &recipient, lamports)] };
    let versioned = |lamports| v0::Message::try_compile(&address, &pay(lamports), &[], hash).map(VersionedMessage::V0);
    let limits = v1::TransactionConfig::empty().with_compute_unit_limit(200_000).with_loaded_accounts_data_size_limit(1 << 20);
    let messages = [
        ("legacy", VersionedMessage::Legacy(Message::new_with_blockhash(&pay(1_000_001), Some(&address), &hash))),
        ("v0", versioned(1_000_002)?),
        ("v1", VersionedMessage::V1(v1::Message::try_compile_with_config(&address, &pay(1_000_003), hash, limits)?)),
    ];
    for (format, message) in messages {
        let mut transaction = unsigned(message);
        let asked = signer.explain(&transaction).await?; // signs and counts nothing
        println!("asked {format} {} {}", asked.allowed, asked.facts.lamports_out);
        match signer.sign_transaction(&mut transaction).await? {
            SignTransactionResult::Complete((wire, _)) => println!("wire {format} {wire}"),
            SignTransactionResult::Partial(_) => return Err("another signature is missing".into()),
        }
    }

    let mut much = unsigned(versioned(2_000_000_000)?); // more than the grant allows at once
    let refused = signer.sign_bytes(&much.message.serialize()).await.expect_err("it was signed");
    println!("refused {} {:?} {}", refused.reason, refused.reasons[0].instruction, refused.reasons[0].text);
    println!("keychain {}", signer.sign_transaction(&mut much).await.expect_err("it was signed"));

    let mut pair = [unsigned(versioned(1_000_004)?), much.clone()];
    println!("all {}", signer.sign_all(&mut pair).await.expect_err("it was signed").reason);
    let each = signer.sign_each(&mut pair).await?;
    println!("each {} {}", each[0].is_ok(), each[1].is_ok());
    Ok(())
}
