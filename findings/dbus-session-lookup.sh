#!/bin/sh
# jeepney 0.9.0 and dbus-fast 3.1.2 (PyPI) beside Debian's dbus-send and gdbus: where they look
# for the session bus.
#
# Expected: on a systemd system the bus of a user is $XDG_RUNTIME_DIR/bus, and a client that finds
# no DBUS_SESSION_BUS_ADDRESS looks there, as libdbus, GLib and sd-bus do. Every client library
# then finds the same bus in the same environment.
# Seen: with XDG_RUNTIME_DIR alone dbus-send and gdbus connect; jeepney raises KeyError, and
# dbus-fast wants DBUS_SESSION_BUS_ADDRESS or a display of X11. Python programs that keep secrets
# in the keyring through jeepney (SecretStorage) thus work in a desktop's terminal and fail where
# only the runtime directory is known, beside C programs that go on working.
# For a tool author: a keyring that "is not there" may be one that only this library does not
# find; say which variable is missing.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for program in dbus-daemon dbus-send gdbus; do
	command -v $program >/dev/null || { echo "cannot run: $program is missing (dbus, libglib2.0-bin)" >&2; exit 2; }
done
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check jeepney==0.9.0 dbus-fast==3.1.2
mkdir -m 700 "$dir/run"
pid=$(dbus-daemon --session --address="unix:path=$dir/run/bus" --fork --print-pid)
trap 'kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT

cat >"$dir/with_jeepney.py" <<'PYTHON'
from jeepney.bus import find_session_bus
print("would connect to", find_session_bus())
PYTHON
cat >"$dir/with_dbus_fast.py" <<'PYTHON'
import asyncio
from dbus_fast.aio import MessageBus

async def main():
    await MessageBus().connect()
    print("connected")

asyncio.run(main())
PYTHON
alone() { env -i HOME="$dir" PATH="$PATH" XDG_RUNTIME_DIR="$dir/run" "$@" 2>&1 | tail -n 1; }
get=org.freedesktop.DBus.GetId
libdbus=$(alone dbus-send --session --print-reply --dest=org.freedesktop.DBus / $get | grep -c string || true)
glib=$(alone gdbus call --session --dest org.freedesktop.DBus --object-path / --method $get | grep -c "^(" || true)
jeepney=$(alone "$dir/venv/bin/python" "$dir/with_jeepney.py")
fast=$(alone "$dir/venv/bin/python" "$dir/with_dbus_fast.py")

echo "jeepney 0.9.0, dbus-fast 3.1.2; $(dbus-daemon --version | head -n 1)"
echo "expected: all four find \$XDG_RUNTIME_DIR/bus"
echo "seen: dbus-send connects: $libdbus, gdbus connects: $glib"
echo "seen: jeepney: $jeepney"
echo "seen: dbus-fast: $fast"
[ "$libdbus" = 1 ] || changed "dbus-send does not find the bus"
[ "$glib" = 1 ] || changed "gdbus does not find the bus"
[ "$jeepney" = "KeyError: 'DBUS_SESSION_BUS_ADDRESS'" ] || changed "jeepney: $jeepney"
case $fast in
*"DBUS_SESSION_BUS_ADDRESS not set"*) ;;
*) changed "dbus-fast: $fast" ;;
esac
