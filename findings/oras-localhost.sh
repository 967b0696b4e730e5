#!/bin/sh
# oras 0.2.43 (PyPI): "localhost/tool" is a repository of the public default
# registry.
#
# Expected: localhost is a host. Docker's reference grammar, which these names come
# from, takes the first part for one if it has a dot or a colon or is "localhost".
# Seen: only a dot or a colon counts. localhost/tool is a repository of that name at
# the public default, and so is one at a plain host name of a company's network
# (registry/tool), while localhost:5000/tool is at localhost. A tag with a plus
# sign, which the specification does not allow, is not complained about either.
# For a tool author: require host:port or a dotted host in references, and show
# the host that will be asked before anything is pushed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check oras==0.2.43
cat >"$dir/check.py" <<'PYTHON'
from oras.container import Container

for name in ["localhost/tool:1", "registry/tool:1", "localhost:5000/tool:1", "tool.example/tool:1.0.0+b1"]:
    c = Container(name)
    host = c.registry if c.registry in name else "of the default registry"
    print(f"{name}: host {host}, repository {c.api_prefix}, tag {c.tag}")
PYTHON
seen=$("$dir/venv/bin/python" "$dir/check.py")

echo "oras 0.2.43 (PyPI)"
echo "expected: localhost/tool:1: host localhost, repository tool, tag 1"
echo "$seen" | sed 's/^/seen: /'
[ "$seen" = "localhost/tool:1: host of the default registry, repository localhost/tool, tag 1
registry/tool:1: host of the default registry, repository registry/tool, tag 1
localhost:5000/tool:1: host localhost:5000, repository tool, tag 1
tool.example/tool:1.0.0+b1: host tool.example, repository tool, tag 1.0.0+b1" ] || changed "other parts"
