# Evidence: made up in hundreds of ways, and judged by both verifiers.
script_test(attest_evidence GROUP attest TIMEOUT 300 COMMAND node tests/attest/evidence.mjs 60)
# The same sets out of a file, for whoever has neither build nor TPM.
script_test(attest_vectors GROUP attest TIMEOUT 300 COMMAND node tests/attest/vectors.mjs 6)
soak_test(evidence-vectors COMMAND node tests/attest/vectors.mjs 1)
soak_test(evidence-bits COMMAND node tests/attest/evidence.mjs 20000)
# A whole signer whose TPM has a maker, a stranger, a hostile relay, other people's tools.
script_test(attest_system GROUP attest TIMEOUT 300 COMMAND node tests/attest/system.mjs)
# tpm2_checkquote's place: a real TPM's quotes, forgeries, and tpm2-tools 5.8 on the same files where it is to be had.
script_test(attest_checkquote GROUP attest TIMEOUT 300 COMMAND node tests/attest/checkquote.mjs)
