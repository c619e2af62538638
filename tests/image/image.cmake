# The appliance in a virtual machine. The image is built by the test where it is missing (tools/image).
script_test(appliance GROUP appliance TIMEOUT 2400 SERIAL COMMAND ${CMAKE_SOURCE_DIR}/tests/image/appliance.py)
soak_test(appliance COMMAND tests/image/appliance.py all)
