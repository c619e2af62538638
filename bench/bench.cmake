# What `make bench` runs. R needs Debian's libsodium-dev, which tools/bench installs.
find_path(SODIUM_INCLUDE sodium.h)
find_library(SODIUM_LIBRARY sodium)
add_executable(bench_sign ${CMAKE_SOURCE_DIR}/bench/bench_sign.c ${CMAKE_SOURCE_DIR}/bench/bench_load.c
	${CMAKE_SOURCE_DIR}/bench/bench_message.c)
target_link_libraries(bench_sign PRIVATE awslc_ssl base keys solana)
set_target_properties(bench_sign PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
if(SODIUM_INCLUDE AND SODIUM_LIBRARY)
	target_compile_definitions(bench_sign PRIVATE BENCH_LIBSODIUM=1)
	target_link_libraries(bench_sign PRIVATE ${SODIUM_LIBRARY})
endif()
add_executable(bench_modules ${CMAKE_SOURCE_DIR}/bench/bench_modules.c ${CMAKE_SOURCE_DIR}/bench/bench_load.c
	${CMAKE_SOURCE_DIR}/bench/bench_message.c)
target_link_libraries(bench_modules PRIVATE awslc_ssl base keys solana)
set_target_properties(bench_modules PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
# The signer that makes many modules at once, for `make bench T=modules`; all else of it is the same.
add_executable(bench_signer ${CMAKE_SOURCE_DIR}/proc/signer/signer.c ${CMAKE_SOURCE_DIR}/bench/signer_fill.c)
target_include_directories(bench_signer PRIVATE proc proc/signer)
get_target_property(signer_links claviger-signer LINK_LIBRARIES)
target_link_libraries(bench_signer PRIVATE ${signer_links})
target_link_options(bench_signer PRIVATE -static-pie -Wl,--gc-sections -Wl,--wrap=signer_add_module -Wl,--wrap=keys_sign_random)
set_target_properties(bench_signer PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
# All are built with the tests, so that a change that they do not follow is seen at once.
add_custom_target(bench DEPENDS bench_sign bench_modules bench_signer bench_wasm policy_swap_test)

# Clients of many kinds at once: for tests/load, and for `make bench T=load`.
add_executable(load ${CMAKE_SOURCE_DIR}/bench/load.c ${CMAKE_SOURCE_DIR}/bench/load_change.c
	${CMAKE_SOURCE_DIR}/bench/load_conn.c ${CMAKE_SOURCE_DIR}/bench/bench_message.c)
target_link_libraries(load PRIVATE awslc_ssl base keys solana cbor call authz)
set_target_properties(load PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
