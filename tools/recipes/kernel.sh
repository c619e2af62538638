# SPDX-License-Identifier: Apache-2.0
# The appliance's kernel and what its EFI program is assembled from (tools/image): the kernel with a
# slot of random bytes where the programs go, and the wrapper around it, which stays as it is,
# because random bytes compress to no less than any other content of the slot.
# The same bytes at every path, time, umask and user with the compilers of image/toolchain.lock.
export KBUILD_BUILD_TIMESTAMP=@1700000000 SOURCE_DATE_EPOCH=1700000000 TZ=UTC
export KBUILD_BUILD_USER=claviger KBUILD_BUILD_HOST=claviger KBUILD_BUILD_VERSION=1
umask 022
work=$PWD image=$ROOT/image out=$PWD/out
mkdir out

# The layout of structures is drawn from a published seed: other than everybody's, not secret.
cat >seed.sh <<'END'
#!/bin/sh
seed=$(printf claviger-randstruct-v1 | sha256sum | cut -c1-64)
echo "$seed" >"$1"
echo "#define RANDSTRUCT_HASHED_SEED \"$(printf %s "$seed" | sha256sum | cut -c1-64)\"" >"$2"
END
chmod +x seed.sh
python3 - "$image/kernel.slot" out/slot.cpio <<'END'
import hashlib, sys
size = int(open(sys.argv[1]).read())
open(sys.argv[2], "wb").write(hashlib.shake_256(b"claviger slot").digest(size))
END
cp "$image/kernel.config" all.config
printf 'CONFIG_CMDLINE="%s"\n' "$(grep -v '^#' "$image/kernel.cmdline" | tr '\n' ' ' | sed 's/ *$//')" >>all.config

# gcc by name: whatever compiler builds our own code, the kernel's is the pinned one.
build() { make -C "$SRC" O="$out" CC=gcc HOSTCC=gcc HOSTCXX=g++ gen-randstruct-seed="$work/seed.sh" \
	KCFLAGS=-frandom-seed=claviger-v1 "$@"; }
build KCONFIG_ALLCONFIG="$work/all.config" allnoconfig
python3 - all.config out/.config <<'END'
import sys
def options(path):
    return dict(line.strip().split("=", 1) for line in open(path) if line.startswith("CONFIG_"))
want, got = map(options, sys.argv[1:])
lost = [k for k, v in want.items() if got.get(k, "n") != v]
if lost:
    sys.exit("options of image/kernel.config that this kernel does not take: " + " ".join(lost))
END
nice -n 5 make -C "$SRC" O="$out" CC=gcc HOSTCC=gcc HOSTCXX=g++ gen-randstruct-seed="$work/seed.sh" \
	KCFLAGS=-frandom-seed=claviger-v1 -j "$JOBS" bzImage

boot=out/arch/x86/boot
cp $boot/compressed/vmlinux.bin "$PREFIX/vmlinux"
cp out/arch/x86/boot/compressed/vmlinux.relocs "$PREFIX/relocs"
cp $boot/compressed/vmlinux "$PREFIX/wrapper"
cp $boot/setup.bin $boot/zoffset.h "$PREFIX"
cp $boot/tools/build "$PREFIX/join"
cp out/.config "$PREFIX/config"
cp "$SRC/COPYING" "$PREFIX"
python3 - out/slot.cpio "$PREFIX/vmlinux" "$PREFIX/slot" <<'END'
import sys
slot, kernel = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
if kernel.count(slot) != 1:
    sys.exit("the slot is not in the kernel exactly once")
open(sys.argv[3], "w").write("%d %d\n" % (kernel.index(slot), len(slot)))
END
