#!/bin/sh
# Make the virtual environment and install the course in it, at the versions of constraints.txt.
#     sh tools/setup.sh VENV [PYTHON] [TORCH]
# PYTHON: an interpreter, or empty for the first suitable one. TORCH: "cpu" for the small build.
set -eu
venv=$1 python=${2:-} torch=${3:-}

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}
stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

case $torch in
    '' | cpu) ;;
    *) stop "TORCH=$torch is not known: TORCH=cpu installs the small PyTorch, no TORCH the usual one." ;;
esac

if [ -n "$python" ]; then
    suits "$python" || stop "PYTHON=$python is not Python 3.11, 3.12 or 3.13 (or does not run)."
elif ! "$venv/bin/python" -c '' 2>/dev/null; then
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        if suits "$candidate"; then python=$candidate && break; fi
    done
    [ -n "$python" ] || stop \
        "The course needs Python 3.11, 3.12 or 3.13, and none was found on the PATH." \
        "Install one (https://www.python.org/downloads/), or name it: make PYTHON=/path/to/python"
fi

if ! suits "$venv/bin/python"; then
    [ -n "$python" ] || stop "The environment $venv has another Python than 3.11–3.13: rm -r $venv"
    echo "Making the environment $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv" || {
        rm -rf "$venv"
        stop "Python's venv module could not make $venv (on Debian and Ubuntu: apt install python3-venv)."
    }
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check "$@"
}
if [ "$torch" = cpu ]; then
    echo "Installing PyTorch without CUDA"
    versions=$(grep -E '^(torch|torchvision)==' constraints.txt)
    # shellcheck disable=SC2086  # two words are meant
    pip install --no-deps --index-url https://download.pytorch.org/whl/cpu $versions ||
        stop "The small PyTorch could not be fetched: try again, or leave out TORCH=cpu."
fi
echo "Installing the course and its tools (some minutes the first time)"
pip install -c constraints.txt -e '.[book,test,lab,teach]'
