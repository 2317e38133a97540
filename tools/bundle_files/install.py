"""Install the course from this folder, with no network: run install.sh or install.bat.

Makes the environment `venv` beside this file. Everything is checked first: the Python, the
computer, the copied files, the room on the disk.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / "venv"
DONE = VENV / "installed.txt"  # a copy of SHA256SUMS, written at the end
WINDOWS = os.name == "nt"
START = "start.bat" if WINDOWS else "sh start.sh"
NEEDED = ("wheels/", "data/", "bundle.json", "install.py")  # no installation without these

# The environment's own Python looks for the course's data here, wherever the folder is moved to.
DATA = (
    "import os, sys; "
    "os.environ.setdefault('AELIB_DATA', os.path.join(os.path.dirname(sys.prefix), 'data'))\n"
)
CHECK = """
import platform
import aelib, torch
from aelib import data
digits, faces = data.mnist(), data.cartoon_faces()
print(
    f"Course {aelib.__version__}, PyTorch {torch.__version__}, "
    f"Python {platform.python_version()}, {torch.get_num_threads()} threads, "
    f"{len(digits.train) + len(digits.test):,} digits, {len(faces.train) + len(faces.test):,} faces"
)
"""


def stop(*lines):
    """Say what stands in the way, and end."""
    print("", *lines, sep="\n", file=sys.stderr)
    sys.exit(1)


def read_manifest():
    """Return what this bundle is for."""
    try:
        return json.loads((HERE / "bundle.json").read_text("utf-8"))
    except (OSError, ValueError):
        stop("bundle.json is missing or damaged. Copy the whole folder from the stick again.")


def check_python(known):
    """The wheels are for one version of Python, on one kind of computer."""
    wanted, have = known["python"], "{}.{}".format(*sys.version_info)
    if have != wanted or platform.python_implementation() != "CPython":
        stop(
            f"This is {platform.python_implementation()} {platform.python_version()}: "
            f"{sys.executable}",
            f"The bundle is for Python {wanted}. Get that from https://www.python.org/downloads/, "
            "or take the bundle for a Python that is here, if it is 3.11, 3.12 or 3.13.",
        )
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        stop("This is the free-threaded build of Python. The bundle is for the usual one.")
    machine = platform.machine()
    if sys.platform != known["sys_platform"] or machine.lower() != known["machine"].lower():
        stop(
            "This Python is for {} on {}; the bundle is for {}.".format(
                sys.platform, machine, known["platform"]
            ),
            "Take the bundle for this kind of computer.",
        )
    if sys.maxsize < 2**32:
        stop("This is a 32-bit Python. PyTorch needs a 64-bit one.")
    check_system(known, platform.mac_ver()[0], platform.libc_ver())


def check_system(known, macos, libc):
    """The system must be as new as the wheels ask for."""

    def older(have, wanted):
        return [int(n) for n in have.split(".")[:2]] < [int(n) for n in wanted.split(".")]

    if known["sys_platform"] == "darwin" and macos and older(macos, known["macos"]):
        stop("This is macOS {}; PyTorch needs {} or newer.".format(macos, known["macos"]))
    if known["sys_platform"] == "linux":
        name, version = libc
        if name != "glibc":
            stop("This Linux has no glibc (Alpine, for one). The wheels need it.")
        if older(version, known["glibc"]):
            stop("This Linux has glibc {}; {} is needed.".format(version, known["glibc"]))


def check_files():
    """Compare every file with its checksum: what was copied may be damaged or missing."""
    try:
        lines = (HERE / "SHA256SUMS").read_text("utf-8").splitlines()
        wanted = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        stop("SHA256SUMS is missing or damaged. Copy the whole folder from the stick again.")
    print(f"Checking {len(wanted)} files", flush=True)
    wrong = []
    for name, digest in wanted.items():
        path = HERE / name
        if not path.is_file():
            wrong.append((name, "missing"))
            continue
        sha256 = hashlib.sha256()
        try:
            with path.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    sha256.update(block)
        except OSError as error:
            wrong.append((name, f"cannot be read: {error.strerror}"))
            continue
        if sha256.hexdigest() != digest:
            wrong.append((name, "differs from what was copied"))
    fatal = [(name, what) for name, what in wrong if name.startswith(NEEDED)]
    for name, what in wrong:
        if (name, what) not in fatal:
            print(f"  note: {name}: {what}")
    if fatal:
        stop(
            *(f"{name}: {what}" for name, what in fatal),
            "Copy these again from the stick. If they are still wrong, the stick is: use another.",
        )


def check_room(known):
    """Stop before the disk is full, or a path too long."""
    free, needed = shutil.disk_usage(str(HERE)).free, known["installed_bytes"]
    if free < needed:
        stop(
            f"The installation takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free "
            "on this disk.",
            "Make room, or copy the folder to another disk.",
        )
    if WINDOWS and not long_paths() and len(str(HERE)) + 1 + known["longest_path"] > 259:
        stop(
            "Windows allows paths of 259 characters, and this folder's own takes too many:",
            str(HERE),
            "Move it to a short one, right below the drive, and run this again.",
        )


def long_paths():
    """Whether this Windows allows paths longer than 259 characters."""
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return winreg.QueryValueEx(opened, "LongPathsEnabled")[0] == 1
    except OSError:
        return False


def python_of_venv():
    """Return the environment's interpreter."""
    return str(VENV / ("Scripts/python.exe" if WINDOWS else "bin/python"))


def run(*arguments):
    """Run Python without the user's own settings of Python and pip."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    environment["PIP_CONFIG_FILE"] = os.devnull
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environment.pop("AELIB_DATA", None)
    return subprocess.call(list(arguments), cwd=str(HERE), env=environment)


def make_environment(known):
    """Make `venv` and install every wheel in it."""
    if VENV.exists():
        shutil.rmtree(str(VENV))  # half of an earlier try, or of another bundle
    print("Making the environment venv", flush=True)
    if run(sys.executable, "-m", "venv", str(VENV)):
        shutil.rmtree(str(VENV), ignore_errors=True)
        stop(
            f"Python could not make {VENV}.",
            "On a stick: copy the folder to the computer's own disk first.",
            "On Debian and Ubuntu: the package python{}-venv is needed.".format(known["python"]),
        )
    print("Installing (some minutes)", flush=True)
    failed = run(
        *(python_of_venv(), "-m", "pip", "install", "--quiet", "--no-index"),
        *("--find-links", "wheels", "--requirement", str(Path("wheels", "requirements.txt"))),
    )
    if failed:
        free = shutil.disk_usage(str(HERE)).free
        shutil.rmtree(str(VENV), ignore_errors=True)
        stop(
            "The packages could not be installed; the lines above say why.",
            f"{free / 1e9:.1f} GB were free on this disk.",
        )
    library = Path(
        subprocess.check_output(
            [python_of_venv(), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            universal_newlines=True,
        ).strip()
    )
    (library / "course_data.pth").write_text(DATA, encoding="utf-8")


def main():
    """Install, or say that it is done."""
    known = read_manifest()
    check_python(known)
    check_files()
    sums = (HERE / "SHA256SUMS").read_text("utf-8")
    if DONE.is_file() and DONE.read_text("utf-8") == sums:
        print("Already installed")
    else:
        check_room(known)
        try:
            make_environment(known)
        except OSError as error:
            shutil.rmtree(str(VENV), ignore_errors=True)
            stop(
                f"The environment could not be written: {error.strerror or error}.",
                "On a stick: copy the folder to the computer's own disk first.",
            )
        except KeyboardInterrupt:
            stop("Stopped. Run it again to begin anew.")
    if run(python_of_venv(), "-c", CHECK):
        stop("The course was installed and does not run; the lines above say why.")
    DONE.write_text(sums, encoding="utf-8")
    print(f"Ready. To begin: {START}")


if __name__ == "__main__":
    main()
