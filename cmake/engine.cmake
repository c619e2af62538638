# The two Rust static libraries: `engine` (wasmi behind our table of functions, for lib/wasm) and
# `toml` (for the command line tool). engine/build makes them once and keeps them in the cache.
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/engine/build
	OUTPUT_VARIABLE engine_lib OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE engine_failed)
if(engine_failed)
	message(FATAL_ERROR "the engine was not built: see what engine/build said above")
endif()
file(GLOB_RECURSE engine_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/engine/*.rs
	${CMAKE_SOURCE_DIR}/engine/Cargo.toml ${CMAKE_SOURCE_DIR}/engine/*/Cargo.toml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	${engine_sources} ${CMAKE_SOURCE_DIR}/engine/Cargo.lock ${CMAKE_SOURCE_DIR}/engine/build)

add_library(engine INTERFACE)
target_link_libraries(engine INTERFACE ${engine_lib}/libclaviger_engine.a m)
add_library(toml INTERFACE)
target_include_directories(toml SYSTEM INTERFACE ${CMAKE_SOURCE_DIR}/engine/toml)
target_link_libraries(toml INTERFACE ${engine_lib}/libclaviger_toml.a m)
