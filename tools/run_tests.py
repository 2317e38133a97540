"""Test everything: `make test`.

    .venv/bin/python tools/run_tests.py [lint] [book] [pdf] [tests] [labs] [notebooks]

Every step runs, also after one has failed, one after the other. The last line counts:
`N passed, N failed` and, if there are any, `, N skipped`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import chromium  # noqa: E402

RESULTS = ROOT / "_build" / "test-results"
CELL_TIMEOUT = 900  # seconds


class Counts(NamedTuple):
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def run(*command: str, **variables: str) -> int:
    """Run a command of this environment in the repository's root; return its exit code."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
    print("$", " ".join(command), flush=True)
    environment = os.environ | {"PATH": path} | variables
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, check=False
    ).returncode


def one(*command: str) -> Counts:
    """Run a command that counts as one check."""
    return Counts(failed=1) if run(*command) else Counts(passed=1)


def pytest(name: str, *arguments: str, **variables: str) -> Counts:
    """Run pytest and count from its report."""
    report = RESULTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    code = run("pytest", *arguments, f"--junitxml={report}", **variables)
    counts = Counts()
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            number = {k: int(suite.get(k, 0)) for k in ("tests", "errors", "failures", "skipped")}
            failed = number["errors"] + number["failures"]
            passed = number["tests"] - failed - number["skipped"]
            counts += Counts(max(passed, 0), failed, number["skipped"])
    if code and not counts.failed:  # it could not start, or collected nothing
        counts += Counts(failed=1)
    return counts


def lint() -> Counts:
    """Style of code and notebooks, spelling, and copies of the repository's address."""
    return (
        one("ruff", "check", ".")
        + one("ruff", "format", "--check", ".")
        + one("codespell_lib", ".")
        + one("tools.repository", "--check")
    )


def book() -> Counts:
    """The book, warnings as errors."""
    return one("tools.build_book")


def pdf() -> Counts:
    """The book and each chapter as a PDF, where their pages have changed."""
    if "CHROMIUM" not in os.environ and not any(map(chromium.works, chromium.on_the_system())):
        chromium.installed_by_debian()
    return one("tools.build_pdf")


def chapter_seconds() -> list[str]:
    """How long each chapter took in the last build: the lines of its log that say so."""
    log = ROOT / "_build" / "build.log"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [line for line in lines if re.match(r" *\d+\.\d s  ", line)]


def longest_first() -> list[str]:
    """The chapters, the longest of the last build first: so workers end at about the same time."""
    took = {line.split()[-1]: float(line.split()[0]) for line in chapter_seconds()}
    names = [f"notebooks/{path.stem}" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    names.sort(key=lambda name: took.get(name, float("inf")), reverse=True)
    return [f"{name}.ipynb" for name in names]


def workers(*split: str) -> tuple[list[str], dict[str, str]]:
    """Return pytest's arguments and variables for one worker a core (at most 4), one thread each.

    Threads of one computation that wait for each other are slow where several processes share the
    cores; one process with many threads is slower than one process a core.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    number = min(cores, 4)
    threads = os.environ.get("OMP_NUM_THREADS", str(cores // number))
    return ["-n", str(number), *split] if number > 1 else [], {"OMP_NUM_THREADS": threads}


def tests() -> Counts:
    """The library, the project, the notebooks' form, the exercises, the built pages."""
    parallel, variables = workers("--dist=loadfile")
    return pytest("tests", "tests", "--durations=15", *parallel, **variables)


def labs() -> Counts:
    """Every lab: as given to students, solved, and with each typical wrong answer."""
    results = ROOT / "_build" / "labs" / "results.json"
    results.unlink(missing_ok=True)
    code = run("tools.labs", **workers()[1])
    runs = json.loads(results.read_text("utf-8")) if results.exists() else []
    failed = sum(bool(one["problems"]) for one in runs)
    counts = Counts(len(runs) - failed, failed)
    return counts + Counts(failed=1) if code and not failed else counts


def notebooks() -> Counts:
    """Every cell of every chapter and of the template, run by nbval in kernels of its own."""
    parallel, variables = workers("--dist=loadscope", "--no-loadscope-reorder")
    return pytest(
        "notebooks",
        *longest_first(),
        "tools/chapter_template.ipynb",
        "--nbval-lax",
        "--nbval-current-env",
        f"--nbval-cell-timeout={CELL_TIMEOUT}",
        *parallel,
        TQDM_DISABLE="1",
        **variables,
    )


STEPS: dict[str, Callable[[], Counts]] = {
    "lint": lint,
    "book": book,
    "pdf": pdf,
    "tests": tests,
    "labs": labs,
    "notebooks": notebooks,
}


def main() -> int:
    """Run the steps that are asked for, in order; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description="Test everything.")
    parser.add_argument("steps", nargs="*", metavar="step", help=f"of {', '.join(STEPS)}")
    chosen = parser.parse_args().steps or list(STEPS)
    unknown = sorted(set(chosen) - set(STEPS))
    if unknown:
        parser.error(f"no step {unknown[0]!r}: choose of {', '.join(STEPS)}")
    RESULTS.mkdir(parents=True, exist_ok=True)

    rows, total = [], Counts()
    for name, step in STEPS.items():
        if name in chosen:
            print(f"\n=== {name}: {(step.__doc__ or '').splitlines()[0]}", flush=True)
            start = time.perf_counter()
            counts = step()
            total += counts
            rows.append((name, time.perf_counter() - start, counts))
    if "book" in chosen:  # once more beside the results, where the end of a log is looked at
        print("", *chapter_seconds(), sep="\n")
    print()
    for name, seconds, counts in rows:
        print(f"{name:<10} {seconds:6.0f} s   {counts}")
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
