"""Figures that can be read on light and dark pages, and by those who cannot see them.

:func:`show` puts a figure on the page as one inline SVG whose black is the colour of the text
around it, with alternative text. So draw what is neutral in black (``INK``), data in ``COLOURS``,
and leave backgrounds alone. Nothing here trains a model.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor, nn

from aelib.training import History

__all__ = [
    "COLOURS",
    "DIGIT_COLOURS",
    "INK",
    "Picture",
    "codes",
    "decoder_grid",
    "figure",
    "history",
    "image_grid",
    "picture",
    "reconstructions",
    "show",
]

INK = "black"
"""Drawn in the text colour of the page, whatever that is."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
"""Okabe & Ito's colours for all kinds of colour vision, without black and yellow."""

DIGIT_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten colours of Petroff, *Accessible Color Sequences for Data Visualization* (2021)."""

_STYLE = {
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "svg.fonttype": "path",
}


class Picture:
    """A finished figure: inline SVG with alternative text. Made by :func:`picture`."""

    def __init__(self, svg: str, alt: str) -> None:
        self.svg, self.alt = svg, alt

    def _repr_html_(self) -> str:
        return f'<div class="aelib-figure">{self.svg}</div>'

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"


def show(figure: Figure, alt: str) -> None:
    """Put a figure on the page.

    Args:
        figure: a matplotlib figure; black in it becomes the text colour of the page.
        alt: what the figure shows, for readers who cannot see it: at least 40 characters, in
            words, the finding and not the kind of plot.

    Raises:
        TypeError: if ``figure`` is no figure.
        ValueError: if ``alt`` is too short to say anything.
    """
    from IPython.display import display

    display(picture(figure, alt))


def picture(figure: Figure, alt: str) -> Picture:
    """A figure as one ``<svg>`` element that can stand in any page.

    Args:
        figure: as for :func:`show`, which puts the picture on the page at once.
        alt: as for :func:`show`.

    Returns:
        The picture; its ``svg`` is the element as text, the same for the same figure and ``alt``.

    Raises:
        TypeError: if ``figure`` is no figure.
        ValueError: if ``alt`` is too short to say anything.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"a matplotlib Figure is needed; got {type(figure).__name__}")
    if not isinstance(alt, str) or len(alt.strip()) < 40:
        raise ValueError(f"say in at least 40 characters what the figure shows; got {alt!r}")
    file = io.StringIO()
    # A fixed salt makes the same figure the same text; ids get a prefix of their own below.
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "aelib"}):
        figure.savefig(file, format="svg", transparent=True, dpi=160)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"(?<=data:image/png;base64,)[^\"]+", _smaller_png, svg)
    svg = re.sub(r'(<image [^>]*?width="(\d+)"[^>]*?) style="image-rendering[^"]*"', _smooth, svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    prefix = "f" + hashlib.sha256((svg + alt).encode()).hexdigest()[:8]
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r"#000000\b", "currentColor", svg)
    width, height = (72 * size for size in figure.get_size_inches())
    opening = (
        f'<svg role="img" aria-label="{html.escape(alt)}" viewBox="0 0 {width:g} {height:g}" '
        f'fill="currentColor" style="width:100%;max-width:{width * 4 / 3:.0f}px;height:auto" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return Picture(re.sub(r"^<svg[^>]*>", opening, svg).rstrip(), alt)


def figure(
    rows: int = 1, columns: int = 1, width: float = 6.6, height: float = 3.0, **subplots: Any
) -> tuple[Figure, Any]:
    """A figure with axes in the style of the course.

    Matplotlib's settings are changed for this and later figures of the session, so that what is
    drawn on the axes later (legends, lines) has the same style.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        width: in inches; 6.6 fills the text column of the book.
        height: in inches.
        subplots: passed on to ``Figure.subplots``, e.g. ``sharey=True``.

    Returns:
        The figure, and its axes as ``plt.subplots`` returns them: one, or an array of them.

    Raises:
        ValueError: if a number is not positive.
    """
    if min(rows, columns, width, height) <= 0:
        raise ValueError(f"a figure needs positive sizes; got {(rows, columns, width, height)}")
    mpl.rcParams.update(_STYLE)
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, columns, **subplots)


def image_grid(
    rows: Sequence[Tensor],
    labels: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Figure:
    """Rows of images, grey or in colour.

    Args:
        rows: one tensor a row, shape (N, 1, H, W) or (N, H, W) for grey and (N, 3, H, W) for
            red, green and blue; rows may differ in N. ``uint8`` is divided by 255.
        labels: one text a row, written to its left.
        titles: one text a column, written above it.
        limits: values drawn as the darkest and the brightest; ``None`` scales each image by its
            own extremes.

    Returns:
        The figure.

    Raises:
        ValueError: if there is nothing to draw, shapes do not fit, or texts are too few or many.
    """
    pictures = [_pictures(row) for row in rows]
    if not pictures or len({p.shape[1:3] for p in pictures}) != 1:
        raise ValueError("image_grid needs at least one row, and images of one size")
    height, width = pictures[0].shape[1:3]
    columns, gap = max(map(len, pictures)), max(1, height // 14)
    for name, texts, count in (("labels", labels, len(rows)), ("titles", titles, columns)):
        if texts is not None and len(texts) != count:
            raise ValueError(f"{count} {name} are needed; got {len(texts)}")

    canvas = np.zeros((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 4))
    for r, row in enumerate(pictures):
        for c, picture in enumerate(row):
            low, high = limits or (picture.min(), picture.max())
            bright = np.clip((picture - low) / max(high - low, 1e-12), 0, 1)
            top, left = r * (height + gap), c * (width + gap)
            canvas[top : top + height, left : left + width, :3] = bright  # grey: thrice the same
            canvas[top : top + height, left : left + width, 3] = 1

    inches = 5.4 if labels else 6.6
    tall = inches * canvas.shape[0] / canvas.shape[1]
    fig, ax = figure(height=tall + (0.25 if titles else 0.05))
    ax.imshow(canvas, interpolation="none")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(columns) * (width + gap) + width / 2 - 0.5, titles or [""] * columns)
    ax.xaxis.tick_top()
    ax.set_yticks(
        np.arange(len(rows)) * (height + gap) + height / 2 - 0.5, labels or [""] * len(rows)
    )
    return fig


def reconstructions(
    images: Tensor,
    reconstructions: Tensor,
    labels: Sequence[str] = ("input", "reconstruction"),
) -> Figure:
    """Images above their reconstructions.

    Args:
        images: shape (N, 1, H, W) or (N, H, W), or in colour (N, 3, H, W).
        reconstructions: the same shape; values outside [0, 1] are drawn as 0 or 1.
        labels: names of the two rows.

    Returns:
        The figure.

    Raises:
        ValueError: if the shapes differ.
    """
    if images.shape != reconstructions.shape:
        raise ValueError(
            f"images {tuple(images.shape)} and reconstructions {tuple(reconstructions.shape)} "
            "must have the same shape"
        )
    return image_grid([images, reconstructions], labels)


def codes(
    codes: ArrayLike,
    labels: ArrayLike,
    ax: Axes | None = None,
    title: str | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """A 2-D code as a cloud of points, coloured by label, each label written at its median.

    Args:
        codes: shape (N, 2).
        labels: whole numbers from 0 to 9, shape (N,).
        ax: where to draw; a new figure by default.
        title: written above.
        names: what each label is called; its number by default.

    Returns:
        The figure.

    Raises:
        ValueError: if shapes do not fit, a label is out of range, or names are too few.
    """
    points, marks = np.asarray(codes), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or marks.shape != points.shape[:1]:
        raise ValueError(
            f"codes must be (N, 2) and labels (N,); got {points.shape} and {marks.shape}"
        )
    whole = np.issubdtype(marks.dtype, np.integer)
    if len(marks) == 0 or not whole or marks.min() < 0 or marks.max() >= len(DIGIT_COLOURS):
        raise ValueError("labels must be whole numbers from 0 to 9, at least one")
    if names is not None and len(names) <= marks.max():
        raise ValueError(f"names are needed for the labels 0 to {marks.max()}; got {len(names)}")
    if ax is None:
        _, ax = figure(height=5.0, width=5.6)
    colours = np.array(DIGIT_COLOURS)[marks]
    order = np.random.default_rng(0).permutation(len(points))  # no label lies on top of the others
    ax.scatter(*points[order].T, c=colours[order], s=3, alpha=0.7, linewidths=0, rasterized=True)
    for mark in np.unique(marks):
        ax.text(
            *np.median(points[marks == mark], axis=0),
            str(mark) if names is None else names[mark],
            ha="center",
            va="center",
            weight="bold",
            color="white",
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": "#333333", "edgecolor": "white"},
        )
    ax.set(xticks=[], yticks=[], title=title or "")
    return ax.get_figure()


def decoder_grid(model: nn.Module, extent: Sequence[float], n: int = 15) -> Figure:
    """What the decoder makes of a regular grid of 2-D codes.

    Args:
        model: has ``decode`` from (N, 2) to (N, 1, H, W), or (N, 3, H, W) in colour.
        extent: left, right, bottom, top of the grid, in units of the code.
        n: codes along each side, at least 2.

    Returns:
        The figure; the first number of the code grows to the right, the second upwards.

    Raises:
        ValueError: if ``extent`` is not four growing numbers, or ``n`` is below 2.
    """
    left, right, bottom, top = extent
    if not (left < right and bottom < top) or n < 2:
        raise ValueError(f"need left < right, bottom < top and n >= 2; got {extent}, {n}")
    from aelib.training import predict

    x, y = torch.linspace(left, right, n), torch.linspace(top, bottom, n)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    images = _pictures(predict(model.decode, grid.flatten(0, 1)))
    h, w, c = images.shape[1:]
    sheet = images.reshape(n, n, h, w, c).swapaxes(1, 2).reshape(n * h, n * w, c)
    fig, ax = figure(width=5.6, height=5.6 * h / w)
    place = {"extent": tuple(extent), "aspect": "auto", "interpolation": "none"}
    sheet = sheet[..., 0] if c == 1 else np.clip(sheet, 0, 1)
    ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, **place)
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    return fig


def history(history: History) -> Figure:
    """Every recorded number against the epoch.

    Args:
        history: what :func:`aelib.training.fit` returned.

    Returns:
        The figure.

    Raises:
        ValueError: if no epoch was finished.
    """
    if not len(history):
        raise ValueError("the history is empty: no epoch was finished")
    fig, ax = figure()
    epochs = np.arange(1, len(history) + 1)
    for name in history.names:
        style = "--" if name.startswith("validation") else "-"
        ax.plot(epochs, history[name], style, marker="." if len(history) < 3 else "", label=name)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel="mean over the images")
    ax.legend()
    return fig


def _pictures(images: Tensor) -> NDArray[np.float64]:
    """Images of any type to floats of shape (N, H, W, 1), grey, or (N, H, W, 3), in colour."""
    array = torch.as_tensor(images).detach().cpu()
    if array.dim() == 3:
        array = array[:, None]
    if array.dim() != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise ValueError(
            "grey images are of shape (N, 1, H, W) or (N, H, W), colour images (N, 3, H, W), "
            f"N > 0; got {tuple(torch.as_tensor(images).shape)}"
        )
    values = array.permute(0, 2, 3, 1).double().numpy()
    return values / 255 if array.dtype == torch.uint8 else values


def _smooth(image: re.Match[str]) -> str:
    """Pixels are enlarged as squares; a bitmap as wide as the page is scaled smoothly instead."""
    return image[1] if int(image[2]) > 440 else image[0]


def _smaller_png(base64_png: re.Match[str]) -> str:
    """An embedded bitmap in the smallest form that looks the same: grey, or 256 colours."""
    image = Image.open(io.BytesIO(base64.b64decode(base64_png[0]))).convert("RGBA")
    red, green, blue, alpha = (np.asarray(band) for band in image.split())
    if (red == green).all() and (green == blue).all():
        small = image.convert("L" if alpha.min() == 255 else "LA")
    elif np.isin(alpha, (0, 255)).all():
        # Soft pictures show bands in an octree's colours; the median cut knows no transparency.
        opaque = Image.fromarray(np.dstack([red, green, blue])[alpha == 255][None])
        palette = opaque.quantize(255, method=Image.Quantize.MEDIANCUT, kmeans=2)
        whole = image.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
        small = Image.fromarray(
            np.where(alpha == 255, np.asarray(whole), 255).astype(np.uint8), "P"
        )
        small.putpalette((whole.getpalette() + [0] * 768)[:768])
        small.info["transparency"] = 255
    else:
        small = image.quantize(256, method=Image.Quantize.FASTOCTREE)
    file = io.BytesIO()
    small.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
