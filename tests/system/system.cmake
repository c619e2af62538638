# The whole signer, real processes and a software TPM: what a user, a bot and a power cut see of it.
script_test(system_thread GROUP system TIMEOUT 300 COMMAND node tests/system/thread.mjs)
script_test(demo GROUP system TIMEOUT 300 COMMAND node tools/demo.mjs)
script_test(system_readme GROUP system TIMEOUT 120 COMMAND node tests/system/readme.mjs)
script_test(system_failures GROUP system TIMEOUT 300 COMMAND node tests/system/failures.mjs)
script_test(system_store GROUP system TIMEOUT 300 COMMAND node tests/system/store.mjs)
script_test(system_serve GROUP system TIMEOUT 120 COMMAND python3 tests/system/serve.py)
script_test(system_kills GROUP system TIMEOUT 600 COMMAND node tests/system/kills.mjs 50)
soak_test(kills COMMAND node tests/system/kills.mjs 1000)
