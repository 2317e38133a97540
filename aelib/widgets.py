"""Figures that a reader can take hold of: in the book, in JupyterLab and in Colab, from one code.

A :class:`Widget` is a piece of HTML that stands alone. It holds the numbers, packed small, the
code that draws them, and a still picture for where no code runs. Nothing is asked of another host,
and no kernel is needed. The code is a file in ``aelib/static`` in the form that `anywidget
<https://anywidget.dev>`_ knows: ``export default { render({ model, el }) }``.
"""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from aelib import plots, projector
from aelib._arrays import as_array, as_bytes

__all__ = ["PointCloud", "Widget"]

_STATIC = Path(__file__).with_name("static")
_VIEW = {"yaw": -0.5, "pitch": 0.3, "zoom": 1.0, "distance": 4.0, "fill": 0.46}
"""The first view: angles in radians, the eye's distance in radii, a radius in heights."""


class Widget:
    """A part of a page that reacts. Its HTML stands alone, and is the same for the same input.

    Subclasses name their code and pack what it needs.

    Args:
        kind: the names of the files in ``aelib/static``, without ``.js`` and ``.css``.
        state: what the code gets as its model; anything that JSON can say.
        still: what is seen where no code runs.
        alt: what there is to see, in at least 40 characters.
    """

    def __init__(self, kind: str, state: Mapping[str, Any], still: Figure, alt: str) -> None:
        self.alt = alt
        picture = plots.picture(still, alt)._repr_html_()
        # "<" would let a text end the element that it stands in
        packed = json.dumps(state | {"alt": alt}, separators=(",", ":")).replace("<", "\\u003c")
        code = (_STATIC / f"{kind}.js").read_text("utf-8")
        code = code.replace("export default", "const widget =")
        style = (_STATIC / f"{kind}.css").read_text("utf-8")
        start = (_STATIC / "page.js").read_text("utf-8")
        mark = hashlib.sha256("".join([picture, packed, code, style, start]).encode()).hexdigest()
        start = start.replace('"WIDGET"', f'"{mark[:12]}"')
        self._html = (
            f'<div class="aelib-widget" data-aelib="{mark[:12]}" data-aelib-kind="{kind}">\n'
            f"<style>{style}</style>\n{picture}\n"
            f'<script type="application/json">{packed}</script>\n</div>\n'
            f'<script type="module">\n{code}\n{start}</script>'
        )

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"[{type(self).__name__}: {self.alt}]"


class PointCloud(Widget):
    """The same points as one or more clouds in space, with a picture of each.

    It turns by drag or arrow keys and zooms; a point that is pointed at shows its picture; buttons
    lead from one cloud to another, and labels can be singled out.

    Args:
        clouds: by name, each of shape (N, 3), finite, N at most 10,000. A cloud is moved to its
            mean and scaled as a whole, so that distances within it keep their proportions.
        labels: whole numbers from 0 to 9, shape (N,).
        images: shape (N, 1, H, W) or (N, 3, H, W), ``uint8`` or in [0, 1]. Stored as 16 levels of
            grey, or in 256 colours.
        names: what each label is called; its number by default.
        alt: what the clouds show, for those who cannot see them: at least 40 characters.

    Raises:
        TypeError: if ``clouds`` is no mapping.
        ValueError: if shapes do not fit, a number is not finite, a label has no colour or name, or
            ``alt`` is too short.
    """

    def __init__(
        self,
        clouds: Mapping[str, ArrayLike],
        labels: ArrayLike,
        images: ArrayLike,
        names: Sequence[str] | None = None,
        alt: str = "",
    ) -> None:
        if not isinstance(clouds, Mapping):
            raise TypeError('clouds are given by name: {"PCA": codes, …}; got no mapping')
        points = {str(name): _normal(cloud, name) for name, cloud in clouds.items()}
        marks = as_array(labels)
        sizes = {name: len(cloud) for name, cloud in points.items()}
        if not points or set(sizes.values()) != {marks.size} or marks.ndim != 1:
            raise ValueError(f"{marks.shape} labels, and clouds of as many points; got {sizes}")
        if marks.dtype.kind not in "iu" or marks.min() < 0 or marks.max() > 9:
            raise ValueError("labels must be whole numbers from 0 to 9")
        last = int(marks.max())
        texts = [str(name) for name in (range(last + 1) if names is None else names)]
        if len(texts) <= last:
            raise ValueError(f"names are needed for the labels 0 to {last}; got {len(texts)}")
        pictures = as_bytes(images, marks.size)

        texts = texts[: last + 1]
        state = {
            "clouds": [_packed(name, cloud, marks, last) for name, cloud in points.items()],
            "labels": base64.b64encode(marks.astype(np.uint8).tobytes()).decode(),
            "names": texts,
            "colours": plots.DIGIT_COLOURS[: last + 1],
            "sheet": _sheet(pictures),
            "size": pictures.shape[:1:-1],
            "view": _VIEW,
        }
        fig, axes = plots.figure(1, len(points), height=2.6 if len(points) > 1 else 4.0)
        for ax, (name, cloud) in zip(np.ravel(axes), points.items(), strict=True):
            seen, depth = _seen(cloud)
            order = np.argsort(depth)
            plots.codes(seen[order], marks[order], ax, name, texts)
            ax.set_aspect("equal", "datalim")
            ax.spines[:].set_visible(False)
            for text in ax.texts:
                text.set_fontsize(8)
        super().__init__("point_cloud", state, fig, alt)


def _normal(cloud: ArrayLike, name: object) -> NDArray[np.float64]:
    """A cloud about its mean, with nearly all its points at most 1 from it."""
    points = as_array(cloud)
    if points.ndim != 2 or points.shape[1] != 3 or not 0 < len(points) <= 10_000:
        raise ValueError(f"{name}: a cloud is of shape (N, 3), 0 < N ≤ 10000; got {points.shape}")
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError(f"{name}: the cloud holds NaN or infinity")
    points = points - points.mean(axis=0)
    radius = np.quantile(np.linalg.norm(points, axis=1), 0.98)
    return points / (radius or 1.0)


def _packed(
    name: str, cloud: NDArray[np.float64], labels: NDArray[Any], last: int
) -> dict[str, Any]:
    """A cloud, then the median of each label's points, as whole numbers of 16 bits."""
    groups = [cloud[labels == mark] for mark in range(last + 1)]
    middles = [np.median(group, axis=0) if len(group) else np.zeros(3) for group in groups]
    rows = np.vstack([cloud, middles])
    step = max(float(np.abs(rows).max()), 1e-9) / 32767
    whole = np.rint(rows / step).astype("<i2")
    return {"name": name, "xyz": base64.b64encode(whole.tobytes()).decode(), "step": step}


def _seen(cloud: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where points are first seen, (N, 2) in radii from the middle, and their depth to the eye."""
    x, y, z = cloud.T
    yaw, pitch, distance = _VIEW["yaw"], _VIEW["pitch"], _VIEW["distance"]
    toward = z * np.cos(yaw) - x * np.sin(yaw)
    depth = y * np.sin(pitch) + toward * np.cos(pitch)
    scale = distance / np.maximum(distance - depth, 0.5)
    right = x * np.cos(yaw) + z * np.sin(yaw)
    up = y * np.cos(pitch) - toward * np.sin(pitch)
    return np.stack([right * scale, up * scale], axis=1), depth


def _sheet(images: NDArray[np.uint8]) -> str:
    """All images as one small PNG, as an address that holds its data."""
    sheet, file = projector.sprite(images), io.BytesIO()
    if sheet.ndim == 2:
        picture = Image.fromarray(np.rint(sheet / 17).astype(np.uint8), "P")
        picture.putpalette(np.repeat(np.arange(16, dtype=np.uint8) * 17, 3).tobytes())
        picture.save(file, format="PNG", optimize=True, bits=4)
    else:
        picture = Image.fromarray(sheet).quantize(256, method=Image.Quantize.FASTOCTREE)
        picture.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
