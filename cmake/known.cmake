# Writes the table of shipped policy modules: cmake -DOUT=file.c "-DMODULES=a.wasm;b.wasm" -P known.cmake
set(rows "")
foreach(module ${MODULES})
	get_filename_component(name ${module} NAME_WE)
	file(SHA256 ${module} hash)
	string(REGEX REPLACE "(..)" "0x\\1, " bytes ${hash})
	string(APPEND rows "\t{\"${name}\", {${bytes}}},\n")
endforeach()
list(LENGTH MODULES count)
file(WRITE ${OUT} "/* Written by cmake/known.cmake. */\n#include \"policy_known.h\"\n
const struct policy_known policy_known_modules[] = {\n${rows}};
const size_t policy_known_count = ${count};\n")
