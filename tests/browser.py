"""A real browser for the tests of the built pages, and a server for it to read them from.

Chromium comes from where `tools/chromium.py` looks for it, or, where it may be installed (root on
Debian), from Debian's package. Where there is none, the tests fail and say so.
"""

import gzip
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import rules
from playwright.sync_api import sync_playwright

from tools import chromium as places
from tools.chromium import installed_by_debian

BUILT = rules.ROOT / "_build" / "html"
PREFIX = "/autoencoders/"  # GitHub Pages serves the book below a folder: links must not leave it
TEXT = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".txt", ".map", ".xml", ".md", ".ipynb"}


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
