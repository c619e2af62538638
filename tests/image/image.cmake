# The appliance in a virtual machine. The image is built by the test where it is missing (tools/image).
add_executable(selftest tests/image/selftest.c)
target_link_options(selftest PRIVATE -static-pie)
target_link_libraries(selftest PRIVATE unsealer_parts base disk call tpm approval keys)
set_target_properties(selftest PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(image_hash GROUP appliance COMMAND ${CMAKE_SOURCE_DIR}/tools/image hash)
script_test(kernel GROUP appliance COMMAND ${CMAKE_SOURCE_DIR}/tests/image/kernel.py)
script_test(appliance GROUP appliance TIMEOUT 2400 SERIAL COMMAND ${CMAKE_SOURCE_DIR}/tests/image/appliance.py)
soak_test(appliance COMMAND tests/image/appliance.py all)
