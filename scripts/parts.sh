#!/usr/bin/env bash
# Installs the real servers that the tests and the demo run against, into the git-ignored .parts/ folder.
#
#   scripts/parts.sh                        every part
#   scripts/parts.sh milvus-2.3.5 minio     only these
#   scripts/parts.sh --list                 the names
#
# Only ordinary package clients are used (pip, go, npm). Each part has a stamp that names its version: an installed part is
# skipped, another version is replaced. Needs: python3 with venv, go for minio, and npm for azurite.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
parts=$root/.parts
recipe=1 # raise it when the way of installing changes: every stamp becomes stale

pymilvus_version=2.5.18
minio_version=v0.0.0-20260212201848-7aac2a2c5b7c
azurite_version=3.37.0
gcs_emulator_version=2026.7.19
all=(milvus-2.3.5 milvus-2.2.16 pymilvus minio azurite gcs-emulator)

say() { printf 'parts: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The text a part's stamp must hold to count as installed.
stamp_of() {
  case $1 in
    milvus-*) echo "$1 recipe $recipe" ;;
    pymilvus) echo "pymilvus-$pymilvus_version recipe $recipe" ;;
    minio) echo "minio-$minio_version recipe $recipe" ;;
    azurite) echo "azurite-$azurite_version recipe $recipe" ;;
    gcs-emulator) echo "gcs-emulator-$gcs_emulator_version recipe $recipe" ;;
    *) return 1 ;;
  esac
}
installed() { [ -f "$parts/$1.stamp" ] && [ "$(<"$parts/$1.stamp")" = "$(stamp_of "$1")" ]; }

# In CI as root a missing tool is installed; on a person's machine it is only named.
need() { # command, Debian package, what it is for
  command -v "$1" >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $2"
    retry apt-get update -qq && retry apt-get install -y -qq "$2" >/dev/null
  fi
  command -v "$1" >/dev/null || die "$1 is missing; it is needed for $3. Install it (Debian: apt-get install $2) and run this again."
}

# Registries fail for moments; three tries with growing pauses.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return
    [ "$try" = 3 ] || { say "failed ($*), trying again in $((try * 5)) s"; sleep $((try * 5)); }
  done
  return 1
}

# One virtual environment carries pip for the Milvus packages, and pymilvus itself.
ensure_python() {
  need python3 python3 "the Milvus servers and the independent checker"
  "$parts/python/bin/python" -m pip --version >/dev/null 2>&1 && return
  rm -rf "$parts/python"
  if ! python3 -m venv "$parts/python" >/dev/null 2>&1; then
    rm -rf "$parts/python"
    if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      retry apt-get update -qq && retry apt-get install -y -qq python3-venv >/dev/null
    fi
    python3 -m venv "$parts/python" || die "python3 cannot make a virtual environment. Debian: apt-get install python3-venv"
  fi
}

pip() { retry "$parts/python/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"; }

# The package carries the server as xz-compressed files, which its own launcher unpacks into every new data folder
# (10 s and 300 MB each time). Here they are unpacked once; test/support/milvus.ts starts the server from this folder.
install_milvus() { # part name = milvus-<version>
  local target=$parts/$1 work=$parts/$1.tmp
  rm -rf "$work" "$target"
  pip install --no-deps --target "$work/wheel" "milvus==${1#milvus-}"
  mkdir -p "$work/part/bin"
  "$parts/python/bin/python" - "$work/wheel/milvus/data" "$work/part" <<'PYTHON'
import lzma, os, shutil, sys
data, part = sys.argv[1:]
for name in os.listdir(os.path.join(data, "bin")):
    if name.endswith(".lzma"):
        target = os.path.join(part, "bin", name[: -len(".lzma")])
        with lzma.open(os.path.join(data, "bin", name)) as packed, open(target, "wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        os.chmod(target, 0o755)
for name in ("config.yaml.template", "glog.conf"):
    if os.path.exists(os.path.join(data, name)):
        shutil.copy(os.path.join(data, name), part)
PYTHON
  mv "$work/part" "$target"
  rm -rf "$work"
}

install_pymilvus() {
  # pymilvus 2.5 still imports pkg_resources, which setuptools 81 removed.
  pip install "pymilvus==$pymilvus_version" "setuptools<81"
  "$parts/python/bin/python" -c 'import pymilvus' || die "pymilvus does not import"
}

# In an environment of its own: pip cannot install two parts into one at the same time.
install_gcs-emulator() {
  rm -rf "$parts/gcs-emulator"
  python3 -m venv "$parts/gcs-emulator"
  retry "$parts/gcs-emulator/bin/python" -m pip --quiet --disable-pip-version-check --no-input \
    install "gcp-storage-emulator==$gcs_emulator_version"
}

install_minio() {
  need go golang "building MinIO from its Go module"
  mkdir -p "$parts/bin"
  GOBIN=$parts/bin GOFLAGS=-modcacherw retry go install "github.com/minio/minio@$minio_version" ||
    die "building MinIO failed (go: $(go version)); it needs a Go release that can fetch the module's own toolchain (1.21 or later)"
}

# Not among the development packages: it brings 370 of its own.
install_azurite() {
  rm -rf "$parts/azurite"
  retry npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$parts/azurite" "azurite@$azurite_version" >/dev/null
  [ -f "$parts/azurite/node_modules/azurite/dist/src/blob/main.js" ] || die "azurite $azurite_version is not where it was"
}

install() {
  local started=$SECONDS
  rm -f "$parts/$1.stamp"
  case $1 in
    milvus-*) install_milvus "$1" ;;
    *) "install_$1" ;;
  esac
  stamp_of "$1" >"$parts/$1.stamp"
  say "$1 installed in $((SECONDS - started)) s"
}

if [ "${1:-}" = --list ]; then printf '%s\n' "${all[@]}"; exit 0; fi
wanted=("$@")
[ $# -gt 0 ] || wanted=("${all[@]}")
missing=()
for part in "${wanted[@]}"; do
  case " ${all[*]} " in *" $part "*) ;; *) die "no part is named $part; there are: ${all[*]}" ;; esac
  installed "$part" || missing+=("$part")
done
[ ${#missing[@]} -gt 0 ] || exit 0

mkdir -p "$parts"
# A second run beside this one waits for it, then finds its stamps.
if command -v flock >/dev/null; then exec 9>"$parts/.lock"; flock 9; fi
say "installing ${missing[*]} (the first time takes some minutes)"
for part in "${missing[@]}"; do
  case $part in
    minio) need go golang "building MinIO from its Go module" ;;
    azurite) need npm npm "installing Azurite" ;;
    *) ensure_python ;;
  esac
done
pids=()
for part in "${missing[@]}"; do
  installed "$part" || { (install "$part") & pids+=($!); }
done
failed=0
for pid in "${pids[@]+"${pids[@]}"}"; do wait "$pid" || failed=1; done
[ "$failed" = 0 ] || die "a part could not be installed, see above; running this again goes on where it stopped"
