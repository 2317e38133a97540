"""Downloads from mirrors that misbehave: what is tried, in which order, and what is left behind."""

import http.server
import threading
from collections import defaultdict
from pathlib import Path

import pytest
import torchvision

from aelib import data

DATA = Path(__file__).resolve().parents[2] / "data"
DIGITS = [name for name, _ in torchvision.datasets.MNIST.resources]
LARGEST, LABELS = DIGITS[0], DIGITS[3]  # 9.9 MB, and 4.5 kB
FACES = "cartoon_faces/faces.npz"
SIGN_IN = b"<html>Sign in to use this network</html>"


class Mirrors(http.server.BaseHTTPRequestHandler):
    """Mirrors under one address each; every one answers as the test says, then with the file."""

    def do_GET(self):
        _, mirror, path = self.path.split("/", 2)
        self.server.asked.append((mirror, Path(path).name))
        answers = self.server.answers[mirror]
        answer = answers.pop(0) if answers else "file"
        if isinstance(answer, int):
            self.send_error(answer)
            return
        body = (DATA / path).read_bytes()
        if answer == "wrong":
            body = SIGN_IN
        if answer == "altered":
            body = bytes([body[0] ^ 1]) + body[1:]
        if answer == "truncated":
            body = body[:-99]
        self.send_response(200)
        if answer != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if answer == "silent":
            self.server.released.wait(20)
            return
        if answer == "slow":
            for piece in range(0, len(body), len(body) // 4):
                self.server.released.wait(0.05)
                self.wfile.write(body[piece : piece + len(body) // 4])
            return
        self.wfile.write(body[: len(body) // 2] if answer in ("cut", "no length") else body)
        self.close_connection = True

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def mirrors(monkeypatch):
    """Four mirrors on this machine: `near`, torchvision's `one` and `two`, and the `course`'s."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as server:
        server.answers, server.asked = defaultdict(list), []
        server.released = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        server.near = f"{here}/near"
        known = [f"{here}/one/MNIST/raw/", f"{here}/two/MNIST/raw/"]
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", known)
        # the repository holds its data in a folder of that name
        monkeypatch.setattr(data, "_REPOSITORY", f"{here}/course/..")
        monkeypatch.setattr(data, "_PAUSE", 0.01)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.delenv("AELIB_MIRROR", raising=False)
        yield server
        server.released.set()
        server.shutdown()


@pytest.fixture
def all_but_labels(tmp_path):
    """A folder where one small archive is missing, so that a test of it is quick."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in DIGITS:
        if name != LABELS:
            (raw / name).write_bytes((DATA / "MNIST" / "raw" / name).read_bytes())
    return tmp_path


def held(folder):
    """Names of the files below a folder, each of which is whole."""
    files = [
        p for p in folder.rglob("*") if p.is_file() and p.suffix in (".gz", ".npz", ".partial")
    ]
    for file in files:
        assert file.read_bytes() == (DATA / file.relative_to(folder)).read_bytes(), file
    return sorted(p.name for p in files)


def order(mirrors):
    return [mirror for mirror, _ in mirrors.asked]


# ------------------------------------------------------------------------------------ the digits
def test_all_four_archives_come_from_the_first_mirror(tmp_path, mirrors, recwarn):
    digits = data.mnist(tmp_path)
    assert digits.train.labels.bincount()[0] == 5923
    assert digits.test.labels.bincount()[0] == 980
    assert mirrors.asked == [("one", name) for name in DIGITS]
    assert held(tmp_path) == sorted(DIGITS)
    data.mnist(tmp_path)
    assert len(mirrors.asked) == 4, "what is there is not fetched again"
    assert not recwarn.list


@pytest.mark.parametrize(
    "first", [403, 404, 500, 503, "cut", "truncated", "wrong", "altered", "no length"]
)
def test_a_mirror_that_fails_is_followed_by_the_next(all_but_labels, mirrors, first):
    """Torchvision 0.20 to 0.29 asks each mirror once and waits for ever."""
    mirrors.answers["one"] = [first]
    assert data.mnist(all_but_labels).test.labels.bincount()[9] == 1009
    assert order(mirrors) == ["one", "two"]
    assert held(all_but_labels) == sorted(DIGITS)


def test_the_courses_own_copy_is_the_last(all_but_labels, mirrors):
    mirrors.answers |= {"one": [403], "two": [500]}
    data.mnist(all_but_labels)
    assert order(mirrors) == ["one", "two", "course"]


def test_all_are_tried_again_but_not_those_that_refuse(all_but_labels, mirrors):
    mirrors.answers |= {"one": [403] * 9, "two": ["cut"], "course": [503]}
    data.mnist(all_but_labels)
    assert order(mirrors) == ["one", "two", "course", "two"]


def test_a_slow_mirror_is_waited_for(all_but_labels, mirrors):
    mirrors.answers["one"] = ["slow"]
    data.mnist(all_but_labels)
    assert order(mirrors) == ["one"]


def test_a_mirror_that_says_nothing_is_left_for_the_next(all_but_labels, mirrors, monkeypatch):
    monkeypatch.setattr(data, "_TIMEOUT", 0.2)
    mirrors.answers["one"] = ["silent"]
    data.mnist(all_but_labels)
    assert order(mirrors) == ["one", "two"]


def test_all_mirrors_failing_is_a_clear_error_and_leaves_nothing(tmp_path, mirrors):
    mirrors.answers |= {"one": [403] * 9, "two": ["cut"] * 9, "course": ["wrong"] * 9}
    with pytest.raises(RuntimeError) as caught:
        data.mnist(tmp_path)
    message = str(caught.value)
    assert order(mirrors) == ["one", *["two", "course"] * 3]
    half = (DATA / "MNIST" / "raw" / LARGEST).stat().st_size
    for words in (
        *DIGITS,
        str(tmp_path),
        f"/one/MNIST/raw/{LARGEST}: HTTP Error 403",
        f"/two/MNIST/raw/{LARGEST}: the connection was cut after {half // 2} of {half} bytes",
        f"/MNIST/raw/{LARGEST}: {len(SIGN_IN)} bytes came that are not the file",
        "Check the network and run this again",
        "copy the four *-ubyte.gz files",
    ):
        assert words in message
    assert held(tmp_path) == []
    mirrors.answers.clear()
    assert len(data.mnist(tmp_path).train) == 60_000


def test_a_download_that_is_interrupted_starts_anew_and_keeps_what_is_whole(
    tmp_path, mirrors, monkeypatch
):
    """Ctrl+C, or Colab's stop button, while the second archive comes."""
    write = data._write

    def interrupted(path, content):
        if path.name == DIGITS[1]:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(data, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.mnist(tmp_path)
    assert held(tmp_path) == [LARGEST]
    monkeypatch.setattr(data, "_write", write)
    data.mnist(tmp_path)
    assert [name for _, name in mirrors.asked] == [*DIGITS[:2], *DIGITS[1:]]
    assert held(tmp_path) == sorted(DIGITS)


def test_what_an_older_download_left_damaged_is_replaced(all_but_labels, mirrors):
    """Torchvision writes to the archive's own name, and leaves what was cut there."""
    whole = (DATA / "MNIST" / "raw" / LABELS).read_bytes()
    (all_but_labels / "MNIST" / "raw" / LABELS).write_bytes(whole[:-99])
    with pytest.warns(UserWarning, match=f"{LABELS} is damaged or incomplete; fetching it again"):
        data.mnist(all_but_labels)
    assert held(all_but_labels) == sorted(DIGITS)


# ------------------------------------------------------------------------------ a mirror of one's own
def test_ones_own_mirror_is_asked_first_for_the_digits(all_but_labels, mirrors, monkeypatch):
    monkeypatch.setenv("AELIB_MIRROR", f"{mirrors.near}/")
    mirrors.answers["near"] = [404]
    data.mnist(all_but_labels)
    assert order(mirrors) == ["near", "one"]


def test_ones_own_mirror_is_asked_first_for_the_faces(tmp_path, mirrors, monkeypatch):
    monkeypatch.setenv("AELIB_MIRROR", mirrors.near)
    assert len(data.large_faces(tmp_path)) == 12
    assert mirrors.asked == [("near", "faces.npz")]


@pytest.mark.parametrize("answer", ["cut", "truncated", "wrong", "altered", 403, 500])
def test_the_course_is_asked_next_for_the_faces(tmp_path, mirrors, monkeypatch, answer):
    monkeypatch.setenv("AELIB_MIRROR", mirrors.near)
    mirrors.answers["near"] = [answer]
    assert len(data.large_faces(tmp_path)) == 12
    assert order(mirrors) == ["near", "course"]
    assert held(tmp_path) == ["faces.npz"]


def test_a_folder_can_be_the_mirror(tmp_path, mirrors, monkeypatch):
    monkeypatch.setenv("AELIB_MIRROR", DATA.as_uri())
    data.mnist(tmp_path)
    data.large_faces(tmp_path)
    data.weights("faces_vae", tmp_path)
    assert mirrors.asked == []


@pytest.mark.parametrize("address", ["192.168.0.2:8000", "/media/stick/data", "ftp://here/data"])
def test_a_mirror_that_is_no_address_is_a_clear_error(tmp_path, mirrors, monkeypatch, address):
    monkeypatch.setenv("AELIB_MIRROR", address)
    for load in (data.mnist, data.large_faces):
        with pytest.raises(ValueError, match=f"(?s)AELIB_MIRROR is the address.*http.*{address}"):
            load(root=tmp_path)
    assert mirrors.asked == []


def test_a_mirror_is_not_asked_for_what_is_there(monkeypatch):
    """In a copy of the course nothing is downloaded, whatever the variable says."""
    monkeypatch.setenv("AELIB_MIRROR", "nowhere")
    assert len(data.mnist().test) == 10_000
