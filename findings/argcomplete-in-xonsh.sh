#!/bin/sh
# argcomplete 3.7.2 in xonsh 0.25.0 (both PyPI), through xonsh's bridge to bash
# completions: a quoted word with a blank spoils everything behind it.
#
# Expected: after "tool 'one two' " the second positional argument is completed, as
# in bash, where COMP_LINE is the line as typed (bash manual).
# Seen: xonsh calls the bash function with a COMP_LINE built from the unquoted words,
# "tool one two ", and leaves the empty last word out of COMP_WORDS. argcomplete
# looks at COMP_LINE alone, counts one word more and offers no values, only options.
# For a tool author: take the words before COMP_CWORD from COMP_WORDS and treat a
# missing last one as empty; do not count words in COMP_LINE.
# shellcheck disable=SC2016
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
command -v bash >/dev/null || { echo "cannot run: needs bash" >&2; exit 2; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check argcomplete==3.7.2 xonsh==0.25.0
cd "$dir"
mkdir bin home
cat >bin/tool <<PYTHON
#!$dir/venv/bin/python
import argcomplete, argparse

parser = argparse.ArgumentParser("tool")
parser.add_argument("title")
parser.add_argument("place", choices=["north", "south"])
argcomplete.autocomplete(parser)
PYTHON
chmod +x bin/tool
{
	venv/bin/register-python-argcomplete tool
	# what bash hands to a function, for the record
	printf 'show() { printf "%%s\\n" "words ${#COMP_WORDS[@]}, line <$COMP_LINE>" >>"%s/record"; COMPREPLY=(); }\ncomplete -F show show\n' "$dir"
} >completions.bash
cat >ask.py <<'PYTHON'
import sys
from xonsh.main import setup

setup(shell_type="none")
from xonsh.built_ins import XSH
from xonsh.completers.bash import complete_from_bash
from xonsh.parsers.completion_context import CompletionContextParser

XSH.env["BASH_COMPLETIONS"] = ["completions.bash"]
for line in sys.argv[1:]:
    answer = complete_from_bash(CompletionContextParser().parse(line, len(line)))
    values = sorted(str(word) for word in answer[0]) if answer else []
    print(f"{line}| {' '.join(word for word in values if not word.startswith('-')) or 'no values'}")
PYTHON
seen=$(HOME="$dir/home" PATH="$dir/bin:$PATH" venv/bin/python ask.py "tool one " "tool 'one two' " "show 'one two' ")

echo "argcomplete 3.7.2, xonsh 0.25.0"
echo "expected: north south, both times; then words 3 (the last is empty), line <show 'one two' >"
echo "$seen" | sed -n '1,2s/^/seen: /p'
sed 's/^/seen: /' record
[ "$(echo "$seen" | head -n 2)" = "tool one | north south
tool 'one two' | no values" ] || changed "the completions"
[ "$(tail -n 1 record)" = "words 2, line <show one two >" ] || changed "COMP_LINE"
