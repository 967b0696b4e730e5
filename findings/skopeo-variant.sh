#!/bin/sh
# skopeo 1.9.3 (Debian 12): an amd64 image with a variant is never chosen on amd64.
#
# Expected: in an index whose entries are amd64/v1 and amd64/v2, a client on amd64
# takes one of them: "variant" is an optional property of a platform in the OCI
# image specification, and v1 runs on every amd64 machine.
# Seen: "no image found in image index for architecture amd64, variant "", OS
# linux", even when amd64/v1 is the only entry. On arm64 the same client takes
# entries with a variant, since it knows one of its own there. An os.features
# list, on the other hand, is not looked at: an entry that demands a feature no
# system has is chosen.
# For a tool author: one entry per target without variant; what distinguishes
# builds beyond os and architecture belongs into annotations that you match.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
for package in skopeo=1.9.3+ds1-1+b10 libgpgme11 libassuan0 libdevmapper1.02.1; do # needs amd64 and current package lists of Debian 12
	(cd "$dir" && apt-get -qq download "$package" >log 2>&1 && dpkg -x "${package%%=*}"_*.deb root) ||
		{ cat "$dir/log" >&2; echo "cannot run: Debian 12 has no $package here" >&2; exit 2; }
done
LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH
cat >"$dir/layout.py" <<'PYTHON'
import hashlib, json, os, sys

def blob(value, kind):
    data = json.dumps(value).encode()
    name = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{name}", "wb").write(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}.v1+json", "digest": f"sha256:{name}", "size": len(data)}

root, *platforms = sys.argv[1:]
os.makedirs(root + "/blobs/sha256")
entries = []
for text in platforms:
    platform = json.loads(text)
    config = blob({"os": "linux", "architecture": platform["architecture"], "rootfs": {"type": "layers", "diff_ids": []}}, "config")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []}
    entries.append(blob(manifest, "manifest") | {"platform": platform})
index = blob({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}, "index")
index["annotations"] = {"org.opencontainers.image.ref.name": "tag"}
json.dump({"schemaVersion": 2, "manifests": [index]}, open(root + "/index.json", "w"))
open(root + "/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
PYTHON
inspect() { # PLATFORM in JSON, architecture of the client
	rm -rf "$dir/image"
	python3 "$dir/layout.py" "$dir/image" "$1"
	if "$dir/root/usr/bin/skopeo" --insecure-policy --override-arch "$2" inspect --config "oci:$dir/image:tag" >/dev/null 2>"$dir/err"; then
		echo chosen
	else
		sed 's/.*choosing image instance: //; s/\\//g' "$dir/err"
	fi
}
amd=$(inspect '{"os":"linux","architecture":"amd64","variant":"v1"}' amd64)
arm=$(inspect '{"os":"linux","architecture":"arm64","variant":"v8"}' arm64)
features=$(inspect '{"os":"linux","architecture":"amd64","os.features":["nothing-has-this"]}' amd64)

"$dir/root/usr/bin/skopeo" --version
echo "expected: amd64/v1 chosen, arm64/v8 chosen, unknown os.features not chosen"
echo "seen: amd64/v1: $amd"
echo "seen: arm64/v8: $arm"
echo "seen: unknown os.features: $features"
case $amd in "no image found"*) ;; *) changed "amd64/v1" ;; esac
[ "$arm" = chosen ] || changed "arm64/v8"
[ "$features" = chosen ] || changed "os.features"
