# SPDX-License-Identifier: Apache-2.0
# AWS-LC from the crate's own source folder: libcrypto.a, libssl.a, openssl/ headers. No Go, no Perl.
# Its seed is the kernel's (getrandom) with RDRAND beside it; the library's own jitter source is left out,
# because it takes 40 ms of every process' start and the kernel's generator has that source already.
cmake -S "$SRC/aws-lc" -B build -GNinja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$CC" \
	-DBUILD_TESTING=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON -DBUILD_SHARED_LIBS=OFF \
	-DBUILD_TOOL=OFF -DDISABLE_CPU_JITTER_ENTROPY=ON -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
	-DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_C_FLAGS="-ffile-prefix-map=$SRC=." \
	-DCMAKE_CXX_FLAGS="-ffile-prefix-map=$SRC=."
ninja -C build -j "$JOBS" crypto ssl
mkdir -p "$PREFIX/lib" "$PREFIX/include"
cp "$(find build -name libcrypto.a)" "$(find build -name libssl.a)" "$PREFIX/lib/"
cp -r "$SRC/aws-lc/include/openssl" "$PREFIX/include/"
cp "$SRC/aws-lc/LICENSE" "$PREFIX/LICENSE"
