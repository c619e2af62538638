# SPDX-License-Identifier: Apache-2.0
# SQLite's amalgamation: no mmap, no extensions, no shared cache, cell checks on, one thread.
# SQLITE_DQS=0 and TRUSTED_SCHEMA=0: what a damaged file says is data, never SQL or a function call.
mkdir -p "$PREFIX/lib" "$PREFIX/include"
"$CC" -c -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fcf-protection=full \
	-ffile-prefix-map="$SRC=." \
	-DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_THREADSAFE=0 \
	-DSQLITE_ENABLE_OVERSIZE_CELL_CHECK -DSQLITE_DEFAULT_CELL_SIZE_CHECK=1 \
	-DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_DQS=0 -DSQLITE_OMIT_SHARED_CACHE \
	-DSQLITE_OMIT_DEPRECATED -DSQLITE_DEFAULT_SYNCHRONOUS=2 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2 \
	-DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_TEMP_STORE=3 \
	-DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_USE_URI=0 \
	-DSQLITE_SECURE_DELETE -DHAVE_FDATASYNC=1 \
	"$SRC/sqlite3/sqlite3.c" -o sqlite3.o
ar rcsD "$PREFIX/lib/libsqlite3.a" sqlite3.o
cp "$SRC/sqlite3/sqlite3.h" "$PREFIX/include/"
