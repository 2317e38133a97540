"""Prove that every chapter runs on Colab's versions, and on the oldest ones: `make colab-check`.

    .venv/bin/python -m tools.colab_check [03 11 …] [--environments colab lowest] [--no-binder]
    .venv/bin/python -m tools.colab_check --refresh   # write colab_versions.txt from Google's list

For each environment:

1. A virtual environment of its own gets the versions of `colab_versions.txt`, or the lower bounds
   of `pyproject.toml`, and not `aelib`. It stays in `_build/colab-check` for the next time.
2. The notebooks' setup cell runs there word for word, in an empty folder, with an empty home. The
   address that it installs from is answered by a copy of the working tree (git's `insteadOf`). It
   may add `aelib` and nothing else: no other version, and no file of PyTorch or NumPy, may change;
   and what it added is, byte for byte, the wheel that is built from the same tree.
3. Each chapter runs in a new empty folder with a new empty home, so it fetches its data itself:
   from a server of the folder `data` on this machine (`AELIB_MIRROR`). A proxy that is not there
   stands in the way of every other host.

Last, what `environment.yml` names for Binder is resolved against the package index.

This downloads some gigabytes the first time: `TORCH=cpu` takes the small builds of PyTorch.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import pins, repository

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "_build" / "colab-check"
VERSIONS = ROOT / "tools" / "colab_versions.txt"
HEAD = """\
# What Google Colab's default runtime (on a CPU machine) ships, as far as the course needs it.
# `make colab-check` installs this before it runs the chapters. To write it anew:
#     .venv/bin/python -m tools.colab_check --refresh
# from Google's own list, https://github.com/googlecolab/backend-info (pip-freeze.txt, os-info.txt),
# which may be a day or two ahead of or behind what a reader gets.
"""
LIST = "https://raw.githubusercontent.com/googlecolab/backend-info/main"
CELL_TIMEOUT = 1200  # seconds
NO_PROXY_THERE = "http://127.0.0.1:9"  # the port "discard": nobody listens
KERNEL = "ipykernel"  # runs a notebook; `aelib` itself does not need it

# Variables that the machine may need to reach its package index; all others are left behind.
PASSED_ON = re.compile(r"(PIP_|SSL_CERT_|REQUESTS_CA_|OMP_|MKL_|OPENBLAS_|LANG$|LC_|TMPDIR$)")


class Failure(Exception):
    """What the check exists to find; the text says what and where."""


class Environment(NamedTuple):
    """Versions to run with."""

    name: str
    what: str
    python: str
    versions: dict[str, str]


class Outcome(NamedTuple):
    """What became of one notebook."""

    seconds: float
    error: str  # empty if it ran to its end


# ------------------------------------------------------------------------------------ versions


def colab(text: str | None = None) -> Environment:
    """Return what Colab ships, from colab_versions.txt."""
    lines = (VERSIONS.read_text("utf-8") if text is None else text).splitlines()
    pairs = [line.split("#")[0].strip().split("==") for line in lines]
    versions = {canonicalize_name(name): version for name, version in filter(any, pairs)}
    python = versions.pop("python")
    return Environment("colab", f"what Colab ships, {VERSIONS.name}", python, versions)


def lowest(root: Path = ROOT) -> Environment:
    """Return the lower bounds of pyproject.toml, and the oldest Python that it allows."""
    table = pins.project(root)
    needed = [Requirement(line) for line in table["dependencies"]]
    book = [Requirement(line) for line in table["optional-dependencies"]["book"]]
    needed += [r for r in book if r.name == KERNEL]
    versions = {canonicalize_name(r.name): lower_bound(r) for r in needed}
    python = lower_bound(Requirement(f"python{table['requires-python']}"))
    return Environment("lowest", "the lower bounds of pyproject.toml", python, versions)


def lower_bound(requirement: Requirement) -> str:
    """Return the version that a requirement begins with."""
    bounds = [part.version for part in requirement.specifier if part.operator == ">="]
    if len(bounds) != 1:
        raise ValueError(f"{requirement} has no lower bound: write {requirement.name}>=VERSION")
    return bounds[0]


def refreshed(old: str, freeze: str, os_info: str, day: date) -> str:
    """Return colab_versions.txt with the versions of Google's list in the place of the old ones.

    Raises:
        ValueError: if a package of the old file is not on the list, or Python is not.
    """
    found = {}
    for line in freeze.splitlines():
        # torch==2.11.0+cpu, or torch @ https://…/torch-2.11.0%2Bcpu-cp313-….whl
        match = re.match(r"([\w.-]+)(?:==| @ \S+/[\w.]+-)([0-9][\w.]*)", line)
        if match:
            found[canonicalize_name(match[1])] = match[2]
    python = re.search(r"^Python (\d+\.\d+\.\d+)", os_info, re.MULTILINE)
    if python:
        found["python"] = python[1]
    names = ["python", *colab(old).versions]
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"not on Colab's list any more: {', '.join(missing)}")
    return f"{HEAD}# Written on {day}.\n" + "".join(f"{n}=={found[n]}\n" for n in names)


def refresh() -> None:
    """Write colab_versions.txt from Google's list of today."""
    texts = []
    for name in ("pip-freeze.txt", "os-info.txt"):
        with urllib.request.urlopen(f"{LIST}/{name}", timeout=60) as answer:
            texts.append(answer.read().decode())
    old = VERSIONS.read_text("utf-8")
    VERSIONS.write_text(refreshed(old, *texts, date.today()), encoding="utf-8")
    print(f"{VERSIONS.relative_to(ROOT)} written")


# --------------------------------------------------------------------------------- environments


def command(*words: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a program and return what it printed; raise Failure with all of it if it fails."""
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure(f"$ {' '.join(map(str, words))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def interpreter(version: str) -> tuple[str, str]:
    """Return a Python of this minor version and its full version; else the nearest that is here."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (".".join(version.split(".")[:2]), here):
        candidates = [
            shutil.which(f"python{minor}"),
            *sorted(map(str, pyenv.glob(f"{minor}.*/bin/python")), reverse=True),
            sys.executable,
        ]
        for candidate in filter(None, candidates):
            with contextlib.suppress(Failure):  # pyenv's shims are there for what is not
                found = command(candidate, "-c", "import platform as p; print(p.python_version())")
                if found.startswith(f"{minor}."):
                    return candidate, found.strip()
    raise Failure(f"there is no Python {version}, and not even {here}")


def make(environment: Environment, work: Path = WORK) -> tuple[Path, str]:
    """Make the virtual environment, or take the one of last time; return its Python and version.

    `aelib` is not in it.
    """
    base, found = interpreter(environment.python)
    small = os.environ.get("TORCH") == "cpu"
    folder = work / environment.name
    python = folder / "bin" / "python"
    lines = [f"{name}=={version}" for name, version in environment.versions.items()]
    made_of = "\n".join([found, "cpu" if small else "", *lines])
    stamp = folder / "made-of.txt"
    if not stamp.exists() or stamp.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        command(base, "-m", "venv", folder)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-cache-dir"]
        if small:
            torch = [line for line in lines if line.startswith("torch")]
            command(*pip, "--no-deps", "--index-url", pins.CPU_INDEX, *torch)
        command(*pip, *lines)
        stamp.write_text(made_of)
    command(python, "-m", "pip", "uninstall", "-q", "-y", "aelib")
    return python, found


# What is installed, and the size and time of every file of what must not be touched.
_INSTALLED = """
import json
from importlib import metadata
found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
files = {}
for name in ("torch", "torchvision", "numpy"):
    for file in metadata.files(name):
        path = file.locate()
        if path.exists() and path.suffix != ".pyc":
            files[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
print(json.dumps([found, files]))
"""


def installed(python: Path) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Return the version of each package, and the state of each file of PyTorch and NumPy."""
    with tempfile.TemporaryDirectory() as empty:
        env = variables(python, Path(empty))
        found, files = json.loads(command(python, "-c", _INSTALLED, cwd=Path(empty), env=env))
    return found, files


def variables(python: Path, home: Path, **more: str) -> dict[str, str]:
    """Return the variables of a process that knows no more of this machine than it must."""
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
    own = {"PATH": path, "HOME": str(home), "VIRTUAL_ENV": str(python.parents[1])}
    own["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the kernel's debugger would comment on Python
    return passed | own | more


# ---------------------------------------------------------------------------- where things lie


def commit(work: Path = WORK, root: Path = ROOT) -> str:
    """Put the working tree, committed or not, on `main` of the bare `work/course.git`."""
    bare, index = work / "course.git", work / "index"
    shutil.rmtree(bare, ignore_errors=True)
    index.unlink(missing_ok=True)
    who = {
        f"GIT_{w}_{k}": "colab-check" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")
    }
    env = os.environ | who | {"GIT_INDEX_FILE": str(index)}
    command("git", "read-tree", "HEAD", cwd=root, env=env)
    command("git", "add", "--all", cwd=root, env=env)
    tree = command("git", "write-tree", cwd=root, env=env).strip()
    made = command("git", "commit-tree", tree, "-m", "The working tree", cwd=root, env=env).strip()
    command("git", "init", "--quiet", "--bare", "--initial-branch=main", bare)
    command("git", "push", "--quiet", bare, f"{made}:refs/heads/main", cwd=root)
    index.unlink()
    return made


def git_variables(work: Path = WORK) -> dict[str, str]:
    """Return variables with which git finds the course's address in `work/course.git`."""
    config = work / "gitconfig"
    config.write_text(
        f'[url "{(work / "course.git").as_uri()}"]\n'
        f"    insteadOf = {repository.address().url}\n"
        '[protocol "file"]\n    allow = always\n'
        "[uploadpack]\n    allowFilter = true\n"
    )
    return {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}


@contextlib.contextmanager
def data_server(folder: Path = ROOT / "data") -> Iterator[tuple[str, list[str]]]:
    """Serve the course's data; yield the address, and the list of what has been asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            asked.append(self.path.rpartition("/")[2])

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


# ------------------------------------------------------------------------------------ notebooks


def chapters(chosen: list[str], root: Path = ROOT) -> list[Path]:
    """Return the notebooks whose names begin as chosen; all of them if nothing is chosen."""
    every = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    for word in chosen:
        if not any(path.name.startswith(word) for path in every):
            raise Failure(f"there is no chapter {word!r}: choose of {[p.name[:2] for p in every]}")
    return [path for path in every if not chosen or path.name.startswith(tuple(chosen))]


def execute(
    notebook: nbformat.NotebookNode, python: Path, folder: Path, env: dict[str, str]
) -> Outcome:
    """Run all cells of a notebook, up to the first that fails, in a kernel of another Python."""
    manager = AsyncKernelManager()
    manager._kernel_spec = KernelSpec(
        argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="colab-check",
        language="python",
    )
    client = NotebookClient(
        notebook, km=manager, timeout=CELL_TIMEOUT, resources={"metadata": {"path": str(folder)}}
    )

    async def run() -> None:
        try:
            await client.async_execute(env=env)
        finally:  # the client leaves a kernel running that it did not choose itself
            await manager.shutdown_kernel(now=True)

    start, error = time.perf_counter(), ""
    try:
        asyncio.run(run())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as failed:
        number = sum("execution" in c.metadata for c in notebook.cells if c.cell_type == "code")
        error = f"code cell {number}: " + re.sub(r"\x1b\[[0-9;]*m", "", str(failed)).strip()
    return Outcome(time.perf_counter() - start, error)


@contextlib.contextmanager
def nowhere() -> Iterator[tuple[Path, Path]]:
    """An empty folder outside the repository, and an empty home."""
    with tempfile.TemporaryDirectory(prefix="colab-check-") as name:
        folder, home = Path(name, "content"), Path(name, "home")
        if folder.resolve().is_relative_to(ROOT):
            raise Failure(f"{name} lies in the repository: set TMPDIR to a folder outside of it")
        folder.mkdir()
        home.mkdir()
        yield folder, home


def check_setup(python: Path, wheel: Path, commit_id: str) -> Outcome:
    """Run the setup cell where `aelib` is missing; it may add `aelib`, and touch nothing else."""
    before = installed(python)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(repository.SETUP_CELL)])
    with nowhere() as (folder, home):
        env = variables(python, home, **git_variables())
        outcome = execute(notebook, python, folder, env)
        if outcome.error:
            said = "".join(o.get("text", "") for o in notebook.cells[0].outputs)
            return outcome._replace(error=f"{outcome.error}\n{said}".rstrip())
    problem = "\n".join(differences(before, installed(python)) + not_the_wheel(python, wheel))
    site = site_packages(python)
    url = json.loads(next(site.glob("aelib-*.dist-info/direct_url.json")).read_text())
    if (url["url"], url["vcs_info"]["commit_id"]) != (repository.address().url, commit_id):
        problem += f"\naelib is not of the working tree, {commit_id}: {url}"
    return outcome._replace(error=problem.strip())


def differences(before: tuple[dict, dict], after: tuple[dict, dict]) -> list[str]:
    """Say what an installation changed apart from adding `aelib`."""
    (old, old_files), (new, new_files) = before, after
    lines = [
        f"{name} was {old.get(name, 'not there')} and is {new.get(name, 'gone')}"
        for name in sorted(old.keys() | new.keys())
        if name != "aelib" and old.get(name) != new.get(name)
    ]
    touched = [file for file, state in old_files.items() if new_files.get(file) != state]
    lines += [f"{file} was touched" for file in touched[:5]]
    if len(touched) > 5:
        lines.append(f"and {len(touched) - 5} files more were touched")
    return lines


def site_packages(python: Path) -> Path:
    """Return the folder of what is installed."""
    return Path(
        command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )


def not_the_wheel(python: Path, wheel: Path) -> list[str]:
    """Say in what the installed `aelib` differs from the wheel, and if it is imported at all."""
    site, lines = site_packages(python), []
    with zipfile.ZipFile(wheel) as archive:
        files = {
            name: archive.read(name) for name in archive.namelist() if ".dist-info" not in name
        }
    strangers = sorted({name.split("/")[0] for name in files} - {"aelib"})
    lines += [f"the wheel brings {name}, which is not aelib" for name in strangers]
    for name, content in files.items():
        if not (site / name).exists() or (site / name).read_bytes() != content:
            lines.append(f"{name} is not installed as it is in {wheel.name}")
    with nowhere() as (folder, home):
        where = "import importlib.util as u; print(u.find_spec('aelib').origin)"
        origin = command(python, "-c", where, cwd=folder, env=variables(python, home)).strip()
    if Path(origin) != site / "aelib" / "__init__.py":
        lines.append(f"aelib is imported from {origin}")
    return lines


def check_chapter(path: Path, python: Path, address: str) -> Outcome:
    """Run a chapter where there is nothing but the installed packages and the served data."""
    notebook = nbformat.read(path, as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if first != repository.SETUP_CELL:
        return Outcome(0.0, "its first code cell is not the setup cell: python tools/repository.py")
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), NO_PROXY_THERE)
    with nowhere() as (folder, home):
        env = variables(python, home, AELIB_MIRROR=address, no_proxy="127.0.0.1", **proxies)
        return execute(notebook, python, folder, env)


# --------------------------------------------------------------------------------------- Binder


def pip_lines(root: Path = ROOT) -> list[str]:
    """Return what environment.yml tells pip, as words of a command line."""
    listed = yaml.safe_load((root / "environment.yml").read_text("utf-8"))["dependencies"]
    lines = next(item["pip"] for item in listed if isinstance(item, dict))
    return [word for line in lines for word in line.split(maxsplit=1)]


def check_binder(tree: Path) -> str:
    """Resolve environment.yml against the package index; return what was found.

    Nothing is installed. Of conda's part only is known what conda says, where there is one.
    """
    base, found = interpreter(pins.PYTHON)
    folder = WORK / "binder"
    shutil.rmtree(folder, ignore_errors=True)
    command(base, "-m", "venv", folder)
    report = WORK / "binder.json"
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    command(*pip, "install", "--quiet", "--upgrade", "pip")
    words = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", report]
    command(*pip, *words, *pip_lines(), cwd=tree)
    chosen = {
        canonicalize_name(item["metadata"]["name"]): item["metadata"]["version"].split("+")[0]
        for item in json.loads(report.read_text())["install"]
    }
    named = dict(word.split("==") for word in pip_lines() if "==" in word)
    different = {n: (v, chosen.get(n)) for n, v in named.items() if chosen.get(n) != v}
    if different:
        raise Failure(f"environment.yml names, and pip takes: {different}")
    said = f"pip's part resolves on Python {found}: {len(chosen)} packages"
    conda = shutil.which(
        "conda", path=f"{os.environ.get('CONDA', '')}/bin{os.pathsep}{os.environ['PATH']}"
    )
    if conda is None:
        return f"{said}; conda's part (python, pip) was not tried, there is no conda here"
    command(
        conda, "env", "create", "--dry-run", "-n", "colab-check", "-f", "environment.yml", cwd=tree
    )
    return f"{said}; conda's part resolves too"


# ------------------------------------------------------------------------------------- all of it


def build_wheel(tree: Path) -> Path:
    """Build the wheel of a tree."""
    folder = WORK / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, tree)
    return next(folder.glob("aelib-*.whl"))


def say(lines: list[str], line: str) -> None:
    """Print a line now, and keep it for the report."""
    print(line, flush=True)
    lines.append(line)


def main() -> int:
    """Run what is asked for; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description="Run the chapters on Colab's and on old versions.")
    parser.add_argument("chapters", nargs="*", help="e.g. 03 11; all by default")
    parser.add_argument("--environments", nargs="+", choices=["colab", "lowest"])
    parser.add_argument("--no-binder", action="store_true", help="leave environment.yml out")
    parser.add_argument("--refresh", action="store_true", help="write colab_versions.txt anew")
    chosen = parser.parse_args()
    if chosen.refresh:
        refresh()
        return 0

    names = chosen.environments or ["colab", "lowest"]
    environments = [e for e in (colab(), lowest()) if e.name in names]
    WORK.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    failed = 0

    def row(what: str, outcome: Outcome, more: str = "") -> None:
        nonlocal failed
        failed += bool(outcome.error)
        state = "FAILED" if outcome.error else "ok"
        say(lines, f"  {what:<32} {outcome.seconds:7.1f} s  {state}{more}")
        if outcome.error:
            say(lines, "    " + outcome.error.replace("\n", "\n    "))

    try:
        notebooks = chapters(chosen.chapters)
        commit_id = commit()
        with tempfile.TemporaryDirectory() as clone, data_server() as (address, asked):
            tree = Path(clone, "course")
            command("git", "clone", "--quiet", WORK / "course.git", tree)
            wheel = build_wheel(tree)
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            say(lines, f"{wheel.name}, {wheel.stat().st_size / 1024:.0f} kB, sha256 {digest}")
            for environment in environments:
                python, found = make(environment)
                say(lines, f"\n{environment.name}: {environment.what}")
                if found.split(".")[:2] != environment.python.split(".")[:2]:
                    say(lines, f"  Python {environment.python} is not here; this is {found}")
                packages, _ = installed(python)
                versions = {canonicalize_name(name): v for name, v in packages.items()}
                shown = [f"{name} {versions[name]}" for name in environment.versions]
                say(lines, "  Python " + ", ".join([found, *shown]))
                setup = check_setup(python, wheel, commit_id)
                row("setup cell", setup)
                for path in [] if setup.error else notebooks:
                    asked.clear()
                    outcome = check_chapter(path, python, address)
                    row(path.stem, outcome, f"  fetched {len(asked)} files" if asked else "")
            if not chosen.no_binder:
                say(lines, f"\nbinder: {check_binder(tree)}")
    except Failure as failure:
        failed += 1
        say(lines, f"\nFAILED: {failure}")
    say(lines, f"\n{failed} failed" if failed else "\nnothing failed")
    (WORK / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
