# What happens at the borders between processes: the supervisor's rules with stubs in all places.
if(CLAVIGER_SANITIZE)
	return() # the processes lock themselves in, and a sanitizer makes calls for which that kills
endif()
add_executable(stub tests/boundary/stub.c)
target_link_libraries(stub PRIVATE process_parts ${PROCESS_PARTS_USES})
_seccomp(stub stub)
set_target_properties(stub PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/supervisor_test.c "")
add_dependencies(supervisor_test stub claviger-supervisor)

# The real processes, one at a time, with a hostile other end.
if(NOT CLAVIGER_SANITIZE)
	_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/channel_test.c "supervisor_parts;base;ipc;call")
	target_include_directories(channel_test PRIVATE proc proc/supervisor)
	add_dependencies(channel_test claviger-store claviger-verifier claviger-bridge claviger-authority
		claviger-signer)

	_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/authority_test.c
		"supervisor_parts;base;ipc;call;wire;cbor;keys;authz")
	target_include_directories(authority_test PRIVATE proc proc/supervisor)
	add_dependencies(authority_test claviger-authority)

	# The test as bridge and authority before a real signer, store and verifier.
	add_library(rig STATIC tests/boundary/rig.c)
	set(RIG_USES base ipc call wire cbor secret keys authz site)
	target_include_directories(rig PUBLIC tests/boundary proc proc/supervisor)
	target_link_libraries(rig PRIVATE supervisor_parts ${RIG_USES})
	target_compile_definitions(rig PRIVATE ${TEST_DEFINITIONS})
	# The signer on a machine whose clocks a test sets; all else of it is the same.
	add_executable(skewed_signer proc/signer/signer.c tests/boundary/skewed_clock.c)
	target_include_directories(skewed_signer PRIVATE tests/boundary)
	get_target_property(signer_links claviger-signer LINK_LIBRARIES)
	target_link_libraries(skewed_signer PRIVATE ${signer_links})
	target_link_options(skewed_signer PRIVATE -static-pie -Wl,--gc-sections)
	set_target_properties(skewed_signer PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

	foreach(test power_test crash_test decide_test operator_test anchor_test group_test owed_test
			time_test export_test)
		_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/${test}.c
			"rig;supervisor_parts;${RIG_USES}")
		add_dependencies(${test} claviger-store claviger-verifier claviger-signer policy_transfer)
	endforeach()
	add_dependencies(time_test skewed_signer)
	add_dependencies(owed_test skewed_signer)
	target_include_directories(owed_test PRIVATE proc/signer)
	set_tests_properties(owed_test PROPERTIES COST 40) # most of it is waiting
	add_dependencies(decide_test claviger)
	target_link_libraries(decide_test PRIVATE solana)
	# And as the store, with the store's own code.
	_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/store_kill_test.c
		"rig;supervisor_parts;store_parts;db;${RIG_USES}")
	target_include_directories(store_kill_test PRIVATE proc/store)
	add_dependencies(store_kill_test claviger-verifier claviger-signer policy_transfer)
	# As the verifier, with the verifier's own code.
	_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/verdict_test.c
		"rig;supervisor_parts;verifier_parts;wasm;${RIG_USES}")
	target_include_directories(verdict_test PRIVATE proc/verifier abi)
	add_dependencies(verdict_test claviger-store claviger-signer policy_transfer)
	_tests(boundary ${CMAKE_SOURCE_DIR}/tests/boundary/module_test.c
		"rig;supervisor_parts;store_parts;db;${RIG_USES}")
	target_include_directories(module_test PRIVATE proc/store)
	add_dependencies(module_test claviger claviger-verifier claviger-signer policy_transfer)
endif()

set(RIG_PROGRAMS build/bin/claviger-signer build/bin/claviger-store build/bin/claviger-verifier
	build/share/policies/transfer.wasm)
soak_test(signer-bent-frames ROUNDS 40 OF build/tests/power_test ${RIG_PROGRAMS}
	COMMAND build/tests/power_test 250000 $ROUND)
soak_test(crash ROUNDS 20 OF build/tests/crash_test ${RIG_PROGRAMS} COMMAND build/tests/crash_test 50)
soak_test(ipc-hostile-writer ROUNDS 100 OF build/tests/ipc_stress_test
	COMMAND build/tests/ipc_stress_test 1000000)

# All real processes with a software TPM, as the kernel sees them.
script_test(whole GROUP boundary COMMAND ${CMAKE_SOURCE_DIR}/tests/boundary/whole.py)

# The figures of a hop; `claviger bench` measures the whole.
add_executable(ipc_bench bench/ipc_bench.c)
target_link_libraries(ipc_bench PRIVATE base ipc)
set_target_properties(ipc_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
