#!/bin/sh
# gnome-keyring 42.1 and secret-tool 0.20.5 (Debian 12): storing a secret replaces
# one that has more attributes.
#
# Expected: an item is replaced by one with the same attributes. That is what the
# Secret Service specification says of CreateItem's "replace", and (app=tool) is
# not (app=tool, env=stage).
# Seen: an item that has all of the new one's attributes counts as the same, however
# many more it has. With two items for env=prod and env=stage, storing with
# app=tool alone destroys one of them, now this one, now the other. Exit code 0,
# nothing is said.
# For a tool author: give every item the same set of attribute names, a fixed one
# with the kind of item among them, and never store with a subset of it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in gnome-keyring=42.1-1+b2 libsecret-tools=0.20.5-3 libsecret-1-0=0.20.5-3 libgck-1-0 libgcr-base-3-1 libp11-kit0 libglib2.0-0 \
	dbus-daemon dbus-bin libdbus-1-3 libapparmor1 libexpat1 libcap-ng0; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
cat >"$dir/bus.conf" <<CONF
<busconfig>
  <type>session</type>
  <listen>unix:dir=$dir</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="method_call"/><allow own="*"/></policy>
</busconfig>
CONF
cat >"$dir/inner" <<'INNER'
set -eu
echo | gnome-keyring-daemon --foreground --unlock --components=secrets >log 2>&1 &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" 2>/dev/null || :' EXIT
tries=0
until printf probe | timeout 5 secret-tool store --label=probe probe probe 2>err; do
	tries=$((tries + 1))
	[ "$tries" -lt 20 ] || exit 1
	sleep 0.5
done
printf one | secret-tool store --label=one app tool env prod
printf two | secret-tool store --label=two app tool env stage
printf three | secret-tool store --label=three app tool
echo "prod: $(secret-tool lookup app tool env prod), stage: $(secret-tool lookup app tool env stage), without: $(secret-tool lookup app tool)"
INNER
seen=$(
	cd "$dir"
	mkdir -m 700 run home
	HOME="$dir/home" XDG_RUNTIME_DIR="$dir/run" XDG_DATA_HOME="$dir/home" PATH="$dir/root/usr/bin:$PATH" LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu" \
		dbus-run-session --config-file="$dir/bus.conf" --dbus-daemon="$dir/root/usr/bin/dbus-daemon" -- sh inner 2>errors
) || { cat "$dir/errors" "$dir/log" >&2; echo "cannot run: no keyring could be started" >&2; exit 2; }

echo "gnome-keyring 42.1-1+b2, libsecret-tools 0.20.5-3"
echo "expected: prod: one, stage: two, without: three"
echo "seen:     $seen"
case $seen in
"prod: one, stage: , without: three" | "prod: , stage: two, without: three") ;;
*) changed "another result" ;;
esac
