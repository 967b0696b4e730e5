#!/bin/sh
# age 1.1.1 (Debian 12) and pyrage 1.4.0 (PyPI, on rage): they do not accept the
# same spellings of the same key.
#
# Expected: keys are Bech32 text, and Bech32 lets a decoder take all capitals as
# well as all small letters (only a mixture is wrong). So either spelling works
# in both programs.
# Seen: pyrage takes both spellings of recipients and of identities. age takes a
# recipient in small letters and an identity in capitals only, and calls the
# others unknown types. A recipients file that works with the one may thus fail
# with the other, for instance after a key was read from a QR code (capitals).
# For a tool author: lower a recipient and raise an identity before storing it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=age=1.1.1-1+b3 # needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x age_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
PATH="$dir/root/usr/bin:$PATH"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check pyrage==1.4.0
cd "$dir"
age-keygen -o identity 2>/dev/null
recipient=$(age-keygen -y identity)
RECIPIENT=$(echo "$recipient" | tr '[:lower:]' '[:upper:]')
grep AGE-SECRET-KEY identity | tr '[:upper:]' '[:lower:]' >small
yes_no() { "$@" >/dev/null 2>err </dev/null && echo accepted || echo "refused: $(head -n 1 err)"; }
pyrage() { yes_no "$dir/venv/bin/python" -c "import pyrage, sys; pyrage.x25519.$1.from_str(sys.argv[1])" "$2"; }
age -r "$recipient" -o file.age </dev/null
a=$(yes_no age -r "$recipient")
b=$(yes_no age -r "$RECIPIENT")
c=$(yes_no age -d -i small file.age)
d=$(pyrage Recipient "$RECIPIENT")
e=$(pyrage Identity "$(cat small)")

echo "age 1.1.1-1+b3, pyrage 1.4.0"
echo "expected: accepted, all five"
echo "seen: age, recipient in small letters: $a"
echo "seen: age, recipient in capitals: $(echo "$b" | sed 's/"AGE1[^"]*"/"AGE1..."/')"
echo "seen: age, identity in small letters: $c"
echo "seen: pyrage, recipient in capitals: $d"
echo "seen: pyrage, identity in small letters: $e"
[ "$a" = accepted ] || changed "age refuses small letters"
case $b in *"unknown recipient type"*) ;; *) changed "age on a recipient in capitals" ;; esac
case $c in *"unknown identity type"*) ;; *) changed "age on an identity in small letters" ;; esac
[ "$d" = accepted ] || changed "pyrage refuses a recipient in capitals"
[ "$e" = accepted ] || changed "pyrage refuses an identity in small letters"
