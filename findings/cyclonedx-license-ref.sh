#!/bin/sh
# cyclonedx-python-lib 11.12.0 (PyPI), with license-expression 30.4.4: an SPDX
# expression with a licence of one's own is not recorded as an expression.
#
# Expected: "LicenseRef-Acme OR MIT" becomes an expression in the SBOM. SPDX lets
# everyone name licences LicenseRef-... and CycloneDX takes every valid SPDX
# expression.
# Seen: the parser underneath knows listed licences only, and the factory falls
# back without a word to a licence *named* "LicenseRef-Acme OR MIT", free text
# that no policy check can take apart. "MIT OR Apache-2.0" is an expression, as
# expected. With validate=True the parser itself calls the reference an unknown key.
# For a tool author: check the expression yourself and construct LicenseExpression
# directly, past the factory; look for blanks in licence names in an SBOM.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
changed() { echo "changed: $*" >&2; exit 1; }
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check cyclonedx-python-lib==11.12.0 license-expression==30.4.4
cat >"$dir/check.py" <<'PYTHON'
from cyclonedx.contrib.license.factories import LicenseFactory
from license_expression import get_spdx_licensing

for text in ["MIT OR Apache-2.0", "LicenseRef-Acme OR MIT"]:
    made = LicenseFactory().make_from_string(text)
    print(text, "->", type(made).__name__)
print(get_spdx_licensing().validate("LicenseRef-Acme OR MIT").errors)
PYTHON
seen=$("$dir/venv/bin/python" "$dir/check.py")

echo "cyclonedx-python-lib 11.12.0, license-expression 30.4.4"
echo "expected: LicenseExpression for both, no errors"
echo "$seen" | sed 's/^/seen: /'
[ "$seen" = "MIT OR Apache-2.0 -> LicenseExpression
LicenseRef-Acme OR MIT -> DisjunctiveLicense
['Unknown license key(s): LicenseRef-Acme']" ] || changed "another result"
