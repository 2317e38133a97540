"""Files that the Embedding Projector opens: vectors, their labels, and a picture of each.

Google's projector runs at projector.tensorflow.org and inside TensorBoard. :func:`export` writes
what either of them reads. The formats are those of TensorBoard's sources: the readers of the two
tables and of the sheet of pictures in ``tensorboard/plugins/projector/polymer3/vz_projector``
(``data-provider.ts``, ``scatterPlotVisualizerSprites.ts``), the configuration in
``tensorboard/plugins/projector/projector_config.proto``.
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aelib._arrays import as_array, as_bytes

__all__ = ["LARGEST_SHEET", "export", "sprite"]

LARGEST_SHEET = 8192
"""Pixels: the projector loads no picture that is wider or taller."""


def export(
    folder: str | Path,
    vectors: ArrayLike,
    labels: ArrayLike | Mapping[str, ArrayLike],
    images: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    title: str = "vectors",
    url: str = "",
) -> Path:
    """Write a folder of files for the Embedding Projector.

    ``vectors.tsv`` has one row a vector, without a header. ``metadata.tsv`` has one row a vector;
    its first row names the columns if there are two or more, and only then: the projector takes a
    single column for labels. ``sprite.png`` is the sheet that :func:`sprite` makes.

    There are three ways to open them:

    - *at projector.tensorflow.org, without pictures*: press "Load", and choose ``vectors.tsv``,
      then ``metadata.tsv``; they stay on your machine. The dialog has no place for the sheet.
    - *at projector.tensorflow.org, with pictures*: publish the folder at an ``https`` address that
      other sites may read (CORS), give that address as ``url``, and open
      ``https://projector.tensorflow.org/?config=`` followed by the address of ``config.json``.
      Paths in that file are resolved against the projector's own page: without ``url`` they are
      of use only where the projector is served from the same folder.
    - *in TensorBoard*: ``tensorboard --logdir FOLDER`` reads ``projector_config.pbtxt``.

    Files of these five names are replaced, each as a whole; nothing else in the folder is touched.

    Args:
        folder: made if it is not there.
        vectors: shape (N, D), D at least 2, finite; kept to the precision of ``float32``.
        labels: one a vector, shape (N,), written as text; or several columns by name.
        images: one a vector, shape (N, 1, S, S) or (N, 3, S, S), ``uint8`` or in [0, 1]. The
            projector multiplies them by a point's colour: light strokes on black stay coloured.
        names: what each label is called, if ``labels`` are whole numbers from 0.
        title: the name that the projector shows for the vectors.
        url: the address at which the folder will be published, for ``config.json``.

    Returns:
        The folder.

    Raises:
        NotADirectoryError: if ``folder`` is a file.
        ValueError: if shapes do not fit, a number is not finite, a text is empty or holds a tab or
            a new line, images are not square, or the sheet would be too large.
    """
    table = _vectors(vectors)
    lines = _metadata(labels, names, len(table))
    embedding: dict[str, Any] = {
        "tensorName": _cell(title, "the title"),
        "tensorShape": list(table.shape),
        "tensorPath": "vectors.tsv",
        "metadataPath": "metadata.tsv",
    }
    text = io.StringIO()
    np.savetxt(text, table, fmt="%.9g", delimiter="\t")  # nine digits name one float32
    files = {"vectors.tsv": text.getvalue().encode(), "metadata.tsv": "".join(lines).encode()}
    if images is not None:
        pictures = as_bytes(images, len(table))
        size = pictures.shape[2:]
        if size[0] != size[1]:
            raise ValueError(
                f"the projector needs square images; got {size[0]} by {size[1]} pixels"
            )
        embedding["sprite"] = {"imagePath": "sprite.png", "singleImageDim": list(size)}
        files["sprite.png"] = _png(sprite(pictures))

    if url and not url.startswith(("http://", "https://")):
        raise ValueError(f"url is the folder's address on the web, https://…; got {url!r}")
    files["projector_config.pbtxt"] = _pbtxt(embedding).encode()
    base = url.rstrip("/") + "/" if url else ""
    online = {k: base + v if k.endswith("Path") else v for k, v in embedding.items()}
    if images is not None:
        online["sprite"] = embedding["sprite"] | {"imagePath": f"{base}sprite.png"}
    files["config.json"] = (json.dumps({"embeddings": [online]}, indent=2) + "\n").encode()
    return _write(Path(folder), files)


def sprite(images: ArrayLike) -> NDArray[np.uint8]:
    """Put images side by side on one sheet, row by row, in as many columns as rows.

    Args:
        images: shape (N, 1, H, W) or (N, 3, H, W), ``uint8`` or in [0, 1].

    Returns:
        The sheet, ``uint8``, shape (n·H, n·W) or (n·H, n·W, 3), where n = ⌈√N⌉. Image i stands in
        row i // n and column i % n; places without an image are black.

    Raises:
        ValueError: if shapes or values do not fit, or the sheet would be wider or taller than
            :data:`LARGEST_SHEET`.
    """
    pictures = as_bytes(images)
    count, channels, height, width = pictures.shape
    side = int(np.ceil(np.sqrt(count)))
    if side * max(height, width) > LARGEST_SHEET:
        most = (LARGEST_SHEET // max(height, width)) ** 2
        raise ValueError(
            f"a sheet of {LARGEST_SHEET} by {LARGEST_SHEET} pixels holds {most} images of "
            f"{height} by {width}; got {count}. Export fewer, or smaller ones"
        )
    sheet = np.zeros((side * side, channels, height, width), np.uint8)
    sheet[:count] = pictures
    sheet = sheet.reshape(side, side, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(side * height, side * width, channels)
    return sheet[:, :, 0] if channels == 1 else sheet


def _vectors(vectors: ArrayLike) -> NDArray[np.float32]:
    array = as_array(vectors)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] < 2:
        raise ValueError(f"vectors are of shape (N, D), N > 0 and D > 1; got {array.shape}")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("vectors hold NaN or infinity, which the projector cannot read")
    return array


def _metadata(
    labels: ArrayLike | Mapping[str, ArrayLike], names: Sequence[str] | None, count: int
) -> list[str]:
    """The lines of ``metadata.tsv``."""
    columns = labels if isinstance(labels, Mapping) else {"label": labels}
    if not columns:
        raise ValueError("labels are needed: one column at least")
    texts = []
    for name, column in columns.items():
        array = as_array(column)
        if array.shape != (count,):
            raise ValueError(f"{name}: one label a vector is needed, ({count},); got {array.shape}")
        values: list[Any] = array.tolist()
        if names is not None:
            if isinstance(labels, Mapping) or array.dtype.kind not in "iu":
                raise ValueError("names go with one column of whole numbers; write the names in it")
            if min(values) < 0 or max(values) >= len(names):
                raise ValueError(
                    f"names are needed for the labels {min(values)} to {max(values)}, "
                    f"counted from 0; got {len(names)}"
                )
            values = [names[value] for value in values]
        texts.append([_cell(value, name) for value in values])
    rows = ["\t".join(row) for row in zip(*texts, strict=True)]
    if len(columns) > 1:
        rows.insert(0, "\t".join(_cell(name, "a column's name") for name in columns))
    return [f"{row}\n" for row in rows]


def _cell(value: object, where: str) -> str:
    """A text that can stand in a table of tab-separated values."""
    text = str(value)
    if not text.strip() or set(text) & set("\t\r\n"):
        raise ValueError(f"{where}: a text must not be empty, nor hold a tab or new line: {text!r}")
    return text


def _pbtxt(embedding: Mapping[str, Any]) -> str:
    """The configuration in protocol buffers' text format; JSON's strings are valid in it."""
    quote = json.dumps
    lines = [f"  tensor_name: {quote(embedding['tensorName'], ensure_ascii=False)}"]
    lines += [f"  tensor_path: {quote(embedding['tensorPath'])}"]
    lines += [f"  tensor_shape: {number}" for number in embedding["tensorShape"]]
    lines += [f"  metadata_path: {quote(embedding['metadataPath'])}"]
    if "sprite" in embedding:
        size = [f"    single_image_dim: {n}" for n in embedding["sprite"]["singleImageDim"]]
        lines += ["  sprite {", f"    image_path: {quote('sprite.png')}", *size, "  }"]
    return "\n".join(["embeddings {", *lines, "}", ""])


def _png(sheet: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG", optimize=True)
    return file.getvalue()


def _write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files beside those that they replace, and replace them when all are written."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder to export into")
    folder.mkdir(parents=True, exist_ok=True)
    new = {name: folder / f".{name}.part" for name in files}
    try:
        for name, content in files.items():
            new[name].write_bytes(content)
        for name, part in new.items():
            os.replace(part, folder / name)
    finally:
        for part in new.values():
            part.unlink(missing_ok=True)
    return folder
