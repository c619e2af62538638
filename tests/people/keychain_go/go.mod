module claviger/keychain_go

go 1.25.0

require github.com/solana-foundation/solana-keychain/go/signers/vault/v2 v2.0.0
