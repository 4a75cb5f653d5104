#!/bin/bash
# Makes the files of a release for this machine's architecture: a tarball, a wheel, their checksums, and what the image
# of Dockerfile contains.
#
# usage: scripts/release.sh [--built] [FOLDER]
#
# The files go to FOLDER (target/release-files by default), which is emptied first. Without --built the portable program
# is built first and records its commit; with --built the program is taken as scripts/build-portable.sh left it.
#
# A tarball contains the program, completions, the manual, licences, third-party notices and an SBOM. It is the same,
# byte by byte, wherever it is made of the same program. The SBOM is the one that maturin (by the library of
# cargo-cyclonedx) puts into the wheel, so that no tool for it has to be compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=
if [[ ${1:-} == --built ]]; then
    built=yes
    shift
fi
folder=${1:-target/release-files}
architecture=$(uname -m)
target=$architecture-unknown-linux-gnu
program=target/$target/release/trailsift
version=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c 'import json, sys
print(json.load(sys.stdin)["packages"][0]["version"])')
name=trailsift-$version-$target

if [[ -z $built ]]; then
    TRAILSIFT_COMMIT=$(git rev-parse HEAD)
    export TRAILSIFT_COMMIT
    scripts/build-portable.sh "$architecture"
fi
[[ $("$program" --version) == "trailsift $version" ]] || {
    echo "FAILED: $program is not version $version" >&2
    exit 1
}

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/wheel.sh "$folder"

content=$work/$name
mkdir -p "$content/completions" "$content/man/man1"
install -m 755 "$program" "$content/trailsift"
install -m 644 README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT NOTICE "$content"
"$program" completions bash >"$content/completions/trailsift.bash"
"$program" completions zsh >"$content/completions/_trailsift"
"$program" completions fish >"$content/completions/trailsift.fish"
"$program" completions elvish >"$content/completions/trailsift.elv"
"$program" completions powershell >"$content/completions/_trailsift.ps1"
"$program" man >"$content/man/man1/trailsift.1"
python3 scripts/notices.py --target "$target" --output "$content/THIRD-PARTY-NOTICES.txt"
python3 - "$folder"/trailsift-*.whl "$content/trailsift.cyclonedx.json" <<'PYTHON'
import json, sys, zipfile

wheel = zipfile.ZipFile(sys.argv[1])
[name] = [name for name in wheel.namelist() if "/sboms/" in name and name.endswith(".cyclonedx.json")]
sbom = json.loads(wheel.read(name))
assert len(sbom["components"]) > 100, "an SBOM without components"
open(sys.argv[2], "w").write(json.dumps(sbom, indent=1) + "\n")
PYTHON

# Times, owners and order are not those of this machine.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --create --directory "$work" --sort=name --format=gnu --mtime="@$time" --owner=0 --group=0 --numeric-owner "$name" |
    gzip --best --no-name >"$folder/$name.tar.gz"

# Docker's names of the architectures.
case $architecture in
x86_64) image=$folder/image/amd64 ;;
*) image=$folder/image/arm64 ;;
esac
mkdir -p "$image"
cp -r "$content" "$image/trailsift"

cd "$folder"
for file in *.tar.gz *.whl; do
    sha256sum "$file" >"$file.sha256"
done
sha256sum --check --quiet ./*.sha256
ls -l -- *.tar.gz *.whl
