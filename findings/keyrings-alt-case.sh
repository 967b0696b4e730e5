#!/bin/sh
# keyrings.alt 5.0.2 (PyPI), the file backend of Python's keyring for machines
# without a desktop: user names that differ in case share one secret.
#
# Expected: ("tool", "Alice") and ("tool", "alice") are two entries, as nothing in
# keyring's interface folds case.
# Seen: the second one replaces the first without a word, because user names are
# options of an INI file and configparser lowers those. Service names are
# sections there and keep their case.
# For a tool author: do not use a name whose case matters as the user; put what
# tells two accounts apart into the service name, or read the value back after
# all are stored.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check keyrings.alt==5.0.2 keyring==25.7.0
cat >"$dir/check.py" <<'PYTHON'
from keyrings.alt.file import PlaintextKeyring

store = PlaintextKeyring()
for service, user, secret in [
    ("tool", "Alice", "one"),
    ("tool", "alice", "two"),
    ("other", "u", "three"),
    ("Other", "u", "four"),
]:
    store.set_password(service, user, secret)
for service, user in [("tool", "Alice"), ("tool", "alice"), ("other", "u"), ("Other", "u")]:
    print(service, user, store.get_password(service, user))
PYTHON
seen=$(XDG_DATA_HOME="$dir/data" "$dir/venv/bin/python" "$dir/check.py" | paste -sd ';' -)

echo "keyrings.alt 5.0.2, keyring 25.7.0"
echo "expected: tool Alice one;tool alice two;other u three;Other u four"
echo "seen:     $seen"
[ "$seen" = "tool Alice two;tool alice two;other u three;Other u four" ] || changed "$seen"
