# Third-party libraries as CMake targets: awslc_crypto awslc_ssl tss2 sqlite3 llhttp yyjson engine.
# tools/deps fetches, checks and builds them outside the tree (deps.lock says what). A module names
# the target that it adapts in its THIRD; its headers count as system headers, so our warnings stop there.

# third(NAME PACKAGE p ARCHIVES a.a b.a NEEDS t): an interface target on what tools/deps built for p.
function(third name)
	cmake_parse_arguments(T "" "PACKAGE" "ARCHIVES;NEEDS" ${ARGN})
	set(prefix ${THIRD_PREFIX_${T_PACKAGE}})
	add_library(${name} INTERFACE)
	target_include_directories(${name} SYSTEM INTERFACE ${prefix}/include)
	list(TRANSFORM T_ARCHIVES PREPEND ${prefix}/lib/)
	target_link_libraries(${name} INTERFACE ${T_ARCHIVES} ${T_NEEDS})
endfunction()

execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/deps all
	OUTPUT_VARIABLE third_lines RESULT_VARIABLE third_failed
	WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
if(third_failed)
	message(FATAL_ERROR "the third-party libraries are missing: see what tools/deps said above")
endif()
string(REGEX MATCHALL "[^\n]+" third_lines "${third_lines}")
foreach(line ${third_lines})
	string(REGEX REPLACE " .*" "" package "${line}")
	string(REGEX REPLACE "^[^ ]* " "" THIRD_PREFIX_${package} "${line}")
	list(APPEND third_prefixes ${package}=${THIRD_PREFIX_${package}})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	${CMAKE_SOURCE_DIR}/deps.lock ${CMAKE_SOURCE_DIR}/tools/deps)

third(awslc_crypto PACKAGE awslc ARCHIVES libcrypto.a)
third(awslc_ssl PACKAGE awslc ARCHIVES libssl.a NEEDS awslc_crypto)
third(sqlite3 PACKAGE sqlite3 ARCHIVES libsqlite3.a)
third(llhttp PACKAGE llhttp ARCHIVES libllhttp.a)
third(yyjson PACKAGE yyjson ARCHIVES libyyjson.a)
third(tss2 PACKAGE tss2 NEEDS awslc_crypto ARCHIVES libtss2-esys.a libtss2-sys.a
	libtss2-tcti-device.a libtss2-tcti-swtpm.a libtss2-mu.a)

# Their licences travel with the programs.
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/share/licenses/LICENSE
	DEPENDS ${CMAKE_SOURCE_DIR}/tools/licenses ${CMAKE_SOURCE_DIR}/THIRD_PARTY.md
		${CMAKE_SOURCE_DIR}/deps.lock ${CMAKE_SOURCE_DIR}/engine/Cargo.lock
		${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/NOTICE
	COMMAND ${CMAKE_SOURCE_DIR}/tools/licenses ${CMAKE_BINARY_DIR}/share/licenses ${third_prefixes}
	COMMENT "licences" VERBATIM)
add_custom_target(licenses ALL DEPENDS ${CMAKE_BINARY_DIR}/share/licenses/LICENSE)
