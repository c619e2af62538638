// SPDX-License-Identifier: Apache-2.0

// keychain_go: solana-keychain's Go Vault client, unmodified, against a signer: signs, and hears why not.
//
// usage: keychain_go   (environment as for vault_go; go.mjs starts it where the module is to be had)
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/solana-foundation/solana-keychain/go/signers/vault/v2"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	// The certificate comes by SSL_CERT_FILE: so the client is the one that refuses anything but HTTPS.
	signer, err := vault.New(vault.Config{
		VaultAddr: os.Getenv("CLAVIGER_SERVER"),
		Token:     os.Getenv("CLAVIGER_TOKEN"),
		KeyName:   os.Getenv("CLAVIGER_WALLET"),
		Pubkey:    os.Getenv("CLAVIGER_ADDRESS"),
	})
	fail(err)
	fmt.Println("available", signer.IsAvailable(ctx))
	messages := strings.Fields(os.Getenv("MESSAGES"))
	for _, i := range []int{0, 2} {
		message, err := base64.StdEncoding.DecodeString(messages[i])
		fail(err)
		signature, err := signer.SignMessage(ctx, message) // verified by the client
		if i == 0 {
			fail(err)
			fmt.Println("wire vault", base64.StdEncoding.EncodeToString(append(append([]byte{1}, signature[:]...), message...)))
		} else if err == nil {
			fail(errors.New("it was signed"))
		} else {
			fmt.Println("refused", err)
		}
	}
}
