// SPDX-License-Identifier: Apache-2.0
//! Without this crate: solana-keychain's own Vault client, unmodified, against the signer's Vault dialect.
//! Environment: what `claviger serve --dev` prints, BLOCKHASH and RECIPIENT.
use solana_keychain::vault::reqwest::{Certificate, Client};
use solana_keychain::{SignTransactionResult, SolanaSigner, TransactionSigner, VaultSigner};
use solana_sdk::message::{v0, VersionedMessage};
use solana_sdk::transaction::VersionedTransaction;
use solana_system_interface::instruction::transfer;
use std::error::Error;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ca = Certificate::from_pem(&std::fs::read(env("CLAVIGER_CA"))?)?;
    let signer = VaultSigner::with_client_builder(
        Client::builder().add_root_certificate(ca),
        env("CLAVIGER_SERVER"),
        env("CLAVIGER_TOKEN"),
        env("CLAVIGER_WALLET"),
        env("CLAVIGER_ADDRESS"),
    )?;
    println!("available {}", signer.is_available().await);
    for lamports in [1_000_006, 2_000_000_000] {
        let pay = [transfer(&signer.pubkey(), &env("RECIPIENT").parse()?, lamports)];
        let message = VersionedMessage::V0(v0::Message::try_compile(&signer.pubkey(), &pay, &[], env("BLOCKHASH").parse()?)?);
        let mut transaction = VersionedTransaction { signatures: vec![Default::default()], message };
        match signer.sign_transaction(&mut transaction).await {
            Ok(SignTransactionResult::Complete((wire, _))) => println!("wire vault {wire}"),
            Ok(SignTransactionResult::Partial(_)) => println!("partial"),
            Err(error) => println!("refused {error}"),
        }
    }
    Ok(())
}
