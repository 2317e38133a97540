#!/bin/sh
# Install the course from this folder, with no network:  sh install.sh
set -eu
unset CDPATH
cd -- "$(dirname -- "$0")"

suits() {
    "$1" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "@PYTHON@")' 2>/dev/null
}
if [ -n "${PYTHON:-}" ]; then
    exec "$PYTHON" install.py
fi
for candidate in python@PYTHON@ python3 python; do
    if suits "$candidate"; then exec "$candidate" install.py; fi
done
found=$(python3 --version 2>&1) || found="no Python"
echo "The bundle is for Python @PYTHON@; here is $found." >&2
echo "Install it (https://www.python.org/downloads/), or name it: PYTHON=/path/to/python@PYTHON@ sh install.sh" >&2
exit 1
