#!/bin/bash
# Counts the instructions of fixed hunts with valgrind's callgrind, and compares them with benches/record/instructions.csv:
# a guard against getting slower that noise does not disturb.
#
# usage: scripts/instructions.sh [--renew] [PROGRAM]
#
# Fails where a hunt takes over 3 % more instructions than recorded, or fewer, which calls for a new record
# as much. The counts are of one version of rustc; with another they are shown and not compared.
# --renew writes the record anew. PROGRAM is what scripts/build-portable.sh builds unless given: the record is of that,
# and another compiler for C makes other counts. valgrind must be there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

renew=
if [[ ${1:-} == --renew ]]; then
    renew=1
    shift
fi
program=${1:-target/x86_64-unknown-linux-gnu/release/trailsift}
record=benches/record/instructions.csv
work=target/instructions
tolerance_percent=3

# corpus NAME OPTION... : small, since callgrind takes some fifty times as long
corpora=(
    'tree --files 60 --records-per-file 100 --matches 2 --near-misses 4'
    'ndjson --files 1 --records-per-file 8000 --shape ndjson --compression none --matches 2 --near-misses 4'
    'zstd --files 60 --records-per-file 100 --compression zstd --matches 2'
    'dense --files 1 --records-per-file 1500 --shape ndjson --compression none --near-miss-density 0.9 --matches 2'
    'alerts --files 1 --records-per-file 1000 --shape ndjson --compression none --density 1'
)

count() {
    local log=$work/$1.log
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$log" \
        "$program" hunt --quiet --threads 1 --output "$work/alerts.parquet" "$work/$1"
    sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p' "$log"
}

mkdir -p "$work"
toolchain=$(rustc --version | cut -d' ' -f1,2)
lines=("corpus,instructions,toolchain,synth_options")
failed=0
for corpus in "${corpora[@]}"; do
    read -r name options <<<"$corpus"
    rm -rf "${work:?}/$name" "$work/$name".*
    # shellcheck disable=SC2086 # the options are words
    "$program" synth "$work/$name" $options >/dev/null 2>&1
    n=$(count "$name")
    lines+=("$name,$n,$toolchain,$options")
    [[ -z $renew ]] || continue
    IFS=, read -r _ recorded recorded_with _ < <(grep "^$name," "$record")
    percent=$(awk -v n="$n" -v r="$recorded" 'BEGIN { printf "%+.2f", 100 * (n / r - 1) }')
    verdict=ok
    if [[ $recorded_with != "$toolchain" ]]; then
        verdict="not compared: recorded with $recorded_with, this is $toolchain"
    elif awk -v p="$percent" -v t=$tolerance_percent 'BEGIN { exit !(p > t || p < -t) }'; then
        verdict="CHANGED: look why, then scripts/instructions.sh --renew"
        failed=1
    fi
    printf '%-8s %14d instructions, recorded %14d (%s %%): %s\n' "$name" "$n" "$recorded" "$percent" "$verdict"
done
if [[ -n $renew ]]; then
    printf '%s\n' "${lines[@]}" >"$record"
    cat "$record"
fi
exit "$failed"
