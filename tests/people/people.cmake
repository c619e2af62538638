# Users: passkeys, second factors, changes that wait, export; with an authenticator in software.
add_library(soft_passkey STATIC tests/people/soft_passkey.c)
set(SOFT_USES base keys authz)
target_include_directories(soft_passkey PUBLIC tests/people)
target_link_libraries(soft_passkey PRIVATE ${SOFT_USES} awslc_crypto)
_tests(people ${CMAKE_SOURCE_DIR}/tests/people/passkey_test.c "soft_passkey;${SOFT_USES};awslc_crypto")
if(NOT CLAVIGER_SANITIZE)
	_tests(people ${CMAKE_SOURCE_DIR}/tests/people/factor_test.c
		"rig;supervisor_parts;soft_passkey;${RIG_USES};awslc_crypto")
	add_dependencies(factor_test claviger-store claviger-verifier skewed_signer policy_transfer)
endif()
# Signatures and passkeys against other people's vectors and code.
add_executable(signature_run tests/people/signature_run.c)
target_link_libraries(signature_run PRIVATE base keys)
set_target_properties(signature_run PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_executable(passkey_cases tests/people/passkey_cases.c)
target_link_libraries(passkey_cases PRIVATE soft_passkey ${SOFT_USES} awslc_crypto)
set_target_properties(passkey_cases PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(people_oracle GROUP people COMMAND ${CMAKE_SOURCE_DIR}/tests/people/passkey_oracle.py 3000)
soak_test(passkey-oracle ROUNDS 100 OF tests/people/passkey_oracle.py build/tests/passkey_cases
	COMMAND tests/people/passkey_oracle.py 3000 "$((7 + ROUND))")
script_test(people_wycheproof GROUP people COMMAND ${CMAKE_SOURCE_DIR}/tests/people/wycheproof.py)
script_test(people_leave GROUP people COST 20 COMMAND node tests/people/leave.mjs)

# What bots and people hold in their hands: the SDKs, the peers' clients, the API as its document says it.
script_test(people_sdk GROUP people COST 20 COMMAND node tests/people/sdk.mjs)
script_test(people_clients GROUP people COMMAND node tests/people/clients.mjs)
# In Go: HashiCorp's own client of Vault, and solana-keychain's, whose modules the Go proxy that this was written with
# refuses: skipped with what it says there, and run wherever they are to be had.
script_test(people_vault_go GROUP people COST 20 COMMAND node tests/people/go.mjs vault)
script_test(people_keychain_go GROUP people COMMAND node tests/people/go.mjs keychain)
script_test(people_events GROUP people COMMAND node tests/people/events.mjs)
add_executable(qr_run tests/people/qr_run.c)
target_link_libraries(qr_run PRIVATE cli_parts base)
set_target_properties(qr_run PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(people_qr GROUP people COMMAND node tests/people/qr.mjs)
script_test(people_hpke GROUP people COMMAND node tests/people/hpke.mjs)
script_test(people_page GROUP people COST 50 COMMAND node tests/people/page.mjs)
script_test(people_operators GROUP people COST 20 COMMAND ${CMAKE_SOURCE_DIR}/tests/people/operators.py)
script_test(people_contract GROUP people COST 20 COMMAND ${CMAKE_SOURCE_DIR}/tests/people/contract.py)
