# Writes files into a C table: cmake -DOUT=file.c "-DFILES=a.h;b.h" -P embed.cmake
set(rows "")
set(arrays "")
set(count 0)
foreach(file ${FILES})
	get_filename_component(name ${file} NAME)
	file(READ ${file} hex HEX)
	string(REGEX REPLACE "(..)" "0x\\1," bytes ${hex})
	string(APPEND arrays "static const unsigned char file_${count}[] = {${bytes}};\n")
	string(APPEND rows "\t{\"${name}\", file_${count}, sizeof(file_${count})},\n")
	math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "/* Written by cmake/embed.cmake. */\n#include \"cli_template.h\"\n
${arrays}\nconst struct cli_template_file cli_template_files[] = {\n${rows}};
const size_t cli_template_file_count = ${count};\n")
