#!/bin/sh
# rtoml 0.14.0 (PyPI): a value that is not there is written as the text "null".
#
# Expected: TOML has no null, so None is an error, as in tomlkit, or the key is
# left out. Whatever is written is read back as None.
# Seen: dumps({"token": None}) writes token = "null", and loads gives the string
# "null" back: the defaults of the two are not each other's inverse. An optional
# token that was unset becomes one of four letters, and is sent as such.
# For a tool author: remove keys without a value before writing; or name the same
# none_value in dumps and loads; treat "null" as a token as a mistake.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check rtoml==0.14.0 tomlkit==0.15.2
cat >"$dir/check.py" <<'PYTHON'
import rtoml, tomlkit

value = {"profile": "default", "token": None, "scopes": ["read", None]}
text = rtoml.dumps(value)
print(text.strip().replace("\n", "; "))
print(rtoml.loads(text))
print(rtoml.loads(rtoml.dumps(value, none_value="@none"), none_value="@none") == value)
try:
    tomlkit.dumps(value)
    print("written")
except Exception as error:
    print(type(error).__name__)
PYTHON
seen=$("$dir/venv/bin/python" "$dir/check.py")

echo "rtoml 0.14.0 (tomlkit 0.15.2 beside it)"
echo "expected: an error, or no key, or None again after reading"
echo "$seen" | sed -e '1s/^/seen: written: /' -e '2s/^/seen: read back: /' -e '3s/^/seen: read back equal, with none_value on both sides: /' -e '4s/^/seen: tomlkit: /'
[ "$seen" = 'profile = "default"; token = "null"; scopes = ["read", "null"]
{'"'profile': 'default', 'token': 'null', 'scopes': ['read', 'null']"'}
True
ConvertError' ] || changed "another result"
