# What bots and people hold in their hands: the SDKs, the peers' clients, the API as its document says it.
script_test(people_sdk GROUP people TIMEOUT 120 COMMAND node tests/people/sdk.mjs)
script_test(people_clients GROUP people TIMEOUT 120 COMMAND node tests/people/clients.mjs)
# Its module (github.com/solana-foundation/solana-keychain/go/signers/vault, and core) is refused by the Go proxy
# that this was written with; nothing of it was run.
script_test(people_vault_go GROUP people COMMAND sh -c
	"echo 'keychain for Go: its module is not to be had from the Go proxy, so its Vault client was not run' && exit 77")
