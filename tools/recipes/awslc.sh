# SPDX-License-Identifier: Apache-2.0
# AWS-LC from the crate's own source folder: libcrypto.a, libssl.a, openssl/ headers. No Go, no Perl.
cmake -S "$SRC/aws-lc" -B build -GNinja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$CC" \
	-DBUILD_TESTING=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON -DBUILD_SHARED_LIBS=OFF \
	-DBUILD_TOOL=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$PREFIX" \
	-DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_C_FLAGS="-ffile-prefix-map=$SRC=." \
	-DCMAKE_CXX_FLAGS="-ffile-prefix-map=$SRC=."
ninja -C build -j "$JOBS" crypto ssl
mkdir -p "$PREFIX/lib" "$PREFIX/include"
cp "$(find build -name libcrypto.a)" "$(find build -name libssl.a)" "$PREFIX/lib/"
cp -r "$SRC/aws-lc/include/openssl" "$PREFIX/include/"
cp "$SRC/aws-lc/LICENSE" "$PREFIX/LICENSE"
