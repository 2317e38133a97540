"""Build the book: `make book`.

    .venv/bin/python tools/build_book.py [--all]

Runs Jupyter Book with warnings as errors, shows what is being executed, keeps the whole log in
`_build/build.log`, and ends with where the site is and how long each chapter took. Chapters whose
code, `aelib` and pins have not changed are not executed again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import printed  # noqa: E402

BUILD = ROOT / "_build"
STATE = BUILD / "build_state.json"
CACHES_KEPT = 3  # so that going back to a branch does not execute everything again


def cache_folder() -> Path:
    """Return the folder of executed chapters, as the book's own extension names it."""
    path = ROOT / "book" / "_ext" / "course.py"
    spec = importlib.util.spec_from_file_location("course_extension", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.cache_folder(ROOT)


def inputs_hash(cache: Path) -> str:
    """Return a hash of what Sphinx does not watch: assets, templates, the extension, the toc.

    Pages (`.md`, `.ipynb`) are left out: Sphinx sees their changes itself.
    """
    digest = hashlib.sha256(cache.name.encode())
    files = [ROOT / "_config.yml", ROOT / "_toc.yml", *(ROOT / "benchmarks").rglob("*.json")]
    files += [p for p in (ROOT / "book").rglob("*") if p.suffix != ".md"]
    for path in sorted(p for p in files if p.is_file() and "__pycache__" not in p.parts):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def read_state() -> dict:
    """Return how the last build ended, or {}."""
    try:
        return json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {}


class Filter:
    """Lets through what a person wants to see of Jupyter Book's log.

    That is: which chapter is being executed, warnings and errors with their indented lines, and
    a failing cell with its traceback; not the tracebacks of the tools around it.
    """

    NOISE = ("[IPKernelApp]", "myst_nb.core.execute.base.ExecutionError")

    def __init__(self) -> None:
        self.cell = self.indented = self.alarmed = False

    def __call__(self, line: str) -> bool:
        """Whether this line is wanted."""
        if "An error occurred while executing the following cell" in line:
            self.cell = True
        elif line.startswith("The above exception was the direct cause"):
            self.cell = False
        if self.cell or "Executing notebook using" in line or "Executed notebook in" in line:
            return True
        alarming = any(word in line for word in ("WARNING:", "ERROR:", "CRITICAL:"))
        alarming = alarming and not any(noise in line for noise in self.NOISE)
        self.indented = alarming or (self.indented and line.startswith((" ", "\t")))
        self.alarmed = self.alarmed or alarming
        return self.indented


def jupyter_book(everything: bool) -> int:
    """Run Jupyter Book; show executions, warnings and errors, and log the rest."""
    here = Path(sys.executable).parent  # its programs and its kernel, not those of another Python
    command = [str(here / "jupyter-book"), "build", ".", "-W", "-n", "--keep-going"]
    command += ["--all"] * everything
    path = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
    changes = {"PATH": path, "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1", "NO_COLOR": "1"}
    with (BUILD / "build.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        show = Filter()
        try:
            for line in process.stdout:
                log.write(line)
                if show(line):
                    print(line.replace(f"{ROOT}{os.sep}", "").rstrip(), flush=True)
        except BaseException:
            process.terminate()
            raise
        code = process.wait()
    if code and not show.alarmed:  # it ended in a way of its own: show how
        print("\n".join((BUILD / "build.log").read_text("utf-8").splitlines()[-15:]))
    return code


def chapter_times(cache: Path, since: datetime) -> list[tuple[str, float, bool]]:
    """Return (chapter, seconds, executed in this build) for every chapter of the book."""
    database = cache / "global.db"
    if not database.exists():
        return []
    query = "SELECT uri, data, created FROM nbcache ORDER BY accessed, pk"
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(query).fetchall()
    times = {}
    for uri, data, created in rows:
        path = Path(uri)
        seconds = (json.loads(data) if isinstance(data, str) else data or {}).get(
            "execution_seconds"
        )
        if path.parent == ROOT / "notebooks" and path.exists() and seconds is not None:
            made = datetime.fromisoformat(created).replace(tzinfo=UTC)
            times[path.stem] = (float(seconds), made >= since)
    return [(name, *times[name]) for name in sorted(times)]


def prune_caches(current: Path) -> None:
    """Remove all but the most recent caches of executed chapters."""
    if current.is_dir():
        os.utime(current)
    folders = [p for p in current.parent.glob("*") if p.is_dir()]
    folders.sort(key=lambda p: p.stat().st_mtime, reverse=True)
    for folder in folders[CACHES_KEPT:]:
        shutil.rmtree(folder)


def students_labs() -> None:
    """Put the students' version of the labs into the site.

    In a process of its own: it has nbgrader's settings, and says what is wrong with a lab.
    """
    subprocess.run([sys.executable, "-m", "tools.labs", "--only-release"], cwd=ROOT, check=True)
    target = BUILD / "html" / "labs"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in (BUILD / "labs").glob("*/lab_*.ipynb"):
        shutil.copy(path, target)


def main() -> int:
    """Build, report, and return Jupyter Book's exit code."""
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument("--all", action="store_true", help="write every page again")
    arguments = parser.parse_args()

    start, began = time.perf_counter(), datetime.now(UTC)
    BUILD.mkdir(exist_ok=True)
    cache = cache_folder()
    inputs, state = inputs_hash(cache), read_state()
    # A page with a warning is not read again by itself, so after a failure every page is.
    everything = arguments.all or not state.get("ok") or state.get("inputs") != inputs
    STATE.write_text(json.dumps({"ok": False}))
    if everything:  # pages of chapters that are gone must go too; the executed chapters stay
        shutil.rmtree(BUILD / "html", ignore_errors=True)
    print("Building the book; the whole log is in _build/build.log", flush=True)
    code = jupyter_book(everything)
    STATE.write_text(json.dumps({"ok": code == 0, "inputs": inputs}))
    prune_caches(cache)
    students_labs()

    times = chapter_times(cache, began)
    if times:
        width = max(len(name) for name, _, _ in times)
        print(f"\n{'chapter':<{width}}  seconds")
        for name, seconds, new in times:
            note = "" if new else "  (executed earlier; nothing it uses has changed)"
            print(f"{name:<{width}}  {seconds:7.1f}{note}")
        print(f"{'together':<{width}}  {sum(seconds for _, seconds, _ in times):7.1f}")
    took = time.perf_counter() - start
    if code:
        print(f"\nThe book did not build ({took:.0f} s): see above, or _build/build.log.")
        return code
    printed.place()
    print(f"\nBuilt in {took:.0f} s. Open _build/html/index.html")
    if stale := printed.stale():
        print(f"{len(stale)} PDFs are missing or older than their pages: `make pdf` prints them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
