# The verifier as a process, hostile modules in it, the official WebAssembly tests, and a second engine.
_tests(wasm ${CMAKE_SOURCE_DIR}/tests/wasm/verifier_process_test.c
	"cli_parts;base;call;ipc;log;wasm")
target_include_directories(verifier_process_test PRIVATE ${CMAKE_SOURCE_DIR}/proc)
add_dependencies(verifier_process_test claviger-verifier)
