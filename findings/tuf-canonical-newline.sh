#!/bin/sh
# securesystemslib 1.6.0 (PyPI) and @tufjs/canonical-json 2.0.0 (npm), the two
# encoders behind signed metadata of TUF: their canonical JSON is no JSON.
#
# Expected: the canonical form of {"note":"two\nlines"} is a JSON text that every
# parser reads back as the same value, as with RFC 8785.
# Seen: only quotes and backslashes are escaped. A newline, a tab, any control
# character stands in the string as it is, which JSON forbids: json.loads and
# JSON.parse refuse what the encoders wrote. Both agree with each other, so
# signatures match; but nobody can store the canonical bytes and parse them later.
# For a tool author: sign what is stored, byte for byte, or keep control characters
# out of what is signed; never parse canonical JSON of this kind.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check securesystemslib==1.6.0 rfc8785==0.1.4
npm install --prefix "$dir/node" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent @tufjs/canonical-json@2.0.0
cat >"$dir/check.py" <<'PYTHON'
import json, rfc8785
from securesystemslib.formats import encode_canonical

value = {"note": "two\nlines"}
text = encode_canonical(value)
open("python.out", "w").write(text)
assert json.loads(rfc8785.dumps(value)) == value
try:
    print("parsed" if json.loads(text) == value else "another value")
except ValueError as error:
    print("refused:", error)
PYTHON
cat >"$dir/node/check.js" <<'NODE'
const text = require("@tufjs/canonical-json").canonicalize({ note: "two\nlines" });
require("fs").writeFileSync("node.out", text);
try {
  JSON.parse(text);
  console.log("parsed");
} catch (error) {
  console.log("refused:", error.message.split("\n")[0]);
}
NODE
cd "$dir"
python=$(venv/bin/python check.py)
node=$(node node/check.js | head -n 1)

echo "securesystemslib 1.6.0, @tufjs/canonical-json 2.0.0"
printf '%s\n' 'expected: {"note":"two\nlines"}, and it can be parsed'
echo "seen: $(cat python.out)"
echo "seen: by Python: $python"
echo "seen: by Node.js: $node"
cmp -s python.out node.out || changed "the two encoders differ"
case $python in refused:*) ;; *) changed "Python parses it" ;; esac
case $node in refused:*) ;; *) changed "Node.js parses it" ;; esac
