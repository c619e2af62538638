# Writes a table of shipped modules (lib/policy/policy_known.h), and with EVALUATOR that of intents:
# cmake -DOUT=file.c -DTABLE=policy_known "-DMODULES=a.wasm;b.wasm" [-DEVALUATOR=e.wasm] -P known.cmake
set(rows "")
foreach(module ${MODULES})
	get_filename_component(name ${module} NAME_WE)
	file(SHA256 ${module} hash)
	string(REGEX REPLACE "(..)" "0x\\1, " bytes ${hash})
	string(APPEND rows "\t{\"${name}\", {${bytes}}},\n")
endforeach()
list(LENGTH MODULES count)
file(WRITE ${OUT} "/* Written by cmake/known.cmake. */\n#include \"policy_known.h\"\n
const struct policy_known ${TABLE}_modules[] = {\n${rows}};
const size_t ${TABLE}_count = ${count};\n")
if(EVALUATOR)
	file(READ ${EVALUATOR} hex HEX)
	string(REGEX REPLACE "(..)" "0x\\1," evaluator ${hex})
	file(APPEND ${OUT} "\n#include \"intent_evaluator.h\"\n
const uint8_t intent_evaluator[] = {${evaluator}};
const size_t intent_evaluator_len = sizeof(intent_evaluator);\n")
endif()
