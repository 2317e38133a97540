"""Data: MNIST is the whole and the right one, offline; damage is noticed, named and mended."""

import functools
import gzip
import http.server
import os
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st

from aelib import data

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "MNIST" / "raw"
NAMES = [name for name, _ in torchvision.datasets.MNIST.resources]


@pytest.fixture(scope="module")
def digits():
    return data.mnist()


@pytest.fixture
def offline(monkeypatch):
    """Any attempt to reach another host fails the way it fails without a network."""

    def refuse(*_arguments, **_keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(data, "_PAUSE", 0)


@pytest.fixture
def copy(tmp_path):
    """A copy of the four archives."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(ARCHIVES / name, raw)
    return tmp_path


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The archives and what was unpacked from them, to be linked by every test that needs both."""
    raw = tmp_path_factory.mktemp("kept") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(ARCHIVES / name, raw)
    data.mnist(raw.parents[1])
    return raw


@pytest.fixture
def unpacked(tmp_path, kept):
    """Archives and unpacked files, cheaply; damage them with :func:`write`, not in place."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in kept.iterdir():
        os.link(file, raw / file.name)
    return tmp_path


def write(path, content):
    """Write a new file in the place of one that may be linked elsewhere."""
    path.unlink()
    path.write_bytes(content)


@pytest.fixture(scope="module")
def server():
    """A mirror on this machine: the archives of the course over HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments):
            pass

    handler = functools.partial(Quiet, directory=ARCHIVES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture
def mirror(monkeypatch, server):
    """The digits are downloaded from this machine, and without a proxy."""
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server])
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def small(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, 1, 4, 3), dtype=torch.uint8, generator=generator)
    return data.Split(images, torch.arange(n) % 3, {"number": torch.arange(n)})


def same(a, b):
    return (
        torch.equal(a.images, b.images)
        and torch.equal(a.labels, b.labels)
        and list(a.attributes) == list(b.attributes)
        and all(torch.equal(a.attributes[name], b.attributes[name]) for name in a.attributes)
    )


# ---------------------------------------------------------------------------------------- MNIST
def test_mnist_is_whole(digits):
    assert digits.train.images.shape == (60_000, 1, 28, 28)
    assert digits.test.images.shape == (10_000, 1, 28, 28)
    assert digits.train.labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert digits.test.labels.bincount().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert digits.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert digits.classes == tuple("0123456789")
    assert digits.name == "MNIST"
    assert "LeCun" in digits.source
    assert "CC BY-SA" in digits.licence


def test_mnist_has_the_published_mean_and_deviation(digits):
    """0.1307 and 0.3081, which every MNIST program on earth normalises with."""
    histogram = digits.train.images.flatten().bincount(minlength=256).double()
    values = torch.arange(256) / 255
    mean = (histogram @ values.double() / histogram.sum()).item()
    square = (histogram @ values.double().square() / histogram.sum()).item()
    assert mean == pytest.approx(0.13066, abs=1e-5)
    assert (square - mean**2) ** 0.5 == pytest.approx(0.30811, abs=1e-5)
    assert histogram[0] / histogram.sum() == pytest.approx(0.80880, abs=1e-5)  # blank paper
    assert histogram.sum() == 60_000 * 784
    assert histogram[255] > 0


def test_mnist_equals_torchvision(digits):
    theirs = torchvision.datasets.MNIST(str(ARCHIVES.parents[1]), train=False)
    assert torch.equal(digits.test.images[:, 0], theirs.data)
    assert torch.equal(digits.test.labels, theirs.targets)
    pixels = torchvision.transforms.ToTensor()(theirs[7][0])
    assert torch.equal(digits.test[7].pixels[0], pixels)


def test_mnist_needs_no_network(offline, copy, recwarn):
    unpacked_before = list((copy / "MNIST" / "raw").glob("*-ubyte"))
    assert not unpacked_before
    assert len(data.mnist(copy).test) == 10_000
    assert not recwarn.list


@pytest.mark.parametrize("damage", ["half", "altered"])
def test_a_damaged_archive_is_named_and_fetched_again(copy, mirror, damage):
    archive = copy / "MNIST" / "raw" / NAMES[2]
    whole = archive.read_bytes()
    archive.write_bytes(broken(whole, damage))
    with pytest.warns(UserWarning, match=f"{NAMES[2]} is damaged"):
        digits = data.mnist(copy)
    assert archive.read_bytes() == whole
    assert digits.test.labels.bincount()[0] == 980


@pytest.mark.parametrize("damage", ["half", "altered"])
def test_a_damaged_archive_without_a_network_is_a_clear_error(copy, offline, damage):
    archive = copy / "MNIST" / "raw" / NAMES[0]
    archive.write_bytes(broken(archive.read_bytes(), damage))
    with (
        pytest.warns(UserWarning, match=f"{NAMES[0]} is damaged"),
        pytest.raises(RuntimeError, match=f"(?s){NAMES[0]}.*network.*copy"),
    ):
        data.mnist(copy)


@pytest.mark.parametrize("damage", ["half", "altered", "empty"])
@pytest.mark.parametrize("name", [NAMES[2], NAMES[3]])
def test_a_damaged_unpacked_file_is_named_and_made_anew(unpacked, offline, name, damage):
    file = unpacked / "MNIST" / "raw" / name.removesuffix(".gz")
    whole = file.read_bytes()
    write(file, broken(whole, damage))
    with pytest.warns(UserWarning, match=f"{file.name} is damaged"):
        digits = data.mnist(unpacked)
    assert file.read_bytes() == whole
    assert digits.test.labels.bincount()[9] == 1009


def test_a_damaged_unpacked_file_without_its_archive_is_noticed_too(unpacked, mirror):
    raw = unpacked / "MNIST" / "raw"
    file = raw / NAMES[2].removesuffix(".gz")
    write(file, broken(file.read_bytes(), "altered"))
    (raw / NAMES[2]).unlink()
    with pytest.warns(UserWarning, match=f"{file.name} is damaged"):
        digits = data.mnist(unpacked)
    assert file.read_bytes() == gzip.decompress((ARCHIVES / NAMES[2]).read_bytes())
    assert len(digits.test) == 10_000


def test_unpacking_that_is_cut_off_leaves_no_half_file(copy, offline, monkeypatch):
    def cut(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        data.mnist(copy)
    assert sorted(p.name for p in (copy / "MNIST" / "raw").iterdir()) == sorted(NAMES)
    monkeypatch.undo()
    assert len(data.mnist(copy).test) == 10_000


def test_a_missing_file_is_fetched(tmp_path, mirror):
    assert len(data.mnist(tmp_path).train) == 60_000
    assert sorted(p.name for p in (tmp_path / "MNIST" / "raw").glob("*.gz")) == sorted(NAMES)


def test_nothing_there_and_no_network_is_a_clear_error(tmp_path, offline):
    with pytest.raises(RuntimeError) as caught:
        data.mnist(tmp_path)
    message = str(caught.value)
    assert all(name in message for name in NAMES)
    assert "Check the network" in message
    assert str(tmp_path) in message


def test_what_is_whole_is_left_alone(unpacked, offline, recwarn):
    raw = unpacked / "MNIST" / "raw"
    before = {p.name: p.stat().st_mtime_ns for p in raw.iterdir()}
    assert len(before) == 8  # four archives, four unpacked files, and nothing half-made
    data.mnist(unpacked)
    assert {p.name: p.stat().st_mtime_ns for p in raw.iterdir()} == before
    assert not recwarn.list


def test_the_folder_outside_the_course(monkeypatch, tmp_path):
    """Installed by pip there is no ``data`` beside the library: the environment or a cache."""
    monkeypatch.setattr(data, "__file__", str(tmp_path / "site-packages" / "aelib" / "data.py"))
    monkeypatch.setenv("AELIB_DATA", str(tmp_path / "here"))
    assert data._data_folder() == tmp_path / "here"
    monkeypatch.delenv("AELIB_DATA")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data._data_folder() == tmp_path / "home" / ".cache" / "aelib"


def broken(content: bytes, damage: str) -> bytes:
    if damage == "half":
        return content[: len(content) // 2]
    if damage == "empty":
        return b""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


# ---------------------------------------------------------------------------------------- Split
indices = st.one_of(
    st.slices(6).filter(lambda s: (s.step or 1) > 0 and len(range(6)[s]) > 0),
    st.lists(st.integers(-6, 5), min_size=1, max_size=9),
    st.integers(-6, 5),
)


@given(indices)
def test_indexing_a_split_is_indexing_all_of_it(index):
    split = small()
    chosen = split[index]
    rows = [index] if isinstance(index, int) else index
    expected = range(6)[rows] if isinstance(rows, slice) else [range(6)[i] for i in rows]
    assert chosen.labels.tolist() == [split.labels[i].item() for i in expected]
    assert chosen.attributes["number"].tolist() == list(expected)
    assert all(
        torch.equal(a, split.images[i]) for a, i in zip(chosen.images, expected, strict=True)
    )
    assert len(chosen) == len(expected)
    if not isinstance(index, slice):
        assert same(split[torch.tensor(rows)], chosen)


def test_a_mask_and_the_loop_over_a_split():
    split = small()
    assert same(split[split.labels == 1], split.of(1))
    assert [len(one) for one in split] == [1] * 6
    assert same(split[np.int64(4)], split[4])
    assert same(split[torch.tensor(4)], split[4])


def test_pixels_are_a_copy_between_0_and_1():
    split = small()
    pixels = split.pixels
    assert pixels.dtype == torch.float32
    assert pixels.shape == split.images.shape
    assert torch.equal((pixels * 255).round().to(torch.uint8), split.images)
    white = data.Split(torch.full((1, 1, 1, 2), 255, dtype=torch.uint8), torch.zeros(1).long())
    assert white.pixels.unique().tolist() == [1.0]
    before = split.images.clone()
    pixels.zero_()
    assert torch.equal(split.images, before)


@given(st.integers(1, 6), st.integers(0, 99))
def test_sample_takes_none_twice(n, seed):
    split = data.Split(small().images, torch.arange(6))
    drawn = split.sample(n, seed)
    assert len(set(drawn.labels.tolist())) == n
    assert all(
        torch.equal(split.images[k], image)
        for k, image in zip(drawn.labels, drawn.images, strict=True)
    )
    assert same(drawn, split.sample(n, seed))


def test_sample_depends_on_its_seed_and_not_on_the_global_one():
    split = data.Split(small(200).images, torch.arange(200))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    a, b = split.sample(50, seed=3), split.sample(50, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(a.labels, b.labels)


def test_of_keeps_one_label_in_order():
    split = small(9)
    assert same(split.of(2), split[[2, 5, 8]])


def test_to_moves_all_of_it():
    moved = small().to("meta")
    parts = [moved.images, moved.labels, moved.attributes["number"]]
    assert [part.device.type for part in parts] == ["meta"] * 3


def test_attributes_are_carried_along():
    split = small(60)
    for chosen in (split.sample(20, seed=1), split.of(2), split[split.labels > 0]):
        numbers = chosen.attributes["number"]
        assert torch.equal(chosen.images, split.images[numbers])
        assert torch.equal(chosen.labels, numbers % 3)
    train, validation = data.ImageSet("x", split, split, (), "nobody", "CC0").hold_out(10)
    numbers = torch.cat([train.attributes["number"], validation.attributes["number"]])
    assert sorted(numbers.tolist()) == list(range(60))
    assert torch.equal(validation.images, split.images[validation.attributes["number"]])
    assert dict(data.Split(split.images, split.labels).attributes) == {}


def test_hold_out_parts_the_training_set_and_spares_the_test_set():
    whole = data.Split(small(50).images, torch.arange(50))
    images = data.ImageSet("x", whole, small(), tuple("abc"), "nobody", "CC0")
    train, validation = images.hold_out(20, seed=1)
    assert (len(train), len(validation)) == (30, 20)
    assert sorted(train.labels.tolist() + validation.labels.tolist()) == list(range(50))
    again = images.hold_out(20, seed=1)
    assert same(train, again[0])
    assert same(validation, again[1])
    assert not torch.equal(images.hold_out(20, seed=2)[1].labels, validation.labels)
    assert len(images.train) == 50
    assert [len(part) for part in images.hold_out()] == [42, 8]  # a sixth, as 10,000 of MNIST


def test_a_sixth_of_mnist_is_held_out_by_default(digits):
    assert [len(part) for part in digits.hold_out()] == [50_000, 10_000]


# ---------------------------------------------------------------------------------------- shift
@given(st.integers(0, 3), st.integers(0, 999), st.sampled_from([(1, 1, 5, 4), (4, 3, 6, 6)]))
def test_shift_moves_each_image_as_a_whole(pixels, seed, shape):
    """Every moved image is one of the (2p + 1)² moves of the original, zeros filled in."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) + 0.1
    before = x.clone()
    moved = data.shift(x, pixels, torch.Generator().manual_seed(seed))
    assert torch.equal(x, before)
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    h, w = shape[2:]
    for image, result in zip(x, moved, strict=True):
        padded = torch.nn.functional.pad(image, (pixels,) * 4)
        moves = [
            padded[:, i : i + h, j : j + w]
            for i in range(2 * pixels + 1)
            for j in range(2 * pixels + 1)
        ]
        assert any(torch.equal(result, move) for move in moves)
    assert set(moved.flatten().tolist()) <= {0.0, *x.flatten().tolist()}
    assert torch.equal(moved, data.shift(x, pixels, torch.Generator().manual_seed(seed)))


def test_shift_reaches_every_place_about_equally_often():
    x = torch.zeros(9000, 1, 3, 3)
    x[:, :, 1, 1] = 1
    reached = data.shift(x, 1, torch.Generator().manual_seed(0)).sum(0)[0]
    assert reached.sum() == 9000
    assert reached.min() > 880
    assert reached.max() < 1120


def test_shift_keeps_type_and_values_when_nothing_can_leave():
    x = torch.zeros(5, 2, 6, 6, dtype=torch.uint8)
    x[:, :, 2:4, 2:4] = 7
    moved = data.shift(x, 2)
    assert moved.dtype == torch.uint8
    assert (moved.flatten(1).sum(1) == x.flatten(1).sum(1)).all()
    assert torch.equal(data.shift(x, 0), x)


def test_shift_draws_from_the_global_generator_by_default():
    x = torch.rand(20, 1, 5, 5)
    torch.manual_seed(3)
    a = data.shift(x)
    torch.manual_seed(3)
    b = data.shift(x)
    assert torch.equal(a, b)
    assert not torch.equal(b, data.shift(x))
