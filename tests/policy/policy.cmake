# The shipped policies in the real engine: attacks, real swaps, and that each check is needed.
add_library(policy_run STATIC ${CMAKE_SOURCE_DIR}/tests/policy/policy_run.c)
target_include_directories(policy_run PUBLIC ${CMAKE_SOURCE_DIR}/tests/policy)
target_link_libraries(policy_run PRIVATE base solana cbor policy keys wasm)
foreach(name policy_transfer policy_swap policy_abi policy_request)
	if(EXISTS ${CMAKE_SOURCE_DIR}/tests/policy/${name}_test.c)
		_tests(policy ${CMAKE_SOURCE_DIR}/tests/policy/${name}_test.c
			"policy_run;policy;wasm;keys;secret;solana;cbor;base")
		add_dependencies(${name}_test policy_transfer policy_swap)
	endif()
endforeach()
script_test(policy_mutants GROUP policy TIMEOUT 900 COMMAND ${CMAKE_SOURCE_DIR}/tests/policy/mutate.py)
script_test(policy_tool GROUP policy TIMEOUT 300 COMMAND ${CMAKE_SOURCE_DIR}/tests/policy/tool_test.py)
script_test(policy_wrong_allow GROUP policy TIMEOUT 300 COMMAND node tests/policy/wrong_allow.mjs)
