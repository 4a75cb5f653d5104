#!/bin/bash
# Compares trailsift with what one would use in its place: finds what each tool finds, misses and takes.
#
# usage: scripts/peers.sh [OPTION...] [CORPUS...]      scripts/peers.sh --help has the options
#
# A corpus is a name that scripts/corpora.sh knows, or a path with a slash in it; `tree` and `tiny` unless given.
# Python's packages go into target/peers-venv, 1.2 GB of them; rg, jq and gzip are taken from PATH if they are
# there. What cannot be had is told in the table, and the others go on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=target/peers-venv
packages=('duckdb>=1.2,<3' 'chdb>=3,<5' 'polars>=1.37,<3' 'ripgrep>=14')

if [[ ! -x target/release/trailsift ]]; then
    cargo build --release --locked
fi

# All of them are there when their list is.
if [[ ! -f $venv/.packages || $(<"$venv/.packages") != "${packages[*]}" ]]; then
    # Debian has `ensurepip` in a package of its own: without it python3's pip installs into the venv.
    [[ -x $venv/bin/python ]] || python3 -m venv "$venv" >/dev/null || python3 -m venv --clear --without-pip "$venv"
    pip=("$venv/bin/python" -m pip)
    "${pip[@]}" --version >/dev/null 2>&1 || pip=(python3 -m pip --python "$venv/bin/python")
    lacking=()
    for package in "${packages[@]}"; do
        printf 'installing %s into %s\n' "$package" "$venv" >&2
        "${pip[@]}" install --quiet --disable-pip-version-check "$package" || lacking+=("$package")
    done
    ((${#lacking[@]} > 0)) || printf '%s\n' "${packages[*]}" >"$venv/.packages"
fi

exec "$venv/bin/python" scripts/peers/compare.py "$@"
