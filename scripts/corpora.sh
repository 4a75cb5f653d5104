#!/bin/bash
# Makes the corpora that trailsift is measured with, below target/corpora, with `trailsift synth` and cat.
#
# usage: scripts/corpora.sh NAME...
#
#   tree       2,000 gzip files of some 240 kB of text each, one alert in 500 files: as CloudTrail delivers
#   tiny       20,000 gzip files of some 2 kB each
#   ndjson     one plain file of 2 GB of JSON lines
#   zstd       the same records as tree in zstd files
#   frames     one file of 8,000 zstd frames, each a delivery of some 240 kB of text
#   lines      one file of 500 zstd frames of 4 MB of JSON lines each
#   gzip       the same records as ndjson, one gzip member
#   members    one file of 8,000 gzip members, each a delivery
#   one        200,000 JSON lines, one in a hundred an alert
#   near       120,000 JSON lines, each with the policy's name in it, and few of them alerts
#   all        120,000 JSON lines, each of them an alert
#   document   60 MB in one document on one line, three alerts in it
#
# Every corpus is a folder with the list of what was planted beside it, NAME.planted.ndjson. One that is there,
# made with the same options, is left alone. Each takes seconds; all take 4 GB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=target/release/trailsift
corpora=target/corpora
mkdir -p "$corpora"

few=(--matches 4 --near-misses 20 --accounts 3 --regions us-east-1)
deliveries=(--files 2000 --records-per-file 170 "${few[@]}")

# synth NAME OPTION...
synth() {
    local name=$1
    shift
    printf '%s: trailsift synth %s\n' "$name" "$*"
    rm -rf "${corpora:?}/$name" "$corpora/$name".*
    "$program" synth "$corpora/$name" "$@"
}

# joined NAME TIMES OPTION... : the files of an archive one after the other, TIMES times, as one file
joined() {
    local name=$1 times=$2 file i
    shift 2
    synth "$name" "$@"
    file=$(find "$corpora/$name" -type f -print -quit)
    file=${file##*/}
    mkdir "$corpora/$name.joined"
    for ((i = 0; i < times; i++)); do
        find "$corpora/$name" -type f -print0 | sort -z | xargs -0 cat
    done >"$corpora/$name.joined/joined.${file##*.}"
    # What stands in the file so many times was planted so many times.
    for ((i = 0; i < times; i++)); do
        cat "$corpora/$name.planted.ndjson"
    done >"$corpora/$name.joined.ndjson"
    mv "$corpora/$name.joined.ndjson" "$corpora/$name.planted.ndjson"
    rm -r "${corpora:?}/$name"
    mv "$corpora/$name.joined" "$corpora/$name"
}

make_corpus() {
    case $1 in
    tree) synth tree "${deliveries[@]}" ;;
    tiny) synth tiny --files 20000 --records-per-file 6 --matches 40 --near-misses 20 ;;
    ndjson) synth ndjson --files 1 --records-per-file 1400000 --shape ndjson --compression none "${few[@]}" ;;
    zstd) synth zstd "${deliveries[@]}" --compression zstd ;;
    frames) joined frames 4 "${deliveries[@]}" --compression zstd ;;
    lines) joined lines 1 --files 500 --records-per-file 2800 --shape ndjson --compression zstd "${few[@]}" ;;
    gzip) synth gzip --files 1 --records-per-file 1400000 --shape ndjson "${few[@]}" ;;
    members) joined members 4 "${deliveries[@]}" ;;
    one) synth one --files 1 --records-per-file 200000 --shape ndjson --compression none --density 0.01 ;;
    near) synth near --files 1 --records-per-file 120000 --shape ndjson --compression none \
        --near-miss-density 1 --matches 4 ;;
    all) synth all --files 1 --records-per-file 120000 --shape ndjson --compression none --density 1 ;;
    document) synth document --files 1 --records-per-file 42000 --compression none --matches 3 \
        --regions us-east-1 ;;
    *)
        printf 'no such corpus: %s; see the top of %s\n' "$1" "$0" >&2
        exit 2
        ;;
    esac
}

# What made a corpus is what this script and the program say.
made_by=$({ "$program" --version && cat "$0"; } | cksum)
for name in "$@"; do
    stamp=$corpora/.$name.made-by
    if [[ -f $stamp && $(<"$stamp") == "$made_by" ]]; then
        continue
    fi
    rm -f "$stamp"
    make_corpus "$name"
    printf '%s\n' "$made_by" >"$stamp"
done
