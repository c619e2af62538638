// SPDX-License-Identifier: Apache-2.0

// vault_go: HashiCorp's own Vault client for Go, unmodified, against a signer: signs one message and two at
// once, and hears why not.
//
// usage: vault_go   (environment: what `claviger serve --dev` prints, and MESSAGES: two messages that a
// grant allows and one that none does, base64, with spaces between; clients.mjs starts it)
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/vault/api"
)

// signed turns "vault:v1:BASE64" into a signature that fits the message, or ends the program.
func signed(key ed25519.PublicKey, message []byte, said any) []byte {
	text, ok := strings.CutPrefix(fmt.Sprint(said), "vault:v1:")
	signature, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || !ed25519.Verify(key, message, signature) {
		fail("not a signature over the message: %v", said)
	}
	return signature
}

func fail(format string, what ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", what...)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

func main() {
	config := api.DefaultConfig()
	config.Address = os.Getenv("CLAVIGER_SERVER")
	config.MaxRetries = 0
	if err := config.ConfigureTLS(&api.TLSConfig{CACert: os.Getenv("CLAVIGER_CA")}); err != nil {
		fail("%v", err)
	}
	client := must(api.NewClient(config))
	client.SetToken(os.Getenv("CLAVIGER_TOKEN"))

	health := must(client.Sys().Health())
	fmt.Println("health", health.Initialized, health.Sealed)

	wallet := os.Getenv("CLAVIGER_WALLET")
	data := must(client.Logical().Read("transit/keys/" + wallet)).Data
	first := data["keys"].(map[string]any)[fmt.Sprint(data["latest_version"])].(map[string]any)
	key := ed25519.PublicKey(must(base64.StdEncoding.DecodeString(first["public_key"].(string))))
	fmt.Println("key", data["type"], data["supports_signing"], len(key))

	var inputs []string
	var messages [][]byte
	for _, text := range strings.Fields(os.Getenv("MESSAGES")) {
		inputs = append(inputs, text)
		messages = append(messages, must(base64.StdEncoding.DecodeString(text)))
	}
	answer := must(client.Logical().Write("transit/sign/"+wallet, map[string]any{"input": inputs[0]}))
	one := signed(key, messages[0], answer.Data["signature"])
	wire := append(append([]byte{1}, one...), messages[0]...)
	fmt.Println("wire vault", base64.StdEncoding.EncodeToString(wire))

	batch := []map[string]any{{"input": inputs[0]}, {"input": inputs[1]}}
	answer = must(client.Logical().Write("transit/sign/"+wallet, map[string]any{"batch_input": batch}))
	for i, row := range answer.Data["batch_results"].([]any) {
		signed(key, messages[i], row.(map[string]any)["signature"])
		fmt.Println("batch", i)
	}

	_, err := client.Logical().Write("transit/sign/"+wallet, map[string]any{"input": inputs[2]})
	var refused *api.ResponseError
	if !errors.As(err, &refused) {
		fail("it was signed")
	}
	fmt.Println("refused", refused.StatusCode, strings.Join(refused.Errors, " "))

	client.SetToken("not-a-token")
	_, err = client.Logical().Read("transit/keys/" + wallet)
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden {
		fail("a stranger was answered: %v", err)
	}
	fmt.Println("stranger", refused.StatusCode)
}
