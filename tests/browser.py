"""A real browser for the tests of the built pages, and a server for it to read them from.

Chromium comes from where `tools/chromium.py` looks for it, or, where it may be installed (root on
Debian), from Debian's package. Where there is none, the tests fail and say so.
"""

import gzip
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import rules
from playwright.sync_api import sync_playwright

from tools import chromium as places

BUILT = rules.ROOT / "_build" / "html"
PREFIX = "/autoencoders/"  # GitHub Pages serves the book below a folder: links must not leave it
TEXT = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".txt", ".map", ".xml", ".md", ".ipynb"}


def installed_by_debian():
    """Installs Debian's package where that is allowed, and gives its path."""
    release = Path("/etc/os-release")
    debian = release.exists() and re.search(r"^ID=debian$", release.read_text(), re.M)
    if not (debian and shutil.which("apt-get") and os.geteuid() == 0):
        return []
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = "apt-get install -y --no-install-recommends chromium"
    for command in ("apt-get update", install):
        subprocess.run(command.split(), env=quiet, capture_output=True, timeout=600, check=False)
    return filter(None, [shutil.which("chromium")])


def find_chromium(playwrights_own):
    """The path of a Chromium that starts; otherwise a failure in one line."""
    try:
        return places.find(playwrights_own, installed_by_debian)
    except places.NoChromium as error:
        return pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def chromium():
    """One browser for the session."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=places.FLAGS)
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
