"""A reader's own pictures: any size, any mode, some of them broken."""

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from aelib import data

RED, GREEN, BLUE, WHITE, BLACK = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0),
)  # fmt: skip


def noise(width, height, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(folder, name, image, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def encoded(kind):
    file = io.BytesIO()
    Image.fromarray(noise(40, 30)).save(file, kind)
    return file.getvalue()


def both(images):
    """All images of the set, those for testing last."""
    return torch.cat([images.train.images, images.test.images])


def only(folder, size=8):
    """The one picture of a folder that holds it twice."""
    first, second = both(data.image_folder(folder, size=size, test=0.5))
    assert torch.equal(first, second)
    return first


def twice(folder, name, image, **options):
    path = save(folder, name, image, **options)
    (folder / f"again_{name}").write_bytes(path.read_bytes())


def colours(image):
    return {tuple(pixel) for pixel in image.flatten(1).T.tolist()}


@pytest.fixture
def mixed(tmp_path):
    """What a folder looks like: some of every kind, and some that are no pictures."""
    save(tmp_path, "a.png", noise(40, 40))
    save(tmp_path, "b.jpg", noise(64, 64))
    save(tmp_path, "c grey.png", noise(30, 30, 1))
    save(tmp_path, "d wide.jpeg", noise(90, 30))
    save(tmp_path, "e alpha.png", noise(30, 30, 4))
    save(tmp_path, "f sixteen.png", Image.fromarray(np.full((20, 20), 40_000, np.uint16)))
    save(tmp_path, "g.webp", noise(30, 31))
    save(tmp_path, "H.PNG", noise(10, 10))
    (tmp_path / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    (tmp_path / "truncated.jpg").write_bytes(encoded("JPEG")[:-400])
    (tmp_path / "short.png").write_bytes(encoded("PNG")[:-400])
    (tmp_path / "empty.gif").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("<html>sign in</html>")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "Thumbs.db").write_bytes(b"\0")
    save(tmp_path, ".hidden.png", noise(5, 5))
    save(tmp_path, ".cache/x.png", noise(5, 5))
    save(tmp_path, "__MACOSX/a.png", noise(5, 5))
    return tmp_path


def test_a_mixed_folder_gives_what_can_be_read_and_one_warning(mixed):
    with pytest.warns(UserWarning) as caught:
        images = data.image_folder(mixed, size=16, test=0.25)
    assert len(images.train) + len(images.test) == 8
    assert len(images.test) == 2
    assert images.train.images.shape == (6, 3, 16, 16)
    assert images.train.labels.tolist() == [0] * 6
    assert images.classes == (mixed.name,)
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith(f"5 of 13 pictures in {mixed} could not be read")
    for name in ("corrupt.png", "truncated.jpg", "short.png", "empty.gif", "text.jpg"):
        assert f"{name} (" in message
    assert warning.filename == __file__


def test_many_broken_files_are_counted_and_ten_of_them_named(tmp_path):
    for k in range(14):
        (tmp_path / f"{k:02d}.png").write_bytes(b"no")
    for k in range(2):
        save(tmp_path, f"good{k}.png", noise(9, 9))
    with pytest.warns(UserWarning, match=r"14 of 16 .*09\.png.* and 4 more$") as caught:
        data.image_folder(tmp_path)
    assert len(caught) == 1
    assert "10.png" not in str(caught[0].message)


def test_good_pictures_give_no_warning(tmp_path):
    save(tmp_path, "a.png", noise(9, 9))
    save(tmp_path, "b.png", noise(9, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.image_folder(tmp_path)


def test_pixels_of_the_right_size_are_left_as_they_are(tmp_path):
    picture = noise(8, 8)
    twice(tmp_path, "a.png", picture)
    assert torch.equal(only(tmp_path), torch.from_numpy(picture).permute(2, 0, 1))


def test_the_middle_square_is_kept(tmp_path):
    wide = np.zeros((10, 50, 3), np.uint8)
    wide[:, :20], wide[:, 20:30], wide[:, 30:] = RED, GREEN, BLUE
    twice(tmp_path, "a.png", wide)
    twice(tmp_path, "b.png", wide.swapaxes(0, 1))
    images = both(data.image_folder(tmp_path, size=10))
    assert all(colours(image) == {GREEN} for image in images)


def test_making_smaller_takes_means_and_not_samples(tmp_path):
    """Stripes one pixel wide become an even grey; every fourth pixel would be black or white."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    twice(tmp_path, "a.png", stripes)
    inner = only(tmp_path, 16)[:, :, 2:-2].float()
    assert (inner - 127.5).abs().max() < 8


def test_making_larger_works_too(tmp_path):
    twice(tmp_path, "a.png", np.full((1, 1, 3), 77, np.uint8))
    assert colours(only(tmp_path, 16)) == {(77, 77, 77)}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (9, 9), 90), (90, 90, 90)),
        (Image.new("1", (9, 9), 1), WHITE),
        (Image.new("RGBA", (9, 9), (255, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (9, 9), (255, 0, 0, 255)), RED),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 51)), (204, 204, 204)),
        (Image.new("LA", (9, 9), (0, 0)), WHITE),
        (Image.fromarray(np.full((9, 9), 65535, np.uint16)), WHITE),
        (Image.fromarray(np.full((9, 9), 25700, np.uint16)), (100, 100, 100)),
        (Image.fromarray(np.zeros((9, 9), np.uint16)), BLACK),
        (Image.new("RGB", (9, 9), BLUE).quantize(2), BLUE),
    ],
    ids="grey bits clear opaque half-clear grey-clear 16-white 16-grey 16-black palette".split(),
)
def test_every_mode_becomes_colour_on_white(tmp_path, image, expected):
    twice(tmp_path, "a.png", image)
    assert colours(only(tmp_path)) == {expected}


def test_a_transparent_palette_and_a_colour_that_stands_for_nothing(tmp_path):
    twice(tmp_path, "a.gif", Image.new("P", (9, 9), 0), transparency=0)
    assert colours(only(tmp_path)) == {WHITE}
    twice(tmp_path, "a.png", Image.new("RGB", (9, 9), RED), transparency=RED)
    for name in ("a.gif", "again_a.gif"):
        (tmp_path / name).unlink()
    assert colours(only(tmp_path)) == {WHITE}


def test_print_colours_and_moving_pictures(tmp_path):
    twice(tmp_path, "a.jpg", Image.new("CMYK", (9, 9), (0, 0, 0, 0)))
    first, second = (Image.new("RGB", (9, 9), colour) for colour in (WHITE, RED))
    twice(tmp_path, "b.gif", first, save_all=True, append_images=[second])
    assert all(colours(image) == {WHITE} for image in both(data.image_folder(tmp_path)))


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_the_camera_is_turned(tmp_path, kind):
    """EXIF 6: turn by 90° clockwise. What was at the left is then at the top."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    twice(tmp_path, f"a.{kind}", picture, exif=exif)
    image = only(tmp_path).float()
    assert image[:, :3].min() > 240
    assert image[:, -3:].max() < 15


def test_a_bomb_is_left_out_and_a_large_picture_is_not(tmp_path, monkeypatch):
    for k in range(2):
        save(tmp_path, f"small{k}.png", noise(9, 9))
    save(tmp_path, "large.png", np.zeros((50, 50), np.uint8))
    save(tmp_path, "bomb.png", np.zeros((70, 70), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # Pillow warns above, refuses twice that
    with pytest.warns(UserWarning, match=r"1 of 4 .*bomb\.png.*decompression bomb") as caught:
        images = data.image_folder(tmp_path)
    assert len(caught) == 1
    assert len(both(images)) == 3


def test_a_large_photograph_is_decoded_small(tmp_path, monkeypatch):
    twice(tmp_path, "a.jpg", noise(1600, 1200))
    sizes = []
    original = Image.Image.convert
    monkeypatch.setattr(
        Image.Image,
        "convert",
        lambda self, *a, **k: sizes.append(self.size) or original(self, *a, **k),
    )
    only(tmp_path, 32)
    assert set(sizes) == {(200, 150)}  # an eighth, as the JPEG's own transform gives it


def test_subfolders_are_classes_in_order_of_their_names(tmp_path):
    for k in range(6):
        for name, colour in (("b dogs", RED), ("a cats/deep", GREEN), ("c", BLUE)):
            save(tmp_path, f"{name}/{k}.png", Image.new("RGB", (9, 9), colour))
    (tmp_path / "empty").mkdir()
    images = data.image_folder(tmp_path, test=0.5)
    assert images.classes == ("a cats", "b dogs", "c")
    for split in (images.train, images.test):
        for label, colour in enumerate((GREEN, RED, BLUE)):
            assert all(colours(image) == {colour} for image in split.images[split.labels == label])
    save(tmp_path, "top.png", noise(9, 9))
    assert data.image_folder(tmp_path).classes == (".", "a cats", "b dogs", "c")


def test_subfolders_agree_with_torchvision(tmp_path):
    from torchvision.datasets import ImageFolder

    for k, name in enumerate(["b", "a", "b", "c", "a"]):
        save(tmp_path, f"{name}/{k}.png", np.full((9, 9, 3), k, np.uint8))
    theirs = ImageFolder(str(tmp_path))
    ours = data.image_folder(tmp_path, size=9)
    assert list(ours.classes) == theirs.classes
    labels = torch.cat([ours.train.labels, ours.test.labels])
    pairs = {(int(image[0, 0, 0]), int(label)) for image, label in zip(both(ours), labels)}
    assert pairs == {(image.getpixel((0, 0))[0], label) for image, label in theirs}


def test_the_same_files_give_the_same_set_and_a_seed_another_split(tmp_path):
    one, other = tmp_path / "one" / "pictures", tmp_path / "other" / "pictures"
    for folder, order in ((one, range(30)), (other, reversed(range(30)))):
        for k in order:
            save(folder, f"{k:02d}.png", np.full((4, 4, 3), k, np.uint8))
    a, b = data.image_folder(one, size=4), data.image_folder(other, size=4)
    assert torch.equal(a.train.images, b.train.images)
    assert torch.equal(a.test.images, b.test.images)
    assert a.name == b.name == "pictures"
    c = data.image_folder(one, size=4, seed=1)
    assert not torch.equal(a.test.images, c.test.images)
    for images in (a, c):
        assert sorted(both(images)[:, 0, 0, 0].tolist()) == list(range(30))


@pytest.mark.parametrize(("test", "expected"), [(0.1, 1), (0.5, 5), (0.001, 1), (0.999, 9)])
def test_both_sides_have_at_least_one(tmp_path, test, expected):
    for k in range(10):
        save(tmp_path, f"{k}.png", np.full((4, 4, 3), k, np.uint8))
    assert len(data.image_folder(tmp_path, test=test).test) == expected


def test_the_global_random_numbers_are_left_alone_and_the_folder_too(mixed):
    before = torch.get_rng_state(), sorted((p, p.stat().st_mtime_ns) for p in mixed.rglob("*"))
    with pytest.warns(UserWarning):
        data.image_folder(str(mixed))
    after = torch.get_rng_state(), sorted((p, p.stat().st_mtime_ns) for p in mixed.rglob("*"))
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]


def test_a_path_may_be_relative_or_begin_at_home(tmp_path, monkeypatch):
    twice(tmp_path / "faces", "a.png", noise(9, 9))
    monkeypatch.chdir(tmp_path / "faces")
    assert data.image_folder(".").name == "faces"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.image_folder("~/faces").name == "faces"


def test_too_few_pictures_is_a_clear_error(tmp_path):
    with pytest.raises(ValueError, match=r"(?s)two pictures.* of 0 image files \(\.bmp.*0 could"):
        data.image_folder(tmp_path)
    save(tmp_path, "a.png", noise(9, 9))
    (tmp_path / "b.png").write_bytes(b"no")
    with (
        pytest.warns(UserWarning, match=r"1 of 2 .*b\.png"),
        pytest.raises(ValueError, match=r"of 2 image files .* 1 could be read"),
    ):
        data.image_folder(tmp_path)
