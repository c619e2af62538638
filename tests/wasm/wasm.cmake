# The verifier as a process, hostile modules in it, the official WebAssembly tests, and a second engine.
_tests(wasm ${CMAKE_SOURCE_DIR}/tests/wasm/verifier_process_test.c
	"cli_parts;base;call;ipc;log;wasm")
target_include_directories(verifier_process_test PRIVATE ${CMAKE_SOURCE_DIR}/proc)
add_dependencies(verifier_process_test claviger-verifier)
add_dependencies(verifier_cache_test policy_transfer)

# policies/hostile: modules that attack, to build/tests/hostile. Not made with policy(): they must break
# its rules, and they must not lie among what ships.
file(GLOB hostile_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policies/hostile/*.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tests/hostile)
foreach(source ${hostile_sources})
	get_filename_component(stem ${source} NAME_WE)
	set(object ${CMAKE_BINARY_DIR}/tests/hostile/${stem}.o)
	set(wasm ${CMAKE_BINARY_DIR}/tests/hostile/${stem}.wasm)
	add_custom_command(OUTPUT ${wasm}
		DEPENDS ${source} ${CMAKE_SOURCE_DIR}/policies/hostile/hostile.h
			${CMAKE_SOURCE_DIR}/abi/policy_abi.h
		COMMAND ${WASM_CLANG} --target=wasm32-unknown-unknown -std=c17 -O1 -ffreestanding -Wall
			-Werror -Wno-infinite-recursion -mbulk-memory -msign-ext -mmutable-globals
			-fvisibility=hidden -I${CMAKE_SOURCE_DIR}/abi -c ${source} -o ${object}
		COMMAND ${WASM_LD} --no-entry --strip-all --stack-first -z stack-size=16384 --allow-undefined
			--initial-memory=131072 --max-memory=131072 ${object} -o ${wasm}
		COMMENT "hostile ${stem}.wasm" VERBATIM)
	list(APPEND hostile_modules ${wasm})
endforeach()
add_custom_target(hostile ALL DEPENDS ${hostile_modules})

_tests(wasm ${CMAKE_SOURCE_DIR}/tests/wasm/hostile_test.c "cli_parts;base;call;ipc;log;wasm")
target_include_directories(hostile_test PRIVATE ${CMAKE_SOURCE_DIR}/proc)
add_dependencies(hostile_test claviger-verifier hostile)

# The official tests, in the engine and compiled by tools/policy_compile.c; the first run builds them (half a minute),
# later ones find them in the cache.
script_test(wasm_spec GROUP wasm COST 60 COMMAND ${CMAKE_SOURCE_DIR}/tests/wasm/wasm_spec)
add_executable(built_suite ${CMAKE_SOURCE_DIR}/tests/wasm/built_suite.c)
target_link_libraries(built_suite PRIVATE base wasm ${CMAKE_DL_LIBS})
set_target_properties(built_suite PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(wasm_spec_built GROUP wasm COST 60 COMMAND ${CMAKE_SOURCE_DIR}/tests/wasm/wasm_spec built
	$<TARGET_FILE:policy_compile> ${CMAKE_C_COMPILER} -std=c17 ${POLICY_C_OPTIONS})

# The same modules on V8 (another engine, another code base).
add_executable(wasm_differ ${CMAKE_SOURCE_DIR}/tests/wasm/wasm_differ.c
	${CMAKE_SOURCE_DIR}/tests/wasm/wasm_random.c)
target_link_libraries(wasm_differ PRIVATE base wasm)
set_target_properties(wasm_differ PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
script_test(wasm_differ GROUP wasm COMMAND node tests/wasm/wasm_differ.mjs 1000)
soak_test(wasm-differ ROUNDS 25 OF tests/wasm/wasm_differ.mjs build/tests/wasm_differ
	build/share/policies/transfer.wasm build/share/policies/swap.wasm
	COMMAND node tests/wasm/wasm_differ.mjs 2000 "$((1000000 + 2000 * ROUND))")

# What tools/policy_compile.c makes of random modules, against the engine. The seeds stand in built_differ.c, too.
add_executable(built_seeds ${CMAKE_SOURCE_DIR}/tests/wasm/built_seeds.c ${CMAKE_SOURCE_DIR}/tests/wasm/wasm_random.c)
target_link_libraries(built_seeds PRIVATE base wasm)
set(seed_sources "")
foreach(seed RANGE 0 27)
	set(seed_source ${CMAKE_BINARY_DIR}/generated/seed${seed}_built.c)
	add_custom_command(OUTPUT ${seed_source} DEPENDS built_seeds policy_compile
		COMMAND built_seeds ${seed} ${CMAKE_BINARY_DIR}/generated/seed${seed}.wasm
		COMMAND policy_compile seed${seed} ${CMAKE_BINARY_DIR}/generated/seed${seed}.wasm ${seed_source}
		COMMENT "seed ${seed} in C" VERBATIM)
	list(APPEND seed_sources ${seed_source})
endforeach()
set_source_files_properties(${seed_sources} PROPERTIES COMPILE_OPTIONS "${POLICY_C_OPTIONS}")
_tests(wasm ${CMAKE_SOURCE_DIR}/tests/wasm/built_differ.c "base;wasm")
target_include_directories(built_differ PRIVATE ${CMAKE_SOURCE_DIR}/abi)
add_dependencies(built_differ policy_transfer policy_swap intents)
target_sources(built_differ PRIVATE ${seed_sources} ${CMAKE_SOURCE_DIR}/tests/wasm/wasm_random.c)

# The figures of the verifier alone, for the bench.
add_executable(bench_wasm ${CMAKE_SOURCE_DIR}/bench/bench_wasm.c)
target_link_libraries(bench_wasm PRIVATE verifier_parts base call ipc wasm)
set_target_properties(bench_wasm PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# The other Rust library: TOML for the command line tool.
_tests(toml ${CMAKE_SOURCE_DIR}/tests/toml/toml_test.c "base;toml")
