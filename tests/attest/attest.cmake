# Evidence: made up in hundreds of ways, and judged by both verifiers; the quotes in it by tpm2-tools 5.8, too.
script_test(attest_evidence GROUP attest COST 20 COMMAND node tests/attest/evidence.mjs 60)
# The same sets out of a file, for whoever has neither build nor TPM.
script_test(attest_vectors GROUP attest COMMAND node tests/attest/vectors.mjs 6)
soak_test(evidence-vectors COMMAND node tests/attest/vectors.mjs 1)
soak_test(evidence-bits COMMAND node tests/attest/evidence.mjs 20000)
# TPM2_MakeCredential in TypeScript and C, and what tpm2-tools made.
add_executable(make_credential tests/attest/make_credential.c)
target_link_libraries(make_credential PRIVATE base keys)
set_target_properties(make_credential PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(attest_credential GROUP attest COMMAND node tests/attest/credential.mjs)
# How other programs use the verifier: built and run as it stands there.
add_executable(attest_example sdk/c/verify.c)
target_link_libraries(attest_example PRIVATE base attest authz keys)
set_target_properties(attest_example PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(attest_example GROUP attest COMMAND node tests/attest/example.mjs)
# A whole signer whose TPM has a maker, a stranger, a hostile relay, other people's tools.
script_test(attest_system GROUP attest COST 40 COMMAND node tests/attest/system.mjs)
# tpm2_checkquote's place: a real TPM's quotes, forgeries, and tpm2-tools 5.8 on the same files where it is to be had.
script_test(attest_checkquote GROUP attest COMMAND node tests/attest/checkquote.mjs)
