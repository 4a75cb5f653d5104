#!/bin/bash
# Packs the portable program of this machine's architecture into a wheel for manylinux2014 (glibc 2.17 and later).
#
# usage: scripts/wheel.sh FOLDER
#
# Run scripts/build-portable.sh before. maturin asks cargo to build the program, and checks which symbols of glibc it
# needs; it puts an SBOM into the wheel. With its own `--zig` it would set other flags than cargo-zigbuild does, and cargo
# would compile everything again, so it gets cargo-zigbuild as its cargo: that finds the program already built.
#
# maturin comes from PyPI into target/venv-wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(realpath "$1")
target=$(uname -m)-unknown-linux-gnu
program=${CARGO_TARGET_DIR:-target}/$target/release/trailsift
portable=$PWD/target/venv-portable/bin
venv=target/venv-wheel
packages='maturin==1.16.*'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ $(cat "$venv/done" 2>/dev/null) != "$packages" ]]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$packages"
    echo "$packages" >"$venv/done"
fi

# The target of cargo-zigbuild ends with the version of glibc.
cat >"$work/cargo" <<CARGO
#!/bin/bash
unset CARGO
[[ \$1 == rustc ]] || exec cargo "\$@"
args=()
for arg in "\$@"; do
    [[ \$arg != $target ]] || arg=$target.2.17
    args+=("\$arg")
done
PATH=$portable:\$PATH exec cargo-zigbuild "\${args[@]}"
CARGO
chmod +x "$work/cargo"

before=$(sha256sum <"$program")
CARGO=$work/cargo "$venv/bin/maturin" build --release --locked --target "$target" \
    --compatibility manylinux2014 --out "$work/wheel"
[[ $(sha256sum <"$program") == "$before" ]] || {
    echo 'FAILED: the program was built anew, with other settings than by scripts/build-portable.sh' >&2
    exit 1
}
mkdir -p "$folder"
mv "$work"/wheel/*.whl "$folder"
