#!/bin/sh
# packageurl-python 0.17.6 (PyPI) and packageurl-js 2.0.1 (npm): one package, two
# canonical package URLs.
#
# Expected: the canonical form exists so that two tools write the same text for
# the same component; SBOMs and advisories are matched by comparing it.
# Seen: a version with build metadata is 1.0.0%2Bbuild.5 in Python and
# 1.0.0+build.5 in JavaScript; a slash in a qualifier is left alone by Python and
# %2F in JavaScript (every repository_url of an OCI artefact has one). Each
# accepts the other's text and rewrites it.
# For a tool author: parse both sides and compare the parts, never the text; do
# not use a package URL as a key in a file that another tool writes too.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check packageurl-python==0.17.6
npm install --prefix "$dir/node" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent packageurl-js@2.0.1
python() { "$dir/venv/bin/python" -c 'import sys; from packageurl import PackageURL as P; print(P.from_string(sys.argv[1]).to_string())' "$1"; }
node() { (cd "$dir/node" && command node -e 'const { PackageURL } = require("packageurl-js"); console.log(PackageURL.fromString(process.argv[1]).toString())' "$1"); }

echo "packageurl-python 0.17.6, packageurl-js 2.0.1"
echo "expected: the same text from both"
version='pkg:cargo/tool@1.0.0+build.5'
qualifier='pkg:oci/tool@sha256:abc?repository_url=registry.example/team/tool'
for url in "$version" "$qualifier"; do
	p=$(python "$url")
	n=$(node "$url")
	echo "seen: Python:     $p"
	echo "seen: JavaScript: $n"
	[ "$p" != "$n" ] || changed "they agree on $url"
	[ "$(python "$n")" = "$p" ] || changed "Python keeps JavaScript's form"
	[ "$(node "$p")" = "$n" ] || changed "JavaScript keeps Python's form"
done
[ "$(python "$version")" = 'pkg:cargo/tool@1.0.0%2Bbuild.5' ] || changed "Python on a version"
[ "$(node "$qualifier")" = 'pkg:oci/tool@sha256:abc?repository_url=registry.example%2Fteam%2Ftool' ] || changed "JavaScript on a qualifier"
