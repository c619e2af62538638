# Compiler and linker settings, one place. Warnings are errors with gcc and with clang.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2") # never NDEBUG: CHECK and assertions stay on
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release)
endif()
# A second clone compiles little: the same file with the same flags is taken from the compiler cache.
find_program(CCACHE ccache)
if(CCACHE)
	set(cache_dir $ENV{CLAVIGER_CACHE})
	if(NOT cache_dir)
		set(cache_dir $ENV{HOME}/.cache/claviger)
	endif()
	set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_DIR=${cache_dir}/ccache
		CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=2G ${CCACHE})
endif()
option(CLAVIGER_SANITIZE "address and undefined behaviour sanitizers" OFF)
option(CLAVIGER_COVERAGE "source coverage (clang)" OFF)
option(CLAVIGER_FUZZ "build the libFuzzer targets (clang)" OFF)

# ccache hands the compiler paths relative to the build folder: __FILE__ is cut for both kinds.
file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
add_compile_options(-g -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes
	-Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wswitch-enum
	-fstack-protector-strong -ftrivial-auto-var-init=zero -fno-strict-aliasing
	-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${up}= -include ${CMAKE_SOURCE_DIR}/lib/base/base_banned.h)
add_compile_definitions(_GNU_SOURCE)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
	# CHECK(!"why") is meant as it stands.
	add_compile_options(-Wno-string-conversion
		-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
else()
	add_compile_options(-fzero-call-used-regs=used-gpr -fstack-clash-protection
		-fcf-protection=full)
endif()
if(CLAVIGER_SANITIZE)
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	add_link_options(-fsanitize=address,undefined -fuse-ld=lld) # lld links in a fifth of the time
	add_compile_definitions(CLAVIGER_SANITIZED=1)
else()
	add_compile_definitions(CLAVIGER_SANITIZED=0)
	add_compile_options(-fPIE -D_FORTIFY_SOURCE=2)
endif()
if(CLAVIGER_COVERAGE)
	add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
	add_link_options(-fprofile-instr-generate)
endif()
if(CLAVIGER_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Policies are WebAssembly: clang's own back end, whatever compiles the rest.
find_program(WASM_CLANG NAMES clang-14 clang clang-16 clang-19 REQUIRED)
find_program(WASM_LD NAMES wasm-ld-14 wasm-ld wasm-ld-16 wasm-ld-19 REQUIRED)
