# SPDX-License-Identifier: Apache-2.0
# yyjson: one C file, strict (no comments, no trailing commas, no NaN: the non-standard parts are left out).
mkdir -p "$PREFIX/lib" "$PREFIX/include"
"$CC" -c -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fcf-protection=full \
	-ffile-prefix-map="$SRC=." -DYYJSON_DISABLE_NON_STANDARD=1 -DYYJSON_DISABLE_UTILS=0 \
	"$SRC/src/yyjson.c" -o yyjson.o
ar rcsD "$PREFIX/lib/libyyjson.a" yyjson.o
cp "$SRC/src/yyjson.h" "$PREFIX/include/"
cp "$SRC/LICENSE" "$PREFIX/LICENSE"
