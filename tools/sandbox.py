"""Run a notebook that somebody else has written, for nbgrader: whatever it does, grading goes on.

`SandboxedExecute` takes the place of nbgrader's own step that executes a submission
(`labs/nbgrader_config.py` names it). The kernel alone runs the student's code; this process talks
to it. The kernel

- has no more than `timeout` seconds a cell and `whole_timeout` for the notebook;
- is killed, with all that it has started, when it holds more than `memory` or too many processes;
- sees an empty home folder, and no variable of the grader's environment but the few it needs;
- with `bwrap` (Debian's package `bubblewrap`) writes nowhere but in a folder of its own, and sees
  neither the network, nor other processes, nor the folders in `hidden`.

A cell that was not run, because the kernel had died before, carries an error that says so: nbgrader
would count a test without output as passed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from traitlets import Float, Integer, List, Unicode

ROOT = Path(__file__).resolve().parents[1]
GIGABYTE = 10**9
LOG = "kernel.log"
turn: Any = nullcontext()  # whoever has it may use the gradebook; given back while a kernel runs
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS")
LARGEST_OUTPUT = 10**6  # characters a cell: the rest of an endless print is dropped
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@contextmanager
def given_back(turn: Any) -> Iterator[None]:
    """Let others have their turn meanwhile."""
    if isinstance(turn, nullcontext):
        yield
        return
    turn.release()
    try:
        yield
    finally:
        turn.acquire()


@cache
def bubblewrap() -> str | None:
    """Return the path of a `bwrap` that works here, or None."""
    path = shutil.which("bwrap")
    if path:
        trial = [path, "--ro-bind", "/", "/", "--unshare-net", "--unshare-pid", "true"]
        if subprocess.run(trial, capture_output=True, check=False).returncode:
            return None
    return path


def walls(folder: Path, hidden: list[Path]) -> list[str]:
    """Return what stands before the kernel's command so that it sees little and spoils nothing.

    Args:
        folder: the one place that it may write to.
        hidden: folders that it finds empty.
    """
    path = bubblewrap()
    if path is None:
        return []
    command = [path, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for place in hidden:
        if place.is_dir():
            command += ["--tmpfs", str(place)]
    # shared memory lies in the folder, too, where its size is watched
    command += ["--bind", str(folder), "/dev/shm"]
    command += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    command += ["--unsetenv", "JPY_PARENT_PID"]  # no process has that number behind the walls
    return [*command, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"]


class WalledKernelManager(AsyncKernelManager):
    """Starts the kernel of this environment behind walls, and talks to it through files."""

    folder = Unicode(help="the kernel's folder").tag(config=True)
    hidden = List(Unicode(), help="folders that it finds empty").tag(config=True)

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.transport = "ipc"  # there is no network behind the walls
        self.connection_file = str(Path(self.folder) / "kernel.json")
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command += ["--HistoryManager.hist_file=:memory:"]
        self._kernel_spec = KernelSpec(
            argv=[*walls(Path(self.folder), [Path(p) for p in self.hidden]), *command],
            display_name="lab",
            language="python",
            interrupt_mode="message",  # a signal would end bwrap
        )

    async def _async_pre_start_kernel(self, **keywords: Any) -> Any:
        """Give the kernel an environment of its own."""
        variables = {k: os.environ[k] for k in KEPT_VARIABLES if k in os.environ}
        variables |= {
            "HOME": self.folder,
            "TMPDIR": self.folder,
            "JUPYTER_RUNTIME_DIR": self.folder,
            "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TQDM_DISABLE": "1",
        }
        self.log_file = (Path(self.folder) / LOG).open("wb")
        heard = {"stdout": self.log_file, "stderr": self.log_file}
        return await super()._async_pre_start_kernel(
            **keywords | heard | {"env": variables, "cwd": self.folder}
        )

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        """Close what the kernel wrote to."""
        await super()._async_cleanup_resources(restart=restart)
        self.log_file.close()


class Watch(threading.Thread):
    """Kills what the kernel has started once it takes too long, too much or too many."""

    def __init__(self, folder: Path, seconds: float, memory: float, processes: int) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.end = time.monotonic() + seconds
        self.limits = (
            f"{seconds:.0f} seconds",
            f"{memory / GIGABYTE:g} GB",
            f"{processes} processes",
        )
        self.memory, self.processes = memory, processes
        self.over = threading.Event()
        self.reason = ""

    def run(self) -> None:
        """Look four times a second."""
        while not self.over.wait(0.25):
            family = descendants()
            if time.monotonic() > self.end:
                self.reason = f"the notebook took more than {self.limits[0]}"
            elif len(family) > self.processes:
                self.reason = f"it started more than {self.limits[2]}"
            elif sum(map(memory_of, family)) > self.memory:
                self.reason = f"it held more than {self.limits[1]} of memory"
            elif size_of(self.folder) > self.memory:
                self.reason = f"it wrote more than {self.limits[1]}"
            if self.reason:
                kill_descendants()
                return


def memory_of(process: psutil.Process) -> int:
    """Return the bytes that a process holds alone; 0 when it has ended."""
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it was removed meanwhile
                total += (Path(place) / name).lstat().st_size
    return total


def runs(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that is only waited for has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def descendants() -> list[psutil.Process]:
    """Return every process below this one."""
    return psutil.Process().children(recursive=True)


def adopt_orphans() -> None:
    """Let what loses its parent below this process become its child (Linux): nothing gets away."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants() -> None:
    """End every process below this one, also those that are started meanwhile."""
    for _ in range(100):
        family = [p for p in descendants() if runs(p)]
        if not family:
            return
        for process in family:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGSTOP)  # so that it starts no other
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=1)


class SandboxedExecute(Execute):
    """Executes a submission so that it can spoil its own points, and nothing else."""

    timeout = Float(120, help="seconds a cell").tag(config=True)
    whole_timeout = Float(600, help="seconds the whole notebook").tag(config=True)
    memory = Float(4 * GIGABYTE, help="bytes that all its processes hold").tag(config=True)
    processes = Integer(40, help="how many it may start").tag(config=True)
    hidden = List(Unicode(), help="folders that it finds empty").tag(config=True)

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> Any:
        """Execute the notebook as far as it goes; never raise because of what it does.

        Raises:
            RuntimeError: if the kernel does not start: that is no fault of the submission.
        """
        adopt_orphans()
        self.ended: set[int] = set()  # cells, by index
        self.sizes: dict[int, int] = {}  # characters of output, by cell
        self.began = False
        reason = ""
        # a short path: sockets' names have at most 107 characters
        with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
            manager = WalledKernelManager(
                folder=folder, hidden=self.hidden, kernel_name="lab", parent=self
            )
            watch = Watch(Path(folder), self.whole_timeout, self.memory, self.processes)
            watch.start()
            try:
                with given_back(turn):
                    super().preprocess(nb, resources, manager)
            except Exception as error:  # the submission's doing: said in its cells, not lost
                if not self.began:
                    said = (Path(folder) / LOG).read_text("utf-8", "replace")[-2000:]
                    raise RuntimeError(f"the kernel did not start: {error}\n{said}") from error
                reason = watch.reason or f"{type(error).__name__}: {error}".splitlines()[0]
            finally:
                watch.over.set()
                watch.join()
                kill_descendants()
                if self.kc is not None:
                    self.kc.stop_channels()
        if reason:
            mark_unfinished(nb, self.ended, reason)
        return nb, resources

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
        """Execute one cell: from the first on, what goes wrong is the submission's doing."""
        self.began = True
        return super().preprocess_cell(cell, resources, index)

    def on_cell_executed(self, **keywords: Any) -> None:
        """Note which cell has ended."""
        super().on_cell_executed(**keywords)
        self.ended.add(keywords["cell_index"])

    def output(self, outs: Any, msg: Any, display_id: str, cell_index: int) -> Any:
        """Keep what a cell prints, up to a size; errors are kept always."""
        if msg["msg_type"] != "error":
            size = self.sizes.get(cell_index, 0) + len(str(msg["content"]))
            self.sizes[cell_index] = size
            if size > LARGEST_OUTPUT:
                return None
        return super().output(outs, msg, display_id, cell_index)


def mark_unfinished(nb: Any, ended: set[int], reason: str) -> None:
    """Put an error that tells the reason into every code cell that has not ended."""
    for index, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and cell.source.strip() and index not in ended:
            text = f"This cell was not finished: {reason.rstrip('.')}."
            cell.outputs = [
                *cell.get("outputs", []),
                new_output("error", ename="NotFinished", evalue=text, traceback=[text]),
            ]
