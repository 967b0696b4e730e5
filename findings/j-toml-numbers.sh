#!/bin/sh
# @ltd/j-toml 1.38.0 (npm): numbers of a program are written as floats.
#
# Expected: stringify({retries: 3}) gives "retries = 3", a TOML integer, as JSON
# and the other TOML writers for JavaScript do; smol-toml 1.9.1 is beside it.
# Seen: "retries = 3.0", a float, which readers that expect an integer there refuse
# or pass on as another type. Only BigInt, or the option "integer", gives integers.
# The result is an array of lines, not a text, and an ordinary object becomes
# dotted keys instead of a [table].
# For a tool author: pass {integer: Number.MAX_SAFE_INTEGER, newline: "\n"} always,
# and read the text back with the parser of the program that it is for.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --no-update-notifier --silent @ltd/j-toml@1.38.0 smol-toml@1.9.1
cd "$dir"
cat >check.mjs <<'NODE'
import J from "@ltd/j-toml";
import { stringify } from "smol-toml";

const value = { retries: 3, server: { port: 5000 } };
const show = (x) => JSON.stringify(x);
console.log(show(J.stringify(value)));
console.log(show(J.stringify(value, { integer: Number.MAX_SAFE_INTEGER, newline: "\n" })));
console.log(show(stringify(value)));
NODE
seen=$(node check.mjs)

echo "@ltd/j-toml 1.38.0 (smol-toml 1.9.1 beside it)"
echo 'expected: retries = 3'
printf '%s\n' "$seen" | sed -e '1s/^/seen: defaults: /' -e '2s/^/seen: with options: /' -e '3s/^/seen: smol-toml: /'
defaults=$(printf '%s\n' "$seen" | sed -n 1p)
options=$(printf '%s\n' "$seen" | sed -n 2p)
other=$(printf '%s\n' "$seen" | sed -n 3p)
case $defaults in '['*'"retries = 3.0","server.port = 5000.0"'*']') ;; *) changed "the defaults" ;; esac
case $options in '"'*'retries = 3\nserver.port = 5000\n"') ;; *) changed "with options" ;; esac
case $other in *'retries = 3\n'*) ;; *) changed "smol-toml" ;; esac
