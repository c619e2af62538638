# The real bridge over real sockets; stage.c stands for signer and authority.
add_executable(http_stage tests/http/stage.c)
target_link_libraries(http_stage PRIVATE supervisor_parts process_parts base call ipc keys log wire)
set_target_properties(http_stage PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_dependencies(http_stage claviger-bridge)
script_test(http GROUP http COST 40 COMMAND ${CMAKE_SOURCE_DIR}/tests/http/http_test.py)
