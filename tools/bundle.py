"""Make what a laptop without a network needs, for a USB stick: `make bundle`.

    .venv/bin/python tools/bundle.py [PLATFORM …] [--python 3.12] [--torch-index URL|pypi]

For each platform one folder and one zip in `_build/bundle`: the built book, the notebooks, the
data, the labs, all wheels at the versions of `constraints.txt`, and an `install` and a `start` that
ask no network. Wheels are kept in `_build/bundle/downloads`: what has arrived whole is not fetched
again. Nothing of the target platform is run, so each can be made anywhere.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import platform as this_machine
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

from packaging import tags
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "tools" / "bundle_files"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
FROM_TORCH_INDEX = {"torch", "torchvision"}
GPU = re.compile(r"(nvidia|cuda)-|triton$")  # what the usual PyTorch for Linux brings
PYTHONS = ("3.11", "3.12", "3.13")

# constraints.txt is written on Linux. These are needed on other systems only.
ELSEWHERE = {"appnope": "0.1.4", "colorama": "0.4.6", "pywinpty": "3.0.2"}

# Room for the downloads, which are not known before; measured, and rounded up. Bytes.
SMALL_DOWNLOADS, LARGE_DOWNLOADS = 600_000_000, 3_500_000_000
FAT32_LIMIT = 2**32 - 1  # of one file
# The same source makes the same wheel, byte for byte, whenever it is made.
SAME = {"SOURCE_DATE_EPOCH": "1577836800"}


class Stop(Exception):
    """What stands in the way, and what to do; shown without a traceback."""


class Platform(NamedTuple):
    """A kind of computer: what `sys.platform`, `platform` and pip call it."""

    sys_platform: str
    system: str
    machine: str
    wheels: tuple[str, ...]  # platform tags, the most specific first


def _manylinux(machine: str) -> tuple[str, ...]:
    """Tags of wheels that run where glibc is 2.28 or newer: Debian 10, Ubuntu 20.04, RHEL 8."""
    names = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 16, -1)]
    names.append(f"manylinux2014_{machine}")
    if machine == "x86_64":
        names += [f"manylinux_2_{minor}_x86_64" for minor in range(16, 4, -1)]
        names += ["manylinux2010_x86_64", "manylinux1_x86_64"]
    return (*names, f"linux_{machine}")


MACOS = (14, 0)  # the oldest that PyTorch's wheels are for
PLATFORMS = {
    "linux-x86_64": Platform("linux", "Linux", "x86_64", _manylinux("x86_64")),
    "linux-aarch64": Platform("linux", "Linux", "aarch64", _manylinux("aarch64")),
    "windows-x86_64": Platform("win32", "Windows", "AMD64", ("win_amd64",)),
    "macos-arm64": Platform("darwin", "Darwin", "arm64", tuple(tags.mac_platforms(MACOS, "arm64"))),
}


class Target(NamedTuple):
    """A platform and a version of Python."""

    name: str
    python: str = "3.11"

    @property
    def platform(self) -> Platform:
        """What the name stands for."""
        return PLATFORMS[self.name]

    @property
    def interpreter(self) -> str:
        """For example `cp311`."""
        return "cp" + self.python.replace(".", "")

    def tags(self) -> list[tags.Tag]:
        """Wheels that run there, the best first."""
        version = tuple(int(part) for part in self.python.split("."))
        platforms = self.platform.wheels
        return [
            *tags.cpython_tags(version, [self.interpreter], platforms),
            *tags.compatible_tags(version, self.interpreter, platforms),
        ]

    def asks_for(self, requirement: Requirement, extra: str) -> bool:
        """Whether the requirement's marker holds there, for any release of that Python."""
        if requirement.marker is None:
            return True
        there = {
            "extra": extra,
            "implementation_name": "cpython",
            "os_name": "nt" if self.platform.sys_platform == "win32" else "posix",
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.platform.system,
            "platform_version": "",
            "python_version": self.python,
            "sys_platform": self.platform.sys_platform,
        }
        releases = [f"{self.python}.{micro}" for micro in (0, 99)]
        return any(
            requirement.marker.evaluate(
                there | {"python_full_version": full, "implementation_version": full}
            )
            for full in releases
        )


def here() -> str | None:
    """The name of this machine's platform, if bundles for it can be made."""
    for name, kind in PLATFORMS.items():
        if (kind.sys_platform, kind.machine) == (sys.platform, this_machine.machine()):
            return name
    return None


# ---------------------------------------------------------------- wheels


def pins(root: Path) -> dict[str, str]:
    """Exact versions by name, for all platforms."""
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    return ELSEWHERE | dict(line.split("==") for line in lines if not line.startswith("#"))


def found(folder: Path, requirement: Requirement, target: Target) -> Path | None:
    """The best wheel in the folder that satisfies the requirement and runs there."""
    order = {tag: place for place, tag in enumerate(target.tags())}
    best = None
    for path in sorted(folder.glob("*.whl")):
        name, version, _, wheel_tags = parse_wheel_filename(path.name)
        places = [order[tag] for tag in wheel_tags if tag in order]
        if (
            name == canonicalize_name(requirement.name)
            and places
            and requirement.specifier.contains(version, prereleases=True)
        ):
            key = (version, -min(places))
            if best is None or key > best[0]:
                best = (key, path)
    return best[1] if best else None


def whole(path: Path) -> bool:
    """Whether a zip can be read to its end, by its own checksums."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def requirements_of(wheel: Path) -> list[Requirement]:
    """What a wheel says that it needs."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        head = HeaderParser().parsestr(file.read(name).decode("utf-8"))
    return [Requirement(line) for line in head.get_all("Requires-Dist", [])]


def pip(*arguments: str) -> tuple[bool, str]:
    """Run pip; return whether it succeeded and what it said."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | SAME
    )
    return run.returncode == 0, run.stdout + run.stderr


UNREACHED = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|name resolution|Name or service|ProxyError"
)


def why(said: str) -> str:
    """The lines of pip's output that say what went wrong."""
    if "No space left on device" in said or "not enough space" in said:
        return "the disk is full. Make room and run this again: what has arrived whole is kept."
    if UNREACHED.search(said):
        return (
            "the index could not be reached. Check the network, and the proxy or mirror in pip's "
            "configuration, and run this again: what has arrived whole is kept."
        )
    errors = [line for line in said.splitlines() if line.startswith(("ERROR", "error"))]
    return "\n".join(errors[-3:] or said.splitlines()[-3:])


def fetch(requirement: Requirement, target: Target, folder: Path, index: str | None) -> Path:
    """Download one wheel; where there is only source, make a wheel if it is pure Python."""
    at = ["--index-url", index] if index else []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        ok, said = pip(
            *("download", "--no-deps", "--only-binary=:all:", "--dest", partial, *at),
            *("--implementation", "cp", "--python-version", target.python),
            *(f"--platform={name}" for name in target.platform.wheels),
            str(requirement),
        )
        if not ok and not UNREACHED.search(said) and "No space left" not in said and not index:
            ok, built = pip(
                *("wheel", "--no-deps", "--no-binary", requirement.name, "--wheel-dir", partial),
                str(requirement),
            )
            said += built
        wheels = list(Path(partial).glob("*.whl"))
        if not ok or not wheels:
            raise Stop(f"{requirement} for {target.name}, Python {target.python}: {why(said)}")
        (wheel,) = wheels
        if not whole(wheel):
            raise Stop(f"{wheel.name} arrived damaged: run this again.")
        kept = folder / wheel.name
        wheel.replace(kept)  # it gets its place when it is whole
    if found(folder, requirement, target) is None:
        kept.unlink()
        raise Stop(
            f"{requirement}: there is no wheel for {target.name}, Python {target.python}, and the "
            f"one made from its source ({kept.name}) is not for every platform. Choose a version "
            "that has one, or make this bundle on such a machine."
        )
    return kept


def collect(
    root: Path, target: Target, own: Path, downloads: Path, torch_index: str | None
) -> dict[str, Path]:
    """All wheels for `aelib[lab]` on the target, by name, downloaded where they are not there yet.

    pip evaluates conditions such as `sys_platform == "win32"` for the machine that it runs on, also
    when it downloads for another. So pip fetches single wheels here, and what each of them needs
    is read from it.
    """
    pinned = pins(root)
    chosen: dict[str, Path] = {"aelib": own}
    versions = {"aelib": parse_wheel_filename(own.name)[1]}
    read: set[tuple[str, str]] = set()
    waiting = {("aelib", ""), ("aelib", "lab")}
    while waiting:
        asked: dict[str, SpecifierSet] = {}
        later: set[tuple[str, str]] = set()
        for name, extra in waiting - read:
            read.add((name, extra))
            for requirement in requirements_of(chosen[name]):
                if not target.asks_for(requirement, extra):
                    continue
                wanted = canonicalize_name(requirement.name)
                asked[wanted] = asked.get(wanted, SpecifierSet()) & requirement.specifier
                later |= {(wanted, e) for e in ("", *requirement.extras)}
        new = []
        for name, specifier in sorted(asked.items()):
            if name not in chosen:
                exact = f"=={pinned[name]}" if name in pinned else str(specifier)
                new.append(Requirement(name + exact))
        chosen |= _all(new, target, downloads, torch_index)
        for name, specifier in asked.items():
            versions[name] = parse_wheel_filename(chosen[name].name)[1]
            if not specifier.contains(versions[name], prereleases=True):
                raise Stop(f"{name} {versions[name]} is pinned, but {name}{specifier} is needed")
        waiting = later - read
    return chosen


def _all(
    requirements: list[Requirement], target: Target, downloads: Path, torch_index: str | None
) -> dict[str, Path]:
    """A wheel for each requirement, four downloads at a time; all are tried before it stops."""

    def one(requirement: Requirement) -> Path | Stop:
        index = torch_index if requirement.name in FROM_TORCH_INDEX else None
        folder = downloads / (re.sub(r"\W+", "-", index.split("://")[-1]) if index else "pypi")
        kept = found(folder, requirement, target)
        if kept:
            return kept
        try:
            wheel = fetch(requirement, target, folder, index)
        except Stop as stop:
            if index is None:
                return stop
            return Stop(
                f"{stop}\nThe small PyTorch was asked of {index}. Another mirror of it: "
                "--torch-index URL (make: TORCH_INDEX=URL). The usual one from PyPI, on Linux 2.8 "
                "GB larger: --torch-index pypi (make: TORCH_INDEX=pypi)."
            )
        pinned = "==" in str(requirement.specifier)
        print(
            f"  {megabytes(wheel.stat().st_size):>9}  {wheel.name}"
            + ("" if pinned else "  (not pinned: the newest)"),
            flush=True,
        )
        return wheel

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, requirements))
    stops = [str(result) for result in results if isinstance(result, Stop)]
    if stops:
        raise Stop("\n".join(stops))
    return {canonicalize_name(r.name): path for r, path in zip(requirements, results, strict=True)}


def own_wheel(root: Path, folder: Path) -> Path:
    """The wheel of `aelib`, made anew with the setuptools of this environment."""
    with tempfile.TemporaryDirectory() as partial:
        source = Path(partial) / "source"
        source.mkdir()  # setuptools leaves folders beside what it builds
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, source)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "aelib", source / "aelib", ignore=ignored)
        build = (
            "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
        )
        run = subprocess.run(
            [sys.executable, "-c", build, partial],
            cwd=source,
            env=os.environ | SAME,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise Stop(f"The wheel of aelib could not be made:\n{run.stdout}{run.stderr}")
        (wheel,) = Path(partial).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


# ---------------------------------------------------------------- the folder


def unpacked(wheels: Iterable[Path], target: Target) -> tuple[int, int]:
    """Bytes that the wheels take when installed, and the length of their longest path."""
    total, longest = 0, 0
    library = "venv/Lib/site-packages/"  # as on Windows, where the length matters
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as file:
            for member in file.infolist():
                total += member.file_size
                name = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", member.filename)
                if re.match(r"[^/]+\.data/", name):
                    length = len("venv/") + len(name.split("/", 2)[-1])
                elif name.endswith(".py"):
                    total += member.file_size  # and once more, compiled
                    length = len(f"{library}__pycache__/{name}c.{target.interpreter}.pyc") + 6
                else:
                    length = len(library + name)
                longest = max(longest, length)
    return total, longest


def linked(source: Path, to: Path) -> None:
    """Copy a file, without taking its room again where the disk can do that."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)


def sums(folder: Path) -> str:
    """The text of SHA256SUMS: each file below the folder, as `sha256sum -c` reads it."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name == "SHA256SUMS":
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {name}\n")
    return "".join(lines)


def lay_out(root: Path, folder: Path, target: Target, wheels: dict[str, Path]) -> dict[str, int]:
    """Fill an empty folder; return the bytes of each part."""
    leave = shutil.ignore_patterns(
        ".*", "__pycache__", "*-ubyte", "*.partial", "Untitled*.ipynb", "*.pyc"
    )
    shutil.copytree(root / "_build" / "html", folder / "book", ignore=_hidden)
    shutil.copytree(root / "notebooks", folder / "notebooks", ignore=leave)
    shutil.copytree(root / "data", folder / "data", ignore=leave)
    for lab in sorted((root / "_build" / "labs").glob("*/lab_*.ipynb")):  # the students' version
        (folder / "labs").mkdir(exist_ok=True)
        shutil.copy(lab, folder / "labs")
    (folder / "licences").mkdir()
    for name in ("LICENSE", "LICENSE-CONTENT"):
        shutil.copy(root / name, folder / "licences" / f"{name}.txt")

    (folder / "wheels").mkdir()
    lock = []
    for name, path in sorted(wheels.items()):
        linked(path, folder / "wheels" / path.name)
        lock.append(f"{name}=={parse_wheel_filename(path.name)[1]}\n")
    (folder / "wheels" / "requirements.txt").write_text("".join(lock), newline="\n")

    installed, longest = unpacked(wheels.values(), target)
    known = {
        "course": str(parse_wheel_filename(wheels["aelib"].name)[1]),
        "platform": target.name,
        "sys_platform": target.platform.sys_platform,
        "machine": target.platform.machine,
        "python": target.python,
        "macos": ".".join(map(str, MACOS)),
        "glibc": "2.28",
        "installed_bytes": installed + 100_000_000,  # the digits unpacked, and pip itself
        "longest_path": longest,
    }
    (folder / "bundle.json").write_text(json.dumps(known, indent=1) + "\n", newline="\n")

    parts = {part.name: size(part) for part in sorted(folder.iterdir()) if part.is_dir()}
    words = {
        "COURSE": known["course"],
        "PLATFORM": target.name,
        "PYTHON": target.python,
        "INSTALLED": gigabytes(known["installed_bytes"]),
        "SIZES": ", ".join(f"{name} {megabytes(n)}" for name, n in parts.items()),
        "LABS": "  labs/        the labs, to be filled in\n" if "labs" in parts else "",
        "NEEDS": {
            "linux": "a Linux with glibc 2.28 or newer (Debian 10, Ubuntu 20.04, Fedora 29)",
            "darwin": f"macOS {known['macos']} or newer on an Apple chip",
            "win32": "64-bit Windows 10 or 11 on an Intel or AMD chip",
        }[target.platform.sys_platform],
        "HOW": {
            "win32": "Double-click install.bat, and later start.bat.",
        }.get(
            target.platform.sys_platform,
            "In a terminal in this folder: sh install.sh, and later: sh start.sh",
        ),
    }
    windows = target.platform.sys_platform == "win32"
    scripts = ("install.bat", "start.bat") if windows else ("install.sh", "start.sh")
    for name in ("README.txt", "Open the book.html", "install.py", *scripts):
        text = re.sub(r"@([A-Z]+)@", lambda m: words[m[1]], (FILES / name).read_text("utf-8"))
        newline = "\r\n" if name.endswith((".txt", ".bat")) else "\n"
        (folder / name).write_text(text, encoding="utf-8", newline=newline)
        if name.endswith(".sh"):
            (folder / name).chmod(0o755)
    (folder / "SHA256SUMS").write_text(sums(folder), encoding="utf-8", newline="\n")
    return parts


def _hidden(_: str, names: list[str]) -> set[str]:
    """What Sphinx leaves for itself in the site."""
    return {name for name in names if name in {".buildinfo", ".doctrees", "objects.inv"}}


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def megabytes(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / 1e6:.1f} MB" if number < 1e7 else f"{number / 1e6:.0f} MB"


def gigabytes(number: int) -> str:
    """The same, of large things."""
    return f"{number / 1e9:.1f} GB"


def pack(folder: Path, archive: Path) -> bool:
    """Write the folder into a zip, unless the zip has it already; return whether it was written."""
    wanted = (folder / "SHA256SUMS").read_bytes()
    try:
        with zipfile.ZipFile(archive) as file:
            if file.read(f"{folder.name}/SHA256SUMS") == wanted:
                return False
    except (OSError, KeyError, zipfile.BadZipFile):
        pass  # there is none, or another
    partial = archive.with_name(archive.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", strict_timestamps=False) as file:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                packed = path.suffix in {".whl", ".gz", ".npz", ".png", ".jpg", ".woff2"}
                how = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                file.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", how)
        partial.replace(archive)  # it gets its name when it is whole
    finally:
        partial.unlink(missing_ok=True)
    return True


def room(folder: Path, needed: int, what: str) -> None:
    """Stop if the disk has less room than that."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Stop(
            f"{what} needs {gigabytes(needed)} of disk in {folder}, and {gigabytes(free)} are "
            "free. Make room and run this again: what has arrived whole is kept."
        )


def make(root: Path, target: Target, torch_index: str | None) -> Path:
    """Make one bundle; return its folder."""
    if not (root / "_build" / "html" / "index.html").exists():
        raise Stop("There is no built book in _build/html: run `make book` first.")
    out = root / "_build" / "bundle"
    downloads = out / "downloads"
    usual = torch_index is None and target.platform.sys_platform == "linux"
    expected = LARGE_DOWNLOADS if usual else SMALL_DOWNLOADS
    for left in downloads.glob("*/.partial-*"):  # by a run that was killed
        shutil.rmtree(left)
    there = size(downloads)
    print(f"{target.name}, Python {target.python}: the wheels", flush=True)
    room(out, max(expected - there, 0), "Downloading")
    own = own_wheel(root, downloads / "own")
    wheels = collect(root, target, own, downloads, torch_index)
    heavy = [path for name, path in wheels.items() if GPU.match(name)]
    if heavy and torch_index:
        raise Stop(
            f"{torch_index} gave a PyTorch that wants {len(heavy)} packages for graphics cards "
            f"({gigabytes(sum(p.stat().st_size for p in heavy))}): it is not the small one. Give "
            "the address of another index, or accept it: --torch-index pypi (make: "
            "TORCH_INDEX=pypi)."
        )

    name = f"autoencoders-{parse_wheel_filename(own.name)[1]}-{target.name}-{target.interpreter}"
    total = sum(path.stat().st_size for path in wheels.values())
    rest = sum(size(root / part) for part in ("_build/html", "notebooks", "data"))
    room(out, total + 2 * rest, "The folder and its zip")
    folder, partial = out / name, out / f"{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        parts = lay_out(root, partial, target, wheels)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    archive = out / f"{name}.zip"
    written = pack(folder, archive)

    for part, number in parts.items():
        print(f"  {part:<10} {megabytes(number):>9}")
    print(f"  {folder.relative_to(root)}: {len(wheels)} wheels, {gigabytes(size(folder))}")
    state = "" if written else ", unchanged"
    print(f"  {archive.relative_to(root)}: {gigabytes(archive.stat().st_size)}{state}")
    if archive.stat().st_size > FAT32_LIMIT:
        print("  The zip is over 4 GB: a stick formatted as FAT32 cannot hold it. Use exFAT.")
    return folder


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; what is wrong with it is said at once."""
    parser = argparse.ArgumentParser(description="Make the offline bundle of the course.")
    parser.add_argument(
        "platforms", nargs="*", metavar="PLATFORM", help=f"of {', '.join(PLATFORMS)}; else this one"
    )
    parser.add_argument("--python", default="{}.{}".format(*sys.version_info), metavar="X.Y")
    parser.add_argument(
        "--torch-index",
        metavar="URL",
        help=f"where PyTorch is from, or `pypi`; on Linux {CPU_INDEX}, elsewhere pypi, by default",
    )
    chosen = parser.parse_args(arguments)
    chosen.platforms = chosen.platforms or [here()]
    for name in chosen.platforms:
        if name not in PLATFORMS:
            parser.error(f"no platform {name!r}: choose of {', '.join(PLATFORMS)}")
    if chosen.python not in PYTHONS:
        parser.error(f"the course runs on Python {', '.join(PYTHONS)}, not {chosen.python}")
    return chosen


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Make the bundles that are asked for."""
    chosen = parse(arguments)
    try:
        for name in dict.fromkeys(chosen.platforms):
            target = Target(name, chosen.python)
            linux = target.platform.sys_platform == "linux"
            index = chosen.torch_index or (CPU_INDEX if linux else "pypi")
            make(root, target, None if index == "pypi" else index)
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("The disk is full. Make room and run this again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. What has arrived whole is kept: run this again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
