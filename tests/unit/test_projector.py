"""The projector's files, read back as its own sources read them.

The readers below follow ``data-provider.ts`` and ``scatterPlotVisualizerSprites.ts`` of TensorBoard's
projector, and protocol buffers' text format.
"""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aelib import projector

N, D = 11, 5
VECTORS = np.random.default_rng(0).normal(size=(N, D)) * 10.0 ** np.arange(-8, 12, 4)
LABELS = np.arange(N) % 10
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 7, 7), dtype=np.uint8)


def lines_of(path):
    """As ``streamParse``: what stands between line feeds; the projector skips blank lines."""
    return [line for line in path.read_bytes().decode("utf-8").split("\n") if line.strip()]


def read_vectors(path):
    """As ``parseTensors``: no header, and a row of one number fails."""
    rows = [[float(cell) for cell in line.strip().split("\t")] for line in lines_of(path)]
    assert len({len(row) for row in rows}) == 1
    assert len(rows[0]) > 1
    return np.array(rows, dtype=np.float32)


def read_metadata(path):
    """As ``parseMetadata``: the first row is a header if, and only if, it holds a tab."""
    lines = lines_of(path)
    names = lines.pop(0).split("\t") if "\t" in lines[0] else ["label"]
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def tile(sheet, size, i):
    """As the sprites' shader: column i mod (tiles in a row), row ⌊i / (tiles in a column)⌋."""
    across, up = sheet.shape[1] / size[0], sheet.shape[0] / size[1]
    assert across == int(across)
    assert up == int(up)
    left, top = int(i % across) * size[0], int(i // up) * size[1]
    return sheet[top : top + size[1], left : left + size[0]]


def read_pbtxt(text):
    """Protocol buffers' text format, as much of it as the projector's configuration needs."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[{}]|[\w:]+', text)

    def message():
        found = {}
        while tokens and tokens[0] != "}":
            key = tokens.pop(0)
            if tokens[0] == "{":
                tokens.pop(0)
                found.setdefault(key, []).append(message())
                assert tokens.pop(0) == "}"
            else:
                found.setdefault(key.removesuffix(":"), []).append(json.loads(tokens.pop(0)))
        return found

    return message()


@pytest.fixture
def folder(tmp_path):
    return projector.export(tmp_path / "new" / "one", VECTORS, LABELS, IMAGES, title='a "code"')


def test_five_files_and_no_more(folder, tmp_path):
    assert folder == tmp_path / "new" / "one"
    assert {path.name for path in folder.iterdir()} == {
        "vectors.tsv", "metadata.tsv", "sprite.png", "config.json", "projector_config.pbtxt",
    }  # fmt: skip


def test_vectors_keep_every_bit_of_a_float32(folder):
    np.testing.assert_array_equal(
        read_vectors(folder / "vectors.tsv"), VECTORS.astype(np.float32), strict=True
    )


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
def test_any_float32_comes_back(tmp_path_factory, row):
    folder = projector.export(tmp_path_factory.mktemp("row"), [row], [0])
    assert read_vectors(folder / "vectors.tsv").tolist() == [np.float32(row).tolist()]


def test_one_column_has_no_header(folder):
    rows = read_metadata(folder / "metadata.tsv")
    assert [row["label"] for row in rows] == [str(label) for label in LABELS]


def test_several_columns_have_one(tmp_path):
    columns = {"digit": LABELS, "written by": [f"person {i}" for i in range(N)]}
    folder = projector.export(tmp_path, VECTORS, columns)
    rows = read_metadata(folder / "metadata.tsv")
    assert len(rows) == N
    assert rows[3] == {"digit": "3", "written by": "person 3"}
    folder = projector.export(tmp_path, VECTORS, {"digit": LABELS})
    assert len(read_metadata(folder / "metadata.tsv")) == N, "of one column alone, no header"


def test_names_stand_for_labels(tmp_path):
    names = [f"Ziffer {i} ü" for i in range(10)]
    folder = projector.export(tmp_path, torch.tensor(VECTORS), torch.tensor(LABELS), names=names)
    found = [row["label"] for row in read_metadata(folder / "metadata.tsv")]
    assert found == [names[label] for label in LABELS]


def test_tile_i_is_image_i(folder):
    sheet = np.asarray(Image.open(folder / "sprite.png"))
    assert sheet.shape == (28, 28), "eleven images: four rows of four"
    for i, image in enumerate(IMAGES):
        np.testing.assert_array_equal(tile(sheet, (7, 7), i), image[0])
    assert not sheet[21:, 0:].any(), "the last row is empty"
    assert not tile(sheet, (7, 7), N).any()


@given(st.integers(1, 40), st.sampled_from([1, 3]), st.integers(1, 4), st.integers(1, 4))
def test_sheets_of_any_number(count, channels, height, width):
    images = np.random.default_rng(count).random((count, channels, height, width))
    sheet = projector.sprite(images)
    rows = int(np.ceil(np.sqrt(count)))
    assert sheet.shape[:2] == (rows * height, rows * width)
    assert sheet.shape[2:] == ((3,) if channels == 3 else ())
    last = tile(sheet, (width, height), count - 1).reshape(height, width, channels)
    expected = np.rint(images[-1] * 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(last, expected)


def test_the_largest_sheet_is_what_the_projector_loads():
    assert projector.LARGEST_SHEET == 8192  # MAX_SPRITE_IMAGE_SIZE_PX
    assert projector.sprite(np.zeros((4, 1, 4096, 1), np.uint8)).shape == (8192, 2)
    with pytest.raises(ValueError, match="holds 1 images"):
        projector.sprite(np.zeros((2, 1, 4097, 1), np.uint8))


def test_configurations_say_the_same(folder):
    (online,) = json.loads((folder / "config.json").read_text("utf-8"))["embeddings"]
    assert online == {
        "tensorName": 'a "code"',
        "tensorShape": [N, D],
        "tensorPath": "vectors.tsv",
        "metadataPath": "metadata.tsv",
        "sprite": {"imagePath": "sprite.png", "singleImageDim": [7, 7]},
    }
    (board,) = read_pbtxt((folder / "projector_config.pbtxt").read_text("utf-8"))["embeddings"]
    assert board == {
        "tensor_name": ['a "code"'],
        "tensor_shape": [N, D],
        "tensor_path": ["vectors.tsv"],
        "metadata_path": ["metadata.tsv"],
        "sprite": [{"image_path": ["sprite.png"], "single_image_dim": [7, 7]}],
    }


def test_without_images_no_sheet_is_named(tmp_path):
    folder = projector.export(tmp_path, VECTORS, LABELS)
    assert not (folder / "sprite.png").exists()
    assert "sprite" not in (folder / "config.json").read_text()
    assert "sprite" not in (folder / "projector_config.pbtxt").read_text()


@pytest.mark.parametrize("url", ["https://example.org/digits", "https://example.org/digits/"])
def test_published_paths_are_whole_addresses(tmp_path, url):
    """The projector asks for a path as seen from its own page, not from the configuration."""
    projector.export(tmp_path, VECTORS, LABELS, IMAGES, url=url)
    (online,) = json.loads((tmp_path / "config.json").read_text())["embeddings"]
    assert online["tensorPath"] == "https://example.org/digits/vectors.tsv"
    assert online["metadataPath"] == "https://example.org/digits/metadata.tsv"
    assert online["sprite"]["imagePath"] == "https://example.org/digits/sprite.png"
    assert "https" not in (tmp_path / "projector_config.pbtxt").read_text(), "TensorBoard has files"


def test_what_else_is_in_the_folder_stays(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "vectors.tsv").write_text("old")
    projector.export(tmp_path, VECTORS, LABELS)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert read_vectors(tmp_path / "vectors.tsv").shape == (N, D)


def test_a_failure_leaves_the_folder_as_it_was(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="NaN"):
        projector.export(folder, VECTORS * np.nan, LABELS)
    written, write = [], type(folder).write_bytes

    def full_disk(path, content):
        if written:
            raise OSError("no space left on device")
        written.append(path)
        return write(path, content)

    monkeypatch.setattr(type(folder), "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space"):
        projector.export(folder, VECTORS + 1, LABELS, IMAGES)
    assert written
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
