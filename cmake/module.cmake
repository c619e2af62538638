# The verbs of this project's build: module(), process(), tool(), policy(), script_test(), soak_test(). The root
# CMakeLists.txt uses nothing else, so that its rows are the architecture.
# Links are PRIVATE: a header is visible only to those whose row names its module; the linker still
# gets the whole closure. Every row is also written to build/rows.txt, which tests/structure compares
# with the executables' symbols and the documents' tables.

file(WRITE ${CMAKE_BINARY_DIR}/rows.txt "")
file(WRITE ${CMAKE_BINARY_DIR}/soak.txt "")
add_custom_target(programs) # what `make build` makes: all that ships, no tests
add_dependencies(programs licenses)
set(TEST_DEFINITIONS SOURCE_DIR="${CMAKE_SOURCE_DIR}" BUILD_DIR="${CMAKE_BINARY_DIR}")
# A test that takes longer hangs: several times what the longest one takes on a slow and busy machine.
set(TEST_TIMEOUT 1800)

# module(NAME USES a b THIRD x [SHARES d e]): lib/NAME, a static library. NAME/*_test.c become tests of the
# group NAME, NAME/*_fuzz.c fuzzers. SHARES: folders whose headers belong to its own.
function(module name)
	cmake_parse_arguments(M "" "" "USES;THIRD;TESTS_USE;SHARES" ${ARGN})
	set(dir ${CMAKE_SOURCE_DIR}/lib/${name})
	_row(module ${name} "${M_USES}" "${M_THIRD}")
	_sources(${dir} sources tests fuzzers)
	if(sources)
		add_library(${name} STATIC ${sources})
		target_include_directories(${name} PUBLIC ${dir})
		foreach(shared ${M_SHARES})
			target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/${shared})
		endforeach()
		target_link_libraries(${name} PRIVATE ${M_USES} ${M_THIRD})
	else()
		add_library(${name} INTERFACE)
		target_include_directories(${name} INTERFACE ${dir})
	endif()
	_tests(${name} "${tests}" "${name};${M_USES};${M_TESTS_USE};${M_THIRD}")
	_fuzzers(${name} "${fuzzers}" "${name};${M_USES};${M_THIRD}")
endfunction()

# process(NAME USES a b THIRD x): proc/NAME, one executable build/bin/claviger-NAME. NAME.c holds its
# proc_body (the supervisor's: main); what the other files define is also in reach of
# proc/NAME/*_test.c and *_fuzz.c. main and the start phases come from proc/*.c, the system calls that
# it may make from proc/NAME/NAME.seccomp.
# What only tests link stands in TESTS_USE.
function(process name)
	cmake_parse_arguments(P "" "" "USES;THIRD;TESTS_USE" ${ARGN})
	_row(process ${name} "${P_USES}" "${P_THIRD}")
	_program(claviger-${name} ${name} ${CMAKE_SOURCE_DIR}/proc/${name} "${P_USES}" "${P_THIRD}" "${P_TESTS_USE}")
	file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proc/*.c)
	if(shared)
		_process_library(${shared})
		target_link_libraries(${name}_parts PRIVATE process_parts)
		target_link_libraries(claviger-${name} PRIVATE process_parts)
	endif()
	if(NOT name STREQUAL supervisor) # which starts the others, and so cannot have less than they
		_seccomp(${name} claviger-${name})
	endif()
endfunction()

# tool(NAME DIR d USES a b THIRD x [EMBEDS f]): folder d, one executable build/bin/NAME for people. EMBEDS:
# files that it carries inside (cmake/embed.cmake).
function(tool name)
	cmake_parse_arguments(P "" "DIR" "USES;THIRD;EMBEDS" ${ARGN})
	_row(tool ${name} "${P_USES}" "${P_THIRD}")
	get_filename_component(stem ${P_DIR} NAME)
	_program(${name} ${stem} ${CMAKE_SOURCE_DIR}/${P_DIR} "${P_USES}" "${P_THIRD}" "")
	if(P_EMBEDS)
		set(files "")
		foreach(pattern ${P_EMBEDS})
			file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${pattern})
			list(APPEND files ${found})
		endforeach()
		set(table ${CMAKE_BINARY_DIR}/generated/${name}_files.c)
		file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
		add_custom_command(OUTPUT ${table} DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
			COMMAND ${CMAKE_COMMAND} -DOUT=${table} "-DFILES=${files}"
				-P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
			COMMENT "files inside ${name}" VERBATIM)
		target_sources(${stem}_parts PRIVATE ${table})
	endif()
endfunction()

# policy(NAME [DIR d] [SOURCES a.c b.c] [FLAGS f] [PAGES n] [STACK n] [EVALUATOR]): policies/NAME (or policies/d), freestanding C with
# the SDK to build/share/policies/NAME.wasm. The profile of spec/policy-abi.md: no imports, memory that
# cannot grow, integers only; exports are exactly the ABI's names. A custom section is written with
# module-level asm: __asm__(".section .custom_section.NAME,\"\",@\n.byte 1,2\n.text\n").
# EVALUATOR: no policy by itself but what every intent's table is put beside; it stays in build/policies
# and known_policies() puts its bytes into the tool and the signer.
function(policy name)
	cmake_parse_arguments(P "EVALUATOR" "DIR;PAGES;STACK" "SOURCES;FLAGS" ${ARGN})
	if(NOT P_STACK)
		set(P_STACK 32768)
	endif()
	if(NOT P_DIR)
		set(P_DIR ${name})
	endif()
	if(NOT P_PAGES)
		set(P_PAGES 2) # of 64 KiB: exchange area, stack, data; each costs time at every check
	endif()
	set(dir ${CMAKE_SOURCE_DIR}/policies/${P_DIR})
	if(P_SOURCES)
		list(TRANSFORM P_SOURCES PREPEND ${dir}/)
	else()
		file(GLOB P_SOURCES CONFIGURE_DEPENDS ${dir}/*.c)
		list(FILTER P_SOURCES EXCLUDE REGEX "_(test|fuzz)\\.c$")
	endif()
	file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h ${CMAKE_SOURCE_DIR}/policies/sdk/*.h
		${CMAKE_SOURCE_DIR}/abi/*.h)
	math(EXPR bytes "${P_PAGES} * 65536")
	set(wasm ${CMAKE_BINARY_DIR}/share/policies/${name}.wasm)
	set(exports --export=policy_abi --export=policy_io --export=policy_check --export=policy_describe)
	if(P_EVALUATOR)
		set(wasm ${CMAKE_BINARY_DIR}/policies/${name}/${name}.wasm)
		list(APPEND exports --export=_initialize)
	endif()
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/policies)
	# What is small is inlined: a call costs the engine ten times an instruction. Frames grow by it and
	# with them the fuel, which counts every slot of a frame, but not the time: a check of a real swap
	# takes 21,600 fuel and two thirds of what it takes with 8,350 and no inlining (bench/bench_wasm).
	# The linker is called itself: clang's driver would run wasm-opt where it happens to be installed,
	# and the module's hash, which is its identity, would differ between machines.
	set(objects "")
	foreach(source ${P_SOURCES})
		get_filename_component(stem ${source} NAME_WE)
		set(object ${CMAKE_BINARY_DIR}/policies/${name}/${stem}.o)
		list(APPEND objects ${object})
		add_custom_command(OUTPUT ${object} DEPENDS ${source} ${headers}
			COMMAND ${WASM_CLANG} --target=wasm32-unknown-unknown -std=c17 -O2 -ffreestanding
				-mllvm -inline-threshold=5 -fno-unroll-loops
				-Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wvla
				-mbulk-memory -msign-ext -mmutable-globals -mno-simd128 -fvisibility=hidden
				-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -I${CMAKE_SOURCE_DIR}/abi
				-I${CMAKE_SOURCE_DIR}/policies/sdk -I${dir} ${P_FLAGS} -c ${source} -o ${object}
			COMMENT "policy ${name}: ${stem}.c" VERBATIM)
	endforeach()
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/policies/${name})
	# NAME_parameters.h: the linked module gets its parameter schema as a custom section behind it.
	set(linked ${wasm})
	if(EXISTS ${dir}/${name}_parameters.h)
		set(linked ${CMAKE_BINARY_DIR}/policies/${name}/${name}.bare.wasm)
		set(sdk ${CMAKE_SOURCE_DIR}/policies/sdk)
		add_executable(policy_schema_${name} ${sdk}/policy_schema_write.c)
		target_include_directories(policy_schema_${name} PRIVATE ${dir} ${CMAKE_SOURCE_DIR}/abi)
		target_compile_definitions(policy_schema_${name} PRIVATE
			POLICY_PARAMETERS_HEADER="${name}_parameters.h")
		target_link_libraries(policy_schema_${name} PRIVATE base cbor)
		set_target_properties(policy_schema_${name} PROPERTIES
			RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/policies/${name})
		add_custom_command(OUTPUT ${wasm} DEPENDS ${linked} policy_schema_${name}
			COMMAND policy_schema_${name} ${linked} ${wasm} COMMENT "schema of ${name}" VERBATIM)
	endif()
	add_custom_command(OUTPUT ${linked} DEPENDS ${objects}
		COMMAND ${WASM_LD} --no-entry --strip-all --stack-first -z stack-size=${P_STACK} -O2
			--initial-memory=${bytes} --max-memory=${bytes} --fatal-warnings ${exports}
			${objects} -o ${linked}
		COMMENT "policy ${name}.wasm" VERBATIM)
	add_custom_target(policy_${name} ALL DEPENDS ${wasm})
	add_dependencies(programs policy_${name})
	set_property(GLOBAL APPEND PROPERTY POLICY_TARGETS policy_${name})
	if(P_EVALUATOR)
		set_property(GLOBAL PROPERTY POLICY_EVALUATOR ${wasm})
	else()
		set_property(GLOBAL APPEND PROPERTY POLICY_MODULES ${wasm})
	endif()
endfunction()

# known_policies(MODULE): the policies named so far ship: MODULE gets the table of their hashes, and the
# evaluator of intents.
function(known_policies module)
	get_property(modules GLOBAL PROPERTY POLICY_MODULES)
	get_property(targets GLOBAL PROPERTY POLICY_TARGETS)
	get_property(evaluator GLOBAL PROPERTY POLICY_EVALUATOR)
	set(table ${CMAKE_BINARY_DIR}/generated/policy_known_table.c)
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
	add_custom_command(OUTPUT ${table} DEPENDS ${modules} ${evaluator} ${targets}
			${CMAKE_SOURCE_DIR}/cmake/known.cmake
		COMMAND ${CMAKE_COMMAND} -DOUT=${table} -DTABLE=policy_known "-DMODULES=${modules}" -DEVALUATOR=${evaluator}
			-P ${CMAKE_SOURCE_DIR}/cmake/known.cmake
		COMMENT "table of known policies" VERBATIM)
	target_sources(${module} PRIVATE ${table})
endfunction()

# Of a stack machine: some variables are written and never read, some functions never called.
set(POLICY_C_OPTIONS -Wno-unused-variable -Wno-unused-but-set-variable -Wno-unused-function)

# built_policies(MODULE): the policies named so far, and the evaluator, as C that MODULE runs instead of the
# WASM that it was made from (lib/wasm/wasm_built.h).
function(built_policies module)
	get_property(modules GLOBAL PROPERTY POLICY_MODULES)
	get_property(targets GLOBAL PROPERTY POLICY_TARGETS)
	get_property(evaluator GLOBAL PROPERTY POLICY_EVALUATOR)
	set(wasm_dir ${CMAKE_SOURCE_DIR}/lib/wasm)
	# The library would need what this makes, so its parts are compiled for it once more.
	add_executable(policy_compile ${CMAKE_SOURCE_DIR}/tools/policy_compile.c ${wasm_dir}/wasm_precheck.c
		${wasm_dir}/wasm_code.c ${wasm_dir}/wasm_reader.c)
	target_include_directories(policy_compile PRIVATE ${wasm_dir})
	target_link_libraries(policy_compile PRIVATE base)
	foreach(wasm ${modules} ${evaluator})
		get_filename_component(name ${wasm} NAME_WE)
		set(source ${CMAKE_BINARY_DIR}/generated/${name}_built.c)
		add_custom_command(OUTPUT ${source} DEPENDS ${wasm} ${targets} policy_compile
			COMMAND policy_compile ${name} ${wasm} ${source} COMMENT "policy ${name} in C" VERBATIM)
		target_sources(${module} PRIVATE ${source})
		set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${POLICY_C_OPTIONS}")
	endforeach()
endfunction()

# intents(PROGRAM...): every intents/*.toml to build/share/intents/NAME.wasm, by the tool itself; each
# PROGRAM then knows which intents ship. The tool is one of those, so it is linked twice: the one that
# makes them knows of none.
function(intents)
	add_executable(intent_maker ${CMAKE_SOURCE_DIR}/cli/cli.c)
	get_target_property(links claviger LINK_LIBRARIES)
	target_link_libraries(intent_maker PRIVATE ${links})
	file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/intents/*.toml)
	file(GLOB common CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/intents/common/*.toml)
	file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/intents)
	set(modules "")
	foreach(file ${files})
		get_filename_component(name ${file} NAME_WE)
		set(wasm ${CMAKE_BINARY_DIR}/share/intents/${name}.wasm)
		list(APPEND modules ${wasm})
		add_custom_command(OUTPUT ${wasm} DEPENDS intent_maker ${file} ${common}
			COMMAND intent_maker policy build ${file} -o ${wasm} COMMENT "intent ${name}" VERBATIM)
	endforeach()
	add_custom_target(intents ALL DEPENDS ${modules})
	add_dependencies(programs intents)
	set(table ${CMAKE_BINARY_DIR}/generated/policy_shipped_table.c)
	add_custom_command(OUTPUT ${table} DEPENDS ${modules} ${CMAKE_SOURCE_DIR}/cmake/known.cmake
		COMMAND ${CMAKE_COMMAND} -DOUT=${table} -DTABLE=policy_shipped "-DMODULES=${modules}"
			-P ${CMAKE_SOURCE_DIR}/cmake/known.cmake
		COMMENT "table of shipped intents" VERBATIM)
	add_library(shipped OBJECT ${table})
	target_link_libraries(shipped PRIVATE policy)
	foreach(program ${ARGN})
		target_sources(${program} PRIVATE $<TARGET_OBJECTS:shipped>)
	endforeach()
endfunction()

# script_test(NAME GROUP g [COST s] [ALONE] [TIMEOUT s] COMMAND c...): a test that is no C program. It ends 0 (passed), 77 (this
# machine cannot run it: listed, with its last line as the reason) or anything else (failed); it may
# close with "N passed, N failed", which is then what it counts for. Those of the highest COST begin first: about the
# seconds that it takes, where they are many; one that measures runs ALONE, behind all others.
function(script_test name)
	cmake_parse_arguments(S "ALONE" "GROUP;COST;TIMEOUT" "COMMAND" ${ARGN})
	if(CLAVIGER_SANITIZE OR CLAVIGER_FUZZ)
		return()
	endif()
	if(NOT S_TIMEOUT)
		set(S_TIMEOUT ${TEST_TIMEOUT})
	endif()
	if(NOT S_COST)
		set(S_COST 1)
	endif()
	add_test(NAME ${name} COMMAND ${S_COMMAND} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(${name} PROPERTIES LABELS ${S_GROUP} TIMEOUT ${S_TIMEOUT}
		SKIP_RETURN_CODE 77 COST ${S_COST} RUN_SERIAL ${S_ALONE}
		ENVIRONMENT "SOURCE_DIR=${CMAKE_SOURCE_DIR};BUILD_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# soak_test(NAME [ROUNDS n OF programs...] COMMAND c...): a long run for `make soak`. It keeps its progress in
# $SOAK_STATE, or is short and run once in each of n rounds, $ROUND from 0 on, which are kept while the programs
# are the same.
function(soak_test name)
	cmake_parse_arguments(S "" "ROUNDS" "OF;COMMAND" ${ARGN})
	if(NOT S_ROUNDS)
		set(S_ROUNDS 0)
		set(S_OF -)
	endif()
	list(JOIN S_OF " " programs)
	list(JOIN S_COMMAND " " command)
	file(APPEND ${CMAKE_BINARY_DIR}/soak.txt "${name}\t${S_ROUNDS}\t${programs}\t${command}\n")
endfunction()

# What follows serves the verbs above.

function(_row kind name uses third)
	file(APPEND ${CMAKE_BINARY_DIR}/rows.txt "${kind} ${name} uses ${uses} third ${third}\n")
endfunction()

# _sources: a folder's C files, apart: what ships, its tests, its fuzzers.
function(_sources dir ret_sources ret_tests ret_fuzzers)
	file(GLOB all CONFIGURE_DEPENDS ${dir}/*.c)
	set(tests ${all})
	set(fuzzers ${all})
	list(FILTER tests INCLUDE REGEX "_test\\.c$")
	list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.c$")
	list(FILTER all EXCLUDE REGEX "_(test|fuzz)\\.c$")
	set(${ret_sources} ${all} PARENT_SCOPE)
	set(${ret_tests} ${tests} PARENT_SCOPE)
	set(${ret_fuzzers} ${fuzzers} PARENT_SCOPE)
endfunction()

# _program: an executable whose parts, all but the file with main, tests can link too.
function(_program target stem dir uses third tests_use)
	_sources(${dir} sources tests fuzzers)
	set(main ${dir}/${stem}.c)
	list(REMOVE_ITEM sources ${main})
	add_library(${stem}_parts STATIC ${sources} ${CMAKE_SOURCE_DIR}/cmake/empty.c)
	target_include_directories(${stem}_parts PUBLIC ${dir} ${CMAKE_SOURCE_DIR}/proc
		${CMAKE_BINARY_DIR}/generated)
	target_link_libraries(${stem}_parts PRIVATE ${uses} ${third})
	add_executable(${target} ${main})
	target_link_libraries(${target} PRIVATE ${stem}_parts ${uses} ${third})
	add_dependencies(programs ${target})
	set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
	if(NOT CLAVIGER_SANITIZE AND NOT CLAVIGER_FUZZ)
		# What runs at users is a glibc static-pie executable (structure tests look at the ELF).
		target_link_options(${target} PRIVATE -static-pie -Wl,--gc-sections)
	endif()
	_tests(${stem} "${tests}" "${stem}_parts;${uses};${tests_use};${third}")
	_fuzzers(${stem} "${fuzzers}" "${stem}_parts;${uses};${third}")
endfunction()

# _process_library: proc/*.c, what every process does in the same way (start phases, topology).
function(_process_library)
	if(TARGET process_parts)
		return()
	endif()
	set(sources ${ARGN})
	set(tests ${ARGN})
	list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.c$")
	list(FILTER tests INCLUDE REGEX "_test\\.c$")
	add_library(process_parts STATIC ${sources} ${CMAKE_SOURCE_DIR}/cmake/empty.c)
	target_include_directories(process_parts PUBLIC ${CMAKE_SOURCE_DIR}/proc)
	target_link_libraries(process_parts PRIVATE ${PROCESS_PARTS_USES})
	_tests(proc "${tests}" "process_parts;${PROCESS_PARTS_USES}")
endfunction()

# _seccomp: the filter of executable TARGET from proc/proc.seccomp and proc/NAME/NAME.seccomp, as C by a
# tool that runs here. A process without a policy gets the common one alone.
function(_seccomp name target)
	if(NOT TARGET seccomp_compile)
		add_executable(seccomp_compile ${CMAKE_SOURCE_DIR}/tools/seccomp_compile.c)
		target_link_libraries(seccomp_compile PRIVATE seccomp)
	endif()
	set(policies ${CMAKE_SOURCE_DIR}/proc/proc.seccomp)
	if(EXISTS ${CMAKE_SOURCE_DIR}/proc/${name}/${name}.seccomp)
		list(APPEND policies ${CMAKE_SOURCE_DIR}/proc/${name}/${name}.seccomp)
	endif()
	if(CLAVIGER_SANITIZE OR CLAVIGER_FUZZ)
		list(APPEND policies ${CMAKE_SOURCE_DIR}/proc/proc_sanitize.seccomp)
	endif()
	set(source ${CMAKE_BINARY_DIR}/generated/${name}_filter.c)
	if(NOT TARGET filter_${name})
		file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
		add_custom_command(OUTPUT ${source} DEPENDS ${policies} seccomp_compile
			COMMAND seccomp_compile ${source} ${policies} COMMENT "seccomp ${name}" VERBATIM)
		add_library(filter_${name} OBJECT ${source})
		target_include_directories(filter_${name} PRIVATE ${CMAKE_SOURCE_DIR}/proc)
	endif()
	target_link_libraries(${target} PRIVATE $<TARGET_OBJECTS:filter_${name}>)
endfunction()

function(_tests group files links)
	foreach(file ${files})
		get_filename_component(stem ${file} NAME_WE)
		add_executable(${stem} ${file})
		target_include_directories(${stem} PRIVATE ${CMAKE_SOURCE_DIR}/lib/base)
		target_link_libraries(${stem} PRIVATE ${links} base)
		target_compile_definitions(${stem} PRIVATE ${TEST_DEFINITIONS})
		set_target_properties(${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
		add_test(NAME ${stem} COMMAND ${stem} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
		set_tests_properties(${stem} PROPERTIES LABELS ${group} COST 5 TIMEOUT ${TEST_TIMEOUT} SKIP_RETURN_CODE 77)
	endforeach()
endfunction()

# _fuzzers: with CLAVIGER_FUZZ libFuzzer programs; else the same property over the seeds beside the
# fuzzer (x_fuzz.seeds: one input a line, in hex), every prefix of them and many mutations.
function(_fuzzers group files links)
	foreach(file ${files})
		get_filename_component(stem ${file} NAME_WE)
		get_filename_component(dir ${file} DIRECTORY)
		add_executable(${stem} ${file})
		target_include_directories(${stem} PRIVATE ${CMAKE_SOURCE_DIR}/lib/base)
		target_link_libraries(${stem} PRIVATE ${links} base)
		target_compile_definitions(${stem} PRIVATE ${TEST_DEFINITIONS})
		set_target_properties(${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
		if(CLAVIGER_FUZZ)
			target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
			if(NOT TARGET fuzzers)
				add_custom_target(fuzzers)
			endif()
			add_dependencies(fuzzers ${stem})
		else()
			target_sources(${stem} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_replay.c)
			add_test(NAME ${stem} COMMAND ${stem} ${dir}/${stem}.seeds
				WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
			set_tests_properties(${stem} PROPERTIES LABELS fuzz TIMEOUT ${TEST_TIMEOUT})
		endif()
	endforeach()
endfunction()
