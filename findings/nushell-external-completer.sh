#!/bin/sh
# nushell 0.115.1 (npm), external completers: quotes are left to the completer, in
# both directions.
#
# Expected: as in other shells, the completer gets the words that the command would
# get, and the shell quotes what it inserts.
# Seen: the completer gets the pieces as typed: quotes stay on, and $env.HOME is
# two pieces, "$env" and "HOME", so that later words are counted wrong. The value
# that it answers with is inserted as it is: "two words" becomes two arguments.
# For a tool author: remove quotes from the pieces before matching, count from the
# last piece, and return values with blanks or special characters in quotes.
# shellcheck disable=SC2016
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent nushell@0.115.1
cd "$dir"
mkdir home bin
printf '#!/bin/sh\nfor a; do printf "<%%s>" "$a"; done >"%s/arguments.new"\nmv "%s/arguments.new" "%s/arguments"\n' "$dir" "$dir" "$dir" >bin/tool
chmod +x bin/tool
cat >config.nu <<'NU'
$env.config.show_banner = false
$env.config.completions.external.enable = true
$env.config.completions.external.completer = {|pieces| $pieces | to json -r | save -f pieces; [{value: "two words"}] }
NU
cat >terminal.py <<'PYTHON'
import os, pty, select, signal, sys, time

nu, = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execve(nu, ["nu", "--no-history", "--config", "config.nu"], {"HOME": os.getcwd() + "/home", "TERM": "xterm", "PATH": os.getcwd() + "/bin:" + os.environ["PATH"]})

output = b""

def until(done, seconds=30):
    global output
    end = time.time() + seconds
    while not done() and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError: # it has ended
                return
            output += data
            os.write(fd, b"\x1b[1;1R" * data.count(b"\x1b[6n")) # where the cursor is

def pause(seconds):
    end = time.time() + seconds
    until(lambda: time.time() >= end)

until(lambda: b"\x1b]133;B" in output) # the end of the prompt
pause(1)
os.write(fd, b'tool get "a b" $env.HOME --name=va')
pause(1)
os.write(fd, b"\t")
until(lambda: os.path.exists("pieces"))
pause(1)
os.write(fd, b"\r")
pause(1)
if not os.path.exists("arguments"):
    os.write(fd, b"\r")
until(lambda: os.path.exists("arguments"))
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
PYTHON
python3 terminal.py "$(find "$dir/node_modules/@nushell" -name nu -type f)"
[ -f pieces ] || changed "the completer is not called"
[ -f arguments ] || changed "the command is not run"
pieces=$(cat pieces)
arguments=$(sed "s|$dir|DIR|" arguments)

echo "nushell 0.115.1"
echo 'line:     tool get "a b" $env.HOME --name=va, then a tab'
echo 'expected: ["tool","get","a b","DIR/home","--name=va"], then <get><a b><DIR/home><two words>'
printf 'seen:     %s, then %s\n' "$pieces" "$arguments"
[ "$pieces" = '["tool","get","\"a b\"","$env","HOME","--name=va"]' ] || changed "the pieces"
[ "$arguments" = '<get><a b><DIR/home><two><words>' ] || changed "the arguments"
