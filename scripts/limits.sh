#!/bin/bash
# Measures trailsift against the least that its work costs: the bare programs of benches/bare.rs.
#
# usage: scripts/limits.sh [OPTION...] [POINT...]      scripts/limits.sh --help has the options
#
# Builds both, makes the corpora below target/corpora (4 GB), and runs the two in turn. Exits with 1 if a limit
# is missed. All points take some five minutes, the builds and corpora aside; nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --bin trailsift --example bare
scripts/corpora.sh tree tiny ndjson zstd frames lines gzip members one near all document
exec python3 scripts/limits.py "$@"
