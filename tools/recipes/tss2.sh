# SPDX-License-Identifier: Apache-2.0
# tpm2-tss: ESYS, SAPI, marshalling and the TCTIs for a device and for swtpm, static, on AWS-LC.
cd "$SRC"
sed -i "s/^git describe.*/echo 4.1.3 > VERSION/" bootstrap # the archive has no git history to ask
./bootstrap
export CFLAGS="-O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffunction-sections \
-fdata-sections -fcf-protection=full -ffile-prefix-map=$SRC=."
# AWS-LC has no SM4; without this the check would find it in the machine's own libcrypto.
export ac_cv_lib_crypto_EVP_sm4_cfb128=no
./configure --prefix="$PREFIX" --sysconfdir=/etc --localstatedir=/var \
	--with-udevrulesdir="$PREFIX/udev" --disable-shared --enable-static --enable-nodl \
	--disable-fapi --disable-policy --disable-doxygen-doc --disable-doxygen-man \
	--disable-tcti-mssim --disable-tcti-spi-helper --disable-tcti-pcap --disable-tcti-libtpms \
	--disable-tcti-cmd --disable-tcti-spi-ltt2go --disable-tcti-spi-ftdi --disable-tcti-spidev \
	--disable-tcti-i2c-helper --disable-tcti-i2c-ftdi --enable-tcti-device --enable-tcti-swtpm \
	--with-crypto=ossl --disable-weakcrypto --disable-hardening --disable-unit \
	--with-maxloglevel=none \
	CRYPTO_CFLAGS="-isystem $AWSLC/include" CRYPTO_LIBS="-L$AWSLC/lib -lcrypto -lpthread"
make -j"$JOBS"
mkdir -p "$PREFIX/lib" "$PREFIX/include"
for name in esys sys mu tctildr tcti-device tcti-swtpm; do
	cp "$(find . -name "libtss2-$name.a" | head -n 1)" "$PREFIX/lib/"
done
# Each TCTI defines this for the dynamic loader that we leave out; two of them would not link.
for name in tcti-device tcti-swtpm; do
	objcopy --localize-symbol=Tss2_Tcti_Info "$PREFIX/lib/libtss2-$name.a"
done
cp -r include/tss2 "$PREFIX/include/"
cp LICENSE "$PREFIX/LICENSE"
