#!/bin/sh
# semantic-version 2.10.0 (PyPI): NpmSpec does not select as npm does when
# pre-releases meet an upper bound.
#
# Expected: NpmSpec follows npm's ranges, so 2.0.0-rc.1 is not in "<2.0.0": npm
# takes a pre-release only if a bound of the range with the same three numbers
# is one itself. node-semver 0.9.1 (PyPI), a port of npm's code, says the same.
# Seen: NpmSpec("<2.0.0") and NpmSpec("1 || <2.0.0") take 2.0.0-rc.1, while it
# refuses 1.9.0-rc.1 for the same range. SimpleSpec in the same package is the
# other way round: it takes 1.9.0-rc.1 and refuses 2.0.0-rc.1.
# For a tool author: filter pre-releases yourself before a range is asked, or use
# one implementation on both sides; keep these cases in the tests.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check semantic-version==2.10.0 node-semver==0.9.1
cat >"$dir/check.py" <<'PYTHON'
import nodesemver
from semantic_version import NpmSpec, SimpleSpec, Version

for spec in ["<2.0.0", "1 || <2.0.0"]:
    for version in ["1.9.0-rc.1", "2.0.0-rc.1"]:
        npm = nodesemver.satisfies(version, spec, loose=False)
        simple = Version(version) in SimpleSpec(spec) if "|" not in spec else "-"
        print(f"{spec}, {version}: npm's rules {npm}, NpmSpec {Version(version) in NpmSpec(spec)}, SimpleSpec {simple}")
PYTHON
seen=$("$dir/venv/bin/python" "$dir/check.py")
expected="<2.0.0, 1.9.0-rc.1: npm's rules False, NpmSpec False, SimpleSpec True
<2.0.0, 2.0.0-rc.1: npm's rules False, NpmSpec True, SimpleSpec False
1 || <2.0.0, 1.9.0-rc.1: npm's rules False, NpmSpec False, SimpleSpec -
1 || <2.0.0, 2.0.0-rc.1: npm's rules False, NpmSpec True, SimpleSpec -"

echo "semantic-version 2.10.0, node-semver 0.9.1"
echo "expected: False everywhere under NpmSpec"
echo "$seen" | sed 's/^/seen: /'
[ "$seen" = "$expected" ] || changed "another selection"
