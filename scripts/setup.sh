#!/usr/bin/env bash
# Installs the npm packages that package-lock.json names, and makes sure that node_modules/.bin/bun runs. Quick when nothing changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { echo "setup: $*" >&2; exit 1; }
command -v node >/dev/null && command -v npm >/dev/null ||
  die "node and npm are missing (Node.js 20 or later). They install Bun and the packages; the built executable needs neither."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || die "Node.js $(node --version) is too old, 20 or later is needed"

stamp=node_modules/.installed-lock.json
if ! cmp -s package-lock.json "$stamp"; then
  # Only a fresh checkout gets the clean way: it empties node_modules, under the feet of whatever runs from it.
  if [ -d node_modules ]; then npm install --no-save --loglevel=error; else npm ci --loglevel=error; fi
  cp package-lock.json "$stamp"
fi

# Where install scripts are switched off (--ignore-scripts, stricter npm), Bun's package has not fetched its executable into place.
if ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  (cd node_modules/bun && node install.js)
  node_modules/.bin/bun --version >/dev/null || die "node_modules/.bin/bun does not run on this machine"
fi
