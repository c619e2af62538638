# SPDX-License-Identifier: Apache-2.0
# kernel-hardening-checker: pure Python, taken out of its package.
dpkg-deb -x "$SRC" x
cp -r x/usr/lib/python3/dist-packages/kernel_hardening_checker "$PREFIX/"
