#!/bin/sh
# Open the notebooks in JupyterLab:  sh start.sh
set -eu
unset CDPATH PYTHONPATH PYTHONHOME
cd -- "$(dirname -- "$0")"
if ! [ -f venv/installed.txt ]; then
    echo "The course is not installed in this folder yet: sh install.sh" >&2
    exit 1
fi
exec venv/bin/python -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks "$@"
