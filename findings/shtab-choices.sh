#!/bin/bash
# shtab 1.13.0 (PyPI): its bash completion splits choices that contain a blank.
#
# Expected: an argument whose choices are "north pole" and "south" completes to
# those two words, quoted where needed; shtab writes them into the script as two
# properly quoted elements of an array.
# Seen: the completer passes that array through one string to compgen -W, which
# splits it again: "north", "pole" and "south" are offered, none of the first two
# valid. A quote is worse: from "it's" up to the next quote everything becomes
# one candidate, here "its b".
# For a tool author: keep blanks and quotes out of choices, or give the option a
# completer of your own; test the generated script in the shell itself.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check shtab==1.13.0
cat >"$dir/generate.py" <<'PYTHON'
import argparse, shtab

parser = argparse.ArgumentParser("tool")
parser.add_argument("--place", choices=["north pole", "south"])
parser.add_argument("--name", choices=["a", "it's", "b"])
print(shtab.complete(parser, "bash"))
PYTHON
"$dir/venv/bin/python" "$dir/generate.py" >"$dir/tool.bash"
cat >"$dir/try.bash" <<'BASH'
. "$1"
COMP_WORDS=(tool "$2" "")
COMP_CWORD=2
function=$(complete -p tool | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
"$function"
printf '<%s>' "${COMPREPLY[@]}"
BASH
place=$(bash "$dir/try.bash" "$dir/tool.bash" --place)
name=$(bash "$dir/try.bash" "$dir/tool.bash" --name)

echo "shtab 1.13.0"
echo "expected: --place <north pole><south>, --name <a><it's><b>"
echo "seen: --place $place, --name $name"
[ "$place" = '<north><pole><south>' ] || changed "--place"
[ "$name" = '<a><its b>' ] || changed "--name"
