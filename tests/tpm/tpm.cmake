# The system on a software TPM: tpm2-tools' view of it, and canaries in memory (A22).
add_executable(open_store tests/tpm/open_store.c)
target_link_libraries(open_store PRIVATE base call authz db keys secret)
set_target_properties(open_store PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(tpm_system GROUP tpm COMMAND ${CMAKE_SOURCE_DIR}/tests/tpm/tpm_system.py)
script_test(tpm_upgrade GROUP tpm COMMAND ${CMAKE_SOURCE_DIR}/tests/tpm/tpm_upgrade.py)
script_test(tpm_bus GROUP tpm COMMAND ${CMAKE_SOURCE_DIR}/tests/tpm/tpm_bus.py)
soak_test(tpm-bus COMMAND tests/tpm/tpm_bus.py 400)
script_test(tpm_canary GROUP tpm COMMAND ${CMAKE_SOURCE_DIR}/tests/tpm/tpm_canary.py)
