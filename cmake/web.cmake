# The user's page, web/: TypeScript compiled here, once, and put into the bridge; nothing of a tool is in it.
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/deps web
	OUTPUT_VARIABLE web_place RESULT_VARIABLE web_failed OUTPUT_STRIP_TRAILING_WHITESPACE
	WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
if(web_failed)
	message(FATAL_ERROR "what compiles the user's page is missing: see what tools/deps said above")
endif()
string(REGEX REPLACE "^[^ ]* " "" web_place "${web_place}")
file(GLOB web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/* ${CMAKE_SOURCE_DIR}/web/src/*.ts
	${CMAKE_SOURCE_DIR}/sdk/ts/src/*.ts ${CMAKE_SOURCE_DIR}/sdk/ts/src/attest/*.ts)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/generated/web_files.c DEPENDS ${web_sources}
	COMMAND node ${CMAKE_SOURCE_DIR}/web/build.mjs ${web_place}/node_modules/typescript/bin/tsc
		${CMAKE_BINARY_DIR}/web ${CMAKE_BINARY_DIR}/generated/web_files.c
	COMMENT "the user's page" VERBATIM)
target_sources(bridge_parts PRIVATE ${CMAKE_BINARY_DIR}/generated/web_files.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/package-lock.json)
