"""Cartoon faces: the file is the one that was drawn, its attributes tell the truth about the
pictures, and where the course's data are not there it is fetched, whole or not at all."""

import hashlib
import http.server
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from aelib import data
from tools import make_faces

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "data" / "cartoon_faces" / "faces.npz"
CONTENT = FILE.read_bytes()
PARTS = ("background", "skin", "hair_colour")


@pytest.fixture(scope="module")
def faces():
    return data.cartoon_faces()


@pytest.fixture(scope="module")
def everything(faces):
    """All 10,000 in the order of the file: images, attributes."""
    images = torch.cat([faces.train.images, faces.test.images])
    both = faces.train.attributes, faces.test.attributes
    return images, {name: torch.cat([part[name] for part in both]) for name in both[0]}


def colour(code):
    return [int(code[i : i + 2], 16) for i in (1, 3, 5)]


# ------------------------------------------------------------------------------------- the file
def test_the_file_is_the_one_that_the_readme_and_the_loader_name():
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert f"| `faces.npz` | {len(CONTENT)} | `{digest}` |" in readme
    assert digest == data._FACES_SHA256
    assert len(CONTENT) <= 8_000_000


def test_the_layout_is_the_one_that_its_script_describes():
    count, large = make_faces.COUNT, make_faces.LARGE_COUNT
    with np.load(FILE, allow_pickle=False) as file:
        layout = {name: (file[name].dtype.kind, file[name].shape) for name in file.files}
        names = file["names"].tolist()
        values = {name: file[f"values_{name}"].tolist() for name in names}
        numbers = file["attributes"]
    assert layout.pop("images") == ("u", (count, 64, 64, 3))
    assert layout.pop("large") == ("u", (large, 224, 224, 3))
    assert layout.pop("attributes") == ("u", (count, len(names)))
    assert tuple(names) == make_faces.NAMES
    assert {kind for kind, _ in layout.values()} == {"U"}
    assert set(layout) == {"names"} | {f"values_{name}" for name in names}
    for part, colours in make_faces.COLOURS.items():
        assert values[part] == list(colours)
    for part, total in make_faces.PARTS.items():
        assert len(values[part]) == total + (part == "glasses")
    assert values["glasses"][0] == "none"
    assert (numbers.max(0) == [len(values[name]) - 1 for name in names]).all()
    with zipfile.ZipFile(FILE) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_LZMA}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_numbers_of_a_face_are_those_that_the_script_draws(everything):
    """They are hashes, so the script's own function gives them without the packages that draw."""
    _, attributes = everything
    for face in (0, 1, 4999, 9999):
        for part in ("hair_colour", "skin", "mouth"):
            count = len(make_faces.COLOURS.get(part, ())) or make_faces.PARTS[part]
            assert attributes[part][face] == make_faces.pick(face, part, count)


def test_the_script_writes_the_same_file_twice(tmp_path):
    members = {
        "images": np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3),
        "names": np.array(["a"]),
    }
    digests = {make_faces.write(tmp_path / name, members) for name in ("a.npz", "b.npz")}
    assert digests == {hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()}
    with np.load(tmp_path / "b.npz", allow_pickle=False) as file:
        assert np.array_equal(file["images"], members["images"])
        assert file["names"].tolist() == ["a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_the_script_says_what_it_needs(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "tools/make_faces.py", "--count=1", "--output", tmp_path / "x.npz"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        pytest.skip("the packages that draw faces are installed here")
    assert "dicebear-core 10.7.0 is needed" in done.stderr
    assert "_build/faces/bin/pip install" in make_faces.__doc__
    for package, version in make_faces.PACKAGES.items():
        assert f"{package}=={version}" in make_faces.__doc__


# -------------------------------------------------------------------------------------- the set
def test_shapes_counts_and_credit(faces):
    assert faces.train.images.shape == (9000, 3, 64, 64)
    assert faces.test.images.shape == (1000, 3, 64, 64)
    assert faces.train.images.is_contiguous()
    assert faces.name == "cartoon faces"
    assert "Lisa Wischofsky" in faces.source
    assert faces.licence == "CC0 1.0"
    assert faces.classes == tuple(make_faces.HAIR_COLOUR)
    assert list(faces.attribute_values) == list(faces.train.attributes) == list(make_faces.NAMES)
    for split in (faces.train, faces.test):
        assert torch.equal(split.labels, split.attributes["hair_colour"])


def test_no_picture_is_there_twice(everything):
    """So none of the test set is in the training set."""
    images, _ = everything
    assert len({image.numpy().tobytes() for image in images}) == 10_000


def test_attributes_are_evenly_drawn_and_independent(faces, everything):
    """Within four standard deviations of what even and independent draws give."""
    _, attributes = everything
    n = len(attributes["skin"])
    for name, numbers in attributes.items():
        counts = numbers.bincount().double()
        share = torch.full_like(counts, 1 / len(counts))
        if name == "glasses":
            share = torch.tensor([0.5] + [0.1] * 5).double()
        assert len(counts) == len(faces.attribute_values[name])
        assert ((counts - n * share).abs() < 4 * (n * share * (1 - share)).sqrt()).all(), name
    glasses = (attributes["glasses"] > 0).double()
    for name in PARTS:
        for value in attributes[name].unique():
            of_value = glasses[attributes[name] == value]
            assert abs(of_value.mean() - 0.5) < 4 * (0.25 / len(of_value)) ** 0.5, name


def test_the_background_is_the_colour_of_the_corner(everything):
    """The lower left corner is background, unless long hair or a shoulder reaches into it."""
    images, attributes = everything
    palette = torch.tensor([colour(code) for code in make_faces.BACKGROUND.values()])
    for corner in (images[:, :, 0, 0], images[:, :, 0, -1]):
        distance = (corner[:, None].int() - palette).abs().sum(-1)
        nearest, which = distance.min(1)
        assert (nearest == 0).double().mean() > 0.95
        assert torch.equal(which[nearest == 0], attributes["background"][nearest == 0])


@pytest.mark.parametrize("part", ["skin", "hair_colour"])
def test_the_colour_of_a_face_is_the_one_it_has_most_of(everything, part):
    """Of the colours of the palette, each face has pixels of its own and of hardly any other."""
    images, attributes = everything
    sample = images[:500]
    codes = make_faces.COLOURS[part].values()
    palette = torch.tensor([colour(code) for code in codes], dtype=torch.uint8)
    count = torch.stack([(sample == c.view(1, 3, 1, 1)).all(1).sum((1, 2)) for c in palette], 1)
    assert torch.equal(count.argmax(1), attributes[part][:500])
    assert (count > 0).sum() == len(sample)  # nobody has a pixel of another's colour


def test_glasses_are_where_the_attribute_says(faces):
    """Each kind has pixels that are dark in every face that wears it and in no face without."""
    dark = faces.test.images.float().mean(1) < 90
    worn = faces.test.attributes["glasses"]
    bare = dark[worn == 0].any(0)
    for kind in range(1, 6):
        assert (dark[worn == kind].all(0) & ~bare).sum() >= 5, kind


def test_sizes_are_means_of_boxes(faces):
    for size in (32, 16):
        small = data.cartoon_faces(size=size)
        k = 64 // size
        exact = torch.nn.functional.avg_pool2d(faces.test.images.double(), k)
        assert torch.equal(small.test.images, (exact + 0.5).floor().to(torch.uint8))
        assert small.train.images.shape == (9000, 3, size, size)
        assert torch.equal(small.train.attributes["hair"], faces.train.attributes["hair"])


def test_large_faces_are_the_first_ones_of_the_training_set(faces):
    large = data.large_faces()
    assert large.images.shape == (12, 3, 224, 224)
    for name, numbers in large.attributes.items():
        assert torch.equal(numbers, faces.train.attributes[name][:12])
    assert torch.equal(large.labels, faces.train.labels[:12])
    reduced = torch.nn.functional.interpolate(
        large.pixels, size=64, mode="bilinear", antialias=True
    )
    distance = (reduced[:, None] - faces.train[:100].pixels[None]).square().mean((2, 3, 4))
    assert distance.argmin(1).tolist() == list(range(12))
    assert distance.diagonal().max() < 0.005


def test_the_same_faces_every_time_and_no_network(faces, monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    again = data.cartoon_faces()
    assert torch.equal(again.train.images, faces.train.images)


# ---------------------------------------------------------------------------------- the network
class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as the test says, one answer a request; then with the file."""

    answers, asked = [], []

    def do_GET(self):
        self.asked.append(self.path)
        answer = self.answers.pop(0) if self.answers else "file"
        if isinstance(answer, int):
            self.send_error(answer)
            return
        body = {"truncated": CONTENT[:-999], "wrong": b"<html>sign in</html>"}.get(answer, CONTENT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if answer == "silent":
            self.server.released.wait(20)
            return
        self.wfile.write(body[: len(body) // 2] if answer == "cut" else body)
        self.close_connection = True

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """The course's repository on this machine; returns what to set its answers with."""
    Mirror.answers, Mirror.asked = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.released = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(data, "_REPOSITORY", f"http://127.0.0.1:{server.server_port}/main")
        monkeypatch.setattr(data, "_PAUSE", 0.01)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield Mirror
        server.released.set()
        server.shutdown()


def held(folder):
    """The files in the cache: the whole one and nothing half-made, or nothing."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert all(p.name == "faces.npz" and p.read_bytes() == CONTENT for p in files)
    return len(files)


def test_a_missing_file_is_fetched_once(tmp_path, mirror, recwarn):
    assert data.large_faces(tmp_path).images.shape == (12, 3, 224, 224)
    assert mirror.asked == ["/main/data/cartoon_faces/faces.npz"]
    data.large_faces(tmp_path)
    assert len(mirror.asked) == held(tmp_path) == 1
    assert not recwarn.list


@pytest.mark.parametrize("first", ["cut", "truncated", "wrong", 500, 503, 429])
def test_what_goes_wrong_once_is_tried_again(tmp_path, mirror, first):
    mirror.answers[:] = [first]
    data.large_faces(tmp_path)
    assert len(mirror.asked) == 2
    assert held(tmp_path) == 1


@pytest.mark.parametrize(
    ("answer", "words", "times"),
    [
        ("cut", "the connection was cut after", 3),
        ("truncated", "bytes came that are not the file", 3),
        ("wrong", "20 bytes came that are not the file", 3),
        (500, "500", 3),
        (403, "403", 1),
        (404, "404", 1),
    ],
)
def test_what_goes_wrong_always_is_a_clear_error_and_leaves_nothing(
    tmp_path, mirror, answer, words, times
):
    mirror.answers[:] = [answer] * 9
    with pytest.raises(RuntimeError, match=f"(?s)missing.*({words}).*Check the network.*copy"):
        data.large_faces(tmp_path)
    assert len(mirror.asked) == times
    assert held(tmp_path) == 0
    mirror.answers.clear()
    data.large_faces(tmp_path)
    assert held(tmp_path) == 1


def test_a_server_that_says_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(data, "_TIMEOUT", 0.2)
    mirror.answers[:] = ["silent"] * 9
    with pytest.raises(RuntimeError, match="timed out"):
        data.large_faces(tmp_path)
    assert len(mirror.asked) == 3
    assert held(tmp_path) == 0


@pytest.mark.parametrize("damage", ["half", "altered", "empty"])
def test_a_damaged_file_is_named_and_fetched_again(tmp_path, mirror, damage):
    path = tmp_path / "cartoon_faces" / "faces.npz"
    path.parent.mkdir()
    middle = len(CONTENT) // 2
    altered = CONTENT[:middle] + bytes([CONTENT[middle] ^ 1]) + CONTENT[middle + 1 :]
    path.write_bytes({"half": CONTENT[:middle], "empty": b"", "altered": altered}[damage])
    with pytest.warns(UserWarning, match=r"faces\.npz is damaged"):
        data.large_faces(tmp_path)
    assert held(tmp_path) == 1


def test_a_damaged_file_and_no_network_is_a_clear_error(tmp_path, monkeypatch):
    path = tmp_path / "cartoon_faces" / "faces.npz"
    path.parent.mkdir()
    path.write_bytes(CONTENT[:1000])

    def refuse(*_arguments, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(data, "_PAUSE", 0)
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(RuntimeError) as caught,
    ):
        data.cartoon_faces(root=tmp_path)
    message = str(caught.value)
    for words in ("is damaged", "unreachable", "Check the network", "git checkout", str(path)):
        assert words in message


def test_a_cache_that_cannot_be_made_is_a_clear_error(tmp_path, mirror):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RuntimeError, match="(?s)missing.*Check the network"):
        data.large_faces(tmp_path / "file")


def test_a_download_that_is_interrupted_leaves_no_file(tmp_path, mirror, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data.large_faces(tmp_path)
    assert not list((tmp_path / "cartoon_faces").iterdir()), "not even half of it"


def test_it_is_fetched_into_the_folder_of_the_digits(tmp_path, mirror, monkeypatch):
    """Installed by pip there is no ``data`` beside the library: the environment or a cache."""
    monkeypatch.setattr(data, "__file__", str(tmp_path / "site-packages" / "aelib" / "data.py"))
    monkeypatch.setenv("AELIB_DATA", str(tmp_path / "cache"))
    data.large_faces()
    assert (tmp_path / "cache" / "cartoon_faces" / "faces.npz").read_bytes() == CONTENT
