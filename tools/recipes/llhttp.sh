# SPDX-License-Identifier: Apache-2.0
# llhttp: the three generated C files of the release; the Python wrapper around them is not used.
mkdir -p "$PREFIX/lib" "$PREFIX/include"
for file in api http llhttp; do
	"$CC" -c -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fcf-protection=full \
		-ffile-prefix-map="$SRC=." -I"$SRC/lib" "$SRC/lib/$file.c" -o "$file.o"
done
ar rcsD "$PREFIX/lib/libllhttp.a" api.o http.o llhttp.o
cp "$SRC/lib/llhttp.h" "$PREFIX/include/"
cp "$SRC/LICENSE" "$PREFIX/LICENSE"
