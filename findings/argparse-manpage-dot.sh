#!/bin/sh
# argparse-manpage 4.8 (PyPI): help texts that begin with a dot or a quote are
# missing from the manual page.
#
# Expected: every help text is in the page. The generator escapes backslashes and
# hyphens, so it knows that it writes roff.
# Seen: a dot or an apostrophe at the start of a line is not escaped. For man(7)
# such a line is a request; an unknown one is ignored, and the text is gone:
# ".toolrc in the home directory", "'-' reads standard input". Nothing warns,
# neither the generator nor the reader's man.
# For a tool author: begin no help text with . or ', look for lines that do in the
# generated page, or run it through "mandoc -T lint" before it is packaged.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=mandoc=1.14.6-1+b1 # needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x mandoc_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check argparse-manpage==4.8 setuptools==80.9.0
cat >"$dir/tool.py" <<'PYTHON'
import argparse

def parser():
    p = argparse.ArgumentParser("tool")
    p.add_argument("--config", help=".toolrc in the home directory")
    p.add_argument("--file", help="'-' reads standard input")
    p.add_argument("--plain", help="nothing special")
    return p
PYTHON
cd "$dir"
venv/bin/argparse-manpage --pyfile tool.py --function parser --prog tool >tool.1 2>err
root/usr/bin/mandoc -T ascii tool.1 | sed 's/.\x08//g' >page # without overstriking
seen=$(for text in 'toolrc in the home' 'reads standard input' 'nothing special'; do grep -c "$text" page || :; done | paste -sd ' ' -)

echo "argparse-manpage 4.8, read with mandoc 1.14.6"
echo "expected: the three help texts are there: 1 1 1"
echo "seen: $seen"
sed -n '/^OPTIONS/,/^tool/{/^ *$/d;p}' page
[ "$seen" = '0 0 1' ] || changed "$seen"
[ ! -s err ] || changed "the generator says something: $(cat err)"
