"""What does a chapter ask of a machine? Its memory, its processor time, its time by the clock.

Each chapter is executed once by ``jupyter execute``, in a process of its own, and the operating
system is asked afterwards. *Peak* is the largest memory that the kernel held at any moment
(resident set); *processor seconds* add up over all cores. With ``--server`` an idle JupyterLab is
started and asked too: on a hub every student has one beside the kernel.

    python benchmarks/memory.py 04 11 --server    # two chapters and the server
    python benchmarks/memory.py --server          # the server alone
    python benchmarks/memory.py                   # all chapters, as long as the course takes

A chapter that is measured again replaces its old line in the report; the others stay. Linux and
macOS only: Windows does not keep these counts (use WSL).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "notebooks"
RESULTS = ROOT / "benchmarks" / "results" / "memory.json"
BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
SERVER_WAIT = 15  # seconds until an idle server has loaded its extensions


def find(numbers: list[str], folder: Path = CHAPTERS) -> list[Path]:
    """Return the notebooks with these numbers ("04"), or all of them for an empty list.

    Raises:
        SystemExit: if a number has no notebook, or has several.
    """
    if not numbers:
        return sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    found = []
    for number in numbers:
        notebooks = list(folder.glob(f"{number}_*.ipynb"))
        if len(notebooks) != 1:
            raise SystemExit(f"{number}: {len(notebooks)} notebooks. Give numbers such as 04.")
        found += notebooks
    return found


def measure(command: list[str], stop_after: float | None = None) -> dict[str, Any]:
    """Run a command and return its use: ``peak_mb``, ``processor_seconds``, ``seconds``.

    The peak is that of the largest process among the command and those that it started and waited
    for; the processor time is that of all of them. Call it from a small process: on Linux the peak
    is at least the memory of the process that calls. ``stop_after`` ends the command after so many
    seconds.

    Raises:
        SystemExit: if the command fails, or ends before it was to be ended.
    """
    environment = os.environ | {"TQDM_DISABLE": "1"}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
        ended = 0
        if stop_after is not None:
            time.sleep(stop_after)
            ended, status, use = os.wait4(process.pid, os.WNOHANG)
            if not ended:
                os.kill(process.pid, signal.SIGTERM)
        if not ended:
            _, status, use = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if ended or (process.returncode and stop_after is None):
            log.seek(0)
            raise SystemExit(log.read().decode(errors="replace")[-4000:])
    return {
        "peak_mb": round(use.ru_maxrss * BYTES / 1e6),
        "processor_seconds": round(use.ru_utime + use.ru_stime, 1),
        "seconds": round(seconds, 1),
    }


def chapter(notebook: Path) -> dict[str, Any]:
    """Measure one chapter, executed from its first cell to its last."""
    with tempfile.TemporaryDirectory() as folder:
        to = str(Path(folder) / notebook.name)
        here = [sys.executable, "-m", "jupyter", "execute"]
        return measure([*here, str(notebook), f"--output={to}", "--timeout=1800"])


def server() -> dict[str, Any]:
    """Measure a JupyterLab that nobody has opened yet."""
    here = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--allow-root"]
    use = measure([*here, f"--notebook-dir={CHAPTERS}"], stop_after=SERVER_WAIT)
    return {"peak_mb": use["peak_mb"]}


def threads() -> int:
    """Return the number of threads that PyTorch computes with here."""
    asked = [sys.executable, "-c", "import torch; print(torch.get_num_threads())"]
    return int(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)


def processors() -> int:
    """Return how many processor cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Return what a line depends on, to be kept beside it."""
    return {
        "processors": processors(),
        "threads": threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
    }


def merged(path: Path, measured: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the report at ``path`` with these lines new, in the order of the book."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return dict(sorted((old | measured).items()))


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "chapters",
        nargs="*",
        help="numbers such as 04; all if neither these nor --server are given",
    )
    parser.add_argument("--server", action="store_true", help="measure an idle JupyterLab too")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    options = parser.parse_args(argv)
    notebooks = [] if options.server and not options.chapters else find(options.chapters)
    where = machine()
    jobs = {f"notebooks/{path.stem}": (lambda p=path: chapter(p)) for path in notebooks}
    if options.server:
        jobs["server"] = server
    for name, job in jobs.items():
        line = job() | where
        print(name, json.dumps(line), flush=True)
        report = merged(options.output, {name: line})
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
