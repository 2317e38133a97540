"""A real browser for the tests of the built pages, and a server for it to read them from.

Chromium comes from the variable CHROMIUM, the system, Playwright's own download, or, where it may
be installed (root on Debian), Debian's package. Where there is none, the tests fail and say so.
"""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import rules
from playwright.sync_api import sync_playwright

BUILT = rules.ROOT / "_build" / "html"
PREFIX = "/autoencoders/"  # GitHub Pages serves the book below a folder: links must not leave it
TEXT = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".txt", ".map", ".xml", ".md", ".ipynb"}
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
    "No Chromium for the page tests: install one (apt-get install chromium, or playwright install "
    "chromium), or set CHROMIUM to its path."
)


def works(path):
    """Whether the program at `path` starts (a package's stub is there and does not)."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def on_the_system():
    return [*filter(None, map(shutil.which, NAMES)), MAC]


def installed_by_debian():
    """Installs Debian's package where that is allowed, and gives its path."""
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
    return filter(None, [shutil.which("chromium")])


def find_chromium(playwrights_own):
    """The path of a Chromium that starts; otherwise a failure in one line."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not works(named):
            pytest.fail(f"CHROMIUM names {named}, which does not start.", pytrace=False)
        return named
    for source in (on_the_system, lambda: [playwrights_own], installed_by_debian):
        for path in source():
            if works(path):
                return path
    return pytest.fail(WHAT_TO_DO, pytrace=False)


@pytest.fixture(scope="session")
def chromium():
    """One browser for the session."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def translate_path(self, path):
        inside = path.startswith(PREFIX)
        return super().translate_path("/" + path[len(PREFIX) :] if inside else "/_nowhere_")

    def log_message(self, *arguments):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that closes a connection early is no error."""


@pytest.fixture(scope="session")
def site():
    """The address at which the built book is served."""
    if not (BUILT / "index.html").exists():
        pytest.fail("The book is not built: run `make book`.", pytrace=False)
    with serving(BUILT) as address:
        yield address


@contextmanager
def serving(folder):
    """Serves a folder on a free local port; gives its address."""
    server = _Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()


@cache
def wire_bytes(path):
    """What a file weighs on the wire: text compressed, the rest as it is."""
    content = path.read_bytes()
    return len(gzip.compress(content, 6)) if path.suffix in TEXT else len(content)


def file_of(url, folder=BUILT):
    """The built file that a local address serves."""
    path = folder / urlsplit(url).path.removeprefix(PREFIX)
    return path / "index.html" if path.is_dir() else path


def watch(page, seen):
    """Write down what a page, and every other of its window, asks for, and what goes wrong in it.

    ``seen`` has the lists ``requests``, ``failed`` and ``errors``.
    """
    context = page.context
    context.on("request", lambda request: seen.requests.append(request.url))
    context.on("requestfailed", lambda r: seen.failed.append(f"{r.url}: {r.failure}"))
    context.on("response", lambda r: r.status < 400 or seen.failed.append(f"{r.url}: {r.status}"))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda m: m.type != "error" or seen.errors.append(m.text))
