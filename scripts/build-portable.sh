#!/bin/bash
# Builds the program for machines whose glibc is older than this one's: 2.17 and later, which is every Linux that Spark's
# executors, EMR, Glue and Databricks run on (glibc 2.17 is of 2012: Amazon Linux 2 has 2.26).
#
# usage: scripts/build-portable.sh [ARCHITECTURE]     x86_64 (the default) or aarch64
#
# The result is target/ARCHITECTURE-unknown-linux-gnu/release/trailsift. Zig, which brings the old glibc's symbols, and
# cargo-zigbuild, which hands its compiler and linker to cargo, come from PyPI into target/venv-portable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly glibc=2.17
architecture=${1:-x86_64}
target=$architecture-unknown-linux-gnu
venv=target/venv-portable

if [[ ! -f $venv/done ]]; then
    python3 -m venv "$venv"
    # Zig 0.14 to 0.16 have a clang that cannot compile libdeflate's AVX-512.
    "$venv/bin/pip" install --quiet 'cargo-zigbuild==0.24.*' 'ziglang==0.17.1'
    touch "$venv/done"
fi
rustup target add "$target" 2>/dev/null || true

PATH="$PWD/$venv/bin:$PATH" cargo zigbuild --release --locked --target "$target.$glibc"

program=target/$target/release/trailsift
# What the program needs of glibc; a newer symbol would keep it from starting there.
newest=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
if [[ -z $newest ]]; then
    echo "FAILED: no symbol of glibc was seen in $program" >&2
    exit 1
fi
if [[ $(printf '%s\n' "$newest" "$glibc" | sort -V | tail -n 1) != "$glibc" ]]; then
    echo "FAILED: $program needs glibc $newest:" >&2
    objdump -T "$program" | grep "GLIBC_$newest" >&2
    exit 1
fi
echo "$program needs glibc $newest or later"
