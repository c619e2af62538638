# What an honest client gets while others attack, and the whole counts of connections.
script_test(load GROUP system ALONE COMMAND ${CMAKE_SOURCE_DIR}/tests/load/load_test.py)
soak_test(load COMMAND tests/load/load_test.py --full)
