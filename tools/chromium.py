"""Where a Chromium is to be found: for the tests of the pages, and for `make pdf`.

It comes from the variable CHROMIUM, from the system, or from Playwright's own download.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # every other host is out of reach
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
WHAT_TO_DO = (
    "No Chromium was found: install one (apt-get install chromium, or .venv/bin/playwright install "
    "chromium), or set CHROMIUM to its path."
)


class NoChromium(Exception):
    """There is none that starts; the message says in one line what to do."""


def works(path: str) -> bool:
    """Whether the program at `path` starts (a package's stub is there and does not)."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def on_the_system() -> list[str]:
    """Return the paths at which a system has its Chromium."""
    return [*filter(None, map(shutil.which, NAMES)), MAC]


def installed_by_debian() -> list[str]:
    """Install Debian's package where that is allowed (root on Debian); return its path.

    `make test` asks for it; whoever makes a PDF is told what to install instead.
    """
    release = Path("/etc/os-release")
    debian = release.exists() and re.search(r"^ID=debian$", release.read_text(), re.M)
    if not (debian and shutil.which("apt-get") and os.geteuid() == 0):
        return []
    import fcntl  # not on Windows, where nobody comes this far

    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = "apt-get install -y --no-install-recommends chromium"
    with (Path(tempfile.gettempdir()) / "autoencoders-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of one run may come here at once
        if not shutil.which("chromium"):
            for command in ("apt-get update", install):
                subprocess.run(
                    command.split(), env=quiet, capture_output=True, timeout=600, check=False
                )
    return [*filter(None, [shutil.which("chromium")])]


def find(playwrights_own: str, *more: Callable[[], Iterable[str]]) -> str:
    """Return the path of a Chromium that starts.

    Args:
        playwrights_own: where Playwright would have downloaded one to.
        more: functions that give further paths, asked in the end and one after the other.

    Raises:
        NoChromium: if there is none, or the one that CHROMIUM names does not start.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if not works(named):
            raise NoChromium(f"CHROMIUM names {named}, which does not start.")
        return named
    for source in (on_the_system, lambda: [playwrights_own], *more):
        for path in source():
            if works(path):
                return path
    raise NoChromium(WHAT_TO_DO)
