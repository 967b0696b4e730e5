#!/bin/sh
# elvish 0.19.2 (Debian 12): a completer does not get all words of the line.
#
# Expected: an argument completer is called with the words before the cursor and
# the one being completed, so that their positions are those of the command.
# Seen: words are given evaluated where that has no effects ($E:HOME becomes its
# value), and a word that is an output capture or a list is left out altogether:
# of "tool get (echo x) --role p" the completer sees get, --role and p. What
# follows moves one place to the front, so a completer that counts positional
# arguments offers values for the wrong one, without a sign that one is missing.
# For a tool author: go by the option's name just before the cursor where one can;
# where positions count, offer the values of the later position as well.
# shellcheck disable=SC2016
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
package=elvish=0.19.2-1+b1 # needs amd64 and current package lists of Debian 12
(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x elvish_*.deb root) ||
	{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
cd "$dir"
echo 'set edit:completion:arg-completer[tool] = {|@words| put $words | to-json > words; put plain }' >rc.elv
cat >terminal.py <<'PYTHON'
import os, pty, select, signal, sys, time

line, = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    here = os.getcwd()
    os.execve(here + "/root/usr/bin/elvish", ["elvish", "-rc", "rc.elv", "-db", here + "/db"],
              {"HOME": here, "XDG_RUNTIME_DIR": here, "TERM": "xterm", "PATH": os.environ["PATH"]})
output = b""

def until(done, seconds=30):
    global output
    end = time.time() + seconds
    while not done() and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                output += os.read(fd, 65536)
            except OSError: # it has ended
                return

until(lambda: b"> " in output or b"# " in output) # the prompt
os.write(fd, line.encode())
end = time.time() + 1
until(lambda: time.time() > end)
os.write(fd, b"\t")
until(lambda: os.path.exists("words") and os.path.getsize("words"))
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
PYTHON
words() {
	rm -f words
	python3 terminal.py "$1"
	[ -s words ] || changed "the completer is not called"
	sed "s|$dir|DIR|" words
}
echo "elvish $(root/usr/bin/elvish -version)"
try() { # LINE EXPECTED RECORDED
	seen=$(words "$1")
	printf '%s, then a tab: expected: %s, seen: %s\n' "$1" "$2" "$seen"
	[ "$seen" = "$3" ] || changed "$1"
}
try "tool get 'a b' \$E:HOME p" '["tool","get","a b","DIR","p"]' '["tool","get","a b","DIR","p"]'
try 'tool get (echo x) --role p' '["tool","get","x","--role","p"] or a placeholder' '["tool","get","--role","p"]'
try 'tool get [a b] p' '["tool","get",["a","b"],"p"] or a placeholder' '["tool","get","p"]'
