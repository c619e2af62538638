// SPDX-License-Identifier: Apache-2.0
//! The same as a `solana_signer::Signer`, which programs that know nothing of Claviger take: no async, and
//! beside a keypair of the bot's own that pays the fee.
//! Environment: what `claviger serve --dev` prints, BLOCKHASH, RECIPIENT and PAYER (a keypair in base58).
use claviger_sdk::{ClavigerSigner, Config, Trust};
use solana_sdk::hash::Hash;
use solana_sdk::message::Message;
use solana_sdk::pubkey::Pubkey;
use solana_sdk::signature::Keypair;
use solana_sdk::signer::Signer;
use solana_sdk::transaction::Transaction;
use solana_keychain::transaction_util::TransactionUtil;
use solana_system_interface::instruction::transfer;
use std::error::Error;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let trust = Trust::DeploymentKey(env("CLAVIGER_DEPLOYMENT_KEY"));
    let mut config = Config::new(env("CLAVIGER_SERVER"), env("CLAVIGER_TOKEN"), env("CLAVIGER_ADDRESS").parse()?, trust);
    config.ca = Some(std::fs::read_to_string(env("CLAVIGER_CA"))?);
    let wallet = ClavigerSigner::new(config)?;
    let payer = Keypair::from_base58_string(&env("PAYER"));
    let (hash, recipient): (Hash, Pubkey) = (env("BLOCKHASH").parse()?, env("RECIPIENT").parse()?);

    let sign = |lamports| {
        let message = Message::new(&[transfer(&Signer::pubkey(&wallet), &recipient, lamports)], Some(&payer.pubkey()));
        let mut transaction = Transaction::new_unsigned(message);
        let signers: [&dyn Signer; 2] = [&payer, &wallet];
        transaction.try_sign(&signers, hash).map(|()| transaction)
    };
    println!("wire sponsored {}", TransactionUtil::serialize_transaction(&sign(1_000_005)?.into())?);
    println!("refused {}", sign(2_000_000_000).expect_err("it was signed"));
    Ok(())
}
