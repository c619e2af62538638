# The library of intents (intents/*.toml) against real transactions, a second evaluator and a second engine.
add_executable(intent_judge ${CMAKE_SOURCE_DIR}/tests/intents/intent_judge.c)
target_link_libraries(intent_judge PRIVATE policy_run policy wasm keys secret solana cbor base)
set_target_properties(intent_judge PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(intent_coverage GROUP intents COMMAND node tests/intents/coverage.mjs)
script_test(intent_deviations GROUP intents COMMAND node tests/intents/deviations.mjs)
script_test(intent_messages GROUP intents COMMAND node tests/intents/messages.mjs)
script_test(intent_mutations GROUP intents TIMEOUT 600 COMMAND node tests/intents/mutations.mjs 10000)
soak_test(intent-mutations COMMAND node tests/intents/mutations.mjs 1000000)
