# Writes the table of shipped policy modules, and the evaluator of intents:
# cmake -DOUT=file.c "-DMODULES=a.wasm;b.wasm" -DEVALUATOR=e.wasm -P known.cmake
set(rows "")
foreach(module ${MODULES})
	get_filename_component(name ${module} NAME_WE)
	file(SHA256 ${module} hash)
	string(REGEX REPLACE "(..)" "0x\\1, " bytes ${hash})
	string(APPEND rows "\t{\"${name}\", {${bytes}}},\n")
endforeach()
list(LENGTH MODULES count)
file(READ ${EVALUATOR} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," evaluator ${hex})
file(WRITE ${OUT} "/* Written by cmake/known.cmake. */\n#include \"intent_evaluator.h\"\n#include \"policy_known.h\"\n
const uint8_t intent_evaluator[] = {${evaluator}};
const size_t intent_evaluator_len = sizeof(intent_evaluator);\n
const struct policy_known policy_known_modules[] = {\n${rows}};
const size_t policy_known_count = ${count};\n")
