"""Figures that a reader can take hold of: in the book, in JupyterLab and in Colab, from one code.

A :class:`Widget` is a piece of HTML that stands alone. It holds the numbers, packed small, the
code that draws them, and a still picture for where no code runs. Nothing is asked of another host,
and no kernel is needed. The code is a file in ``aelib/static`` in the form that `anywidget
<https://anywidget.dev>`_ knows: ``export default { render({ model, el }) }``. What several of them
need stands in files of its own, which they import.
"""

import base64
import copy
import hashlib
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor, nn

from aelib import corruption, plots, projector
from aelib._arrays import as_array, as_bytes

__all__ = [
    "Denoise",
    "DrawDigit",
    "DropoutMask",
    "OnePixel",
    "PointCloud",
    "TwoGaussians",
    "Widget",
]

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
        note: a sentence below the still picture: what there would be to do.
    """

    def __init__(
        self, kind: str, state: Mapping[str, Any], still: Figure, alt: str, note: str = ""
    ) -> None:
        self.alt = alt
        picture = plots.picture(still, alt)._repr_html_()
        # "<" would let a text end the element that it stands in
        packed = json.dumps(state | {"alt": alt}, separators=(",", ":")).replace("<", "\\u003c")
        names = _modules(kind)
        code = re.sub(r"\bexport (?!default)", "", _module(kind))
        code = code.replace("export default", "const widget =")
        sheets = [path for name in names if (path := _STATIC / f"{name}.css").exists()]
        style = "".join(path.read_text("utf-8") for path in sheets)
        start = (_STATIC / "page.js").read_text("utf-8")
        if note:
            picture += f'\n<p class="aelib-still-note">{html.escape(note)}</p>'
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


_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./(\w+)\.js\";\n+", re.MULTILINE)


def _modules(kind: str) -> list[str]:
    """The names of the files that a widget's code is made of: what it imports, then itself."""
    names: list[str] = []
    for name in _IMPORT.findall((_STATIC / f"{kind}.js").read_text("utf-8")):
        names += [one for one in _modules(name) if one not in names]
    return [*names, kind]


def _module(kind: str) -> str:
    """The code of a widget and of all that it imports, as the one file that anywidget takes."""
    texts = [(_STATIC / f"{name}.js").read_text("utf-8") for name in _modules(kind)]
    return "\n".join(_IMPORT.sub("", text) for text in texts)


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


class OnePixel(Widget):
    """One pixel: what squared error and cross-entropy charge for a prediction, and how they pull.

    Three charts over the prediction: the loss, its derivative by the prediction, and by the logit
    before a sigmoid. The prediction and the target are moved by drag or by sliders; a table gives
    the numbers of both losses, in nats and in squared units of a pixel. Chapter 04 derives them.

    Args:
        target: the target at first, in [0, 1].
        prediction: the prediction at first, in [0.001, 0.999].
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        ValueError: if a number leaves its interval, or ``alt`` is too short.
    """

    def __init__(self, target: float = 1.0, prediction: float = 0.25, alt: str = "") -> None:
        if not 0 <= target <= 1 or not 0.001 <= prediction <= 0.999:
            raise ValueError(
                "a target lies in [0, 1] and a prediction in [0.001, 0.999]; got "
                f"{target} and {prediction}"
            )
        p = np.linspace(0.001, 0.999, 400)
        charts = {
            "loss": (0, 5),
            "slope by prediction": (-10, 10),
            "slope by logit": (-1, 1),
        }
        fig, axes = plots.figure(1, 3, width=7.0, height=2.8)
        curves, dots = _pixel(target, p), _pixel(target, np.array([prediction]))
        for k, (ax, (title, limits)) in enumerate(zip(axes, charts.items(), strict=True)):
            for name, colour, dash in zip(_LOSSES, plots.COLOURS, ("-", "--"), strict=False):
                ax.plot(p, curves[name][k], dash, color=colour, label=name)
                ax.plot(
                    prediction, np.clip(dots[name][k], *limits), "o", color=colour, clip_on=False
                )
            ax.axvline(target, color=plots.INK, linestyle=":", linewidth=1)
            ax.set(xlim=(0, 1), ylim=limits, title=title, xlabel="prediction")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        start = {"target": float(target), "prediction": float(prediction)}
        note = "Where scripts run, the prediction and the target can be moved, and numbers follow."
        super().__init__("one_pixel", {"start": start}, fig, alt, note)


_LOSSES = ("squared error", "cross-entropy")


def _pixel(target: float, p: NDArray[np.float64]) -> dict[str, tuple[NDArray[np.float64], ...]]:
    """Of each loss: the loss, its derivative by the prediction p, and by the logit."""
    error, slope = p - target, p * (1 - p)
    surprise = -(target * np.log(p) + (1 - target) * np.log1p(-p))
    losses = (error**2, 2 * error, 2 * error * slope), (surprise, error / slope, error)
    return dict(zip(_LOSSES, losses, strict=True))


class TwoGaussians(Widget):
    """Two Gaussians q and p: their overlap, the KL divergence both ways, and the shaded integral.

    The top of each curve is dragged, sideways for its mean and up and down for its spread, or moved
    by sliders. A table gives, in nats, KL(q ‖ p) and KL(p ‖ q), and the two parts of each integral,
    where it adds and where it takes away. The overlap is the area below both curves, from 0 to 1.
    Chapter 09 derives them.

    Args:
        q: mean and standard deviation (not variance) at first; the mean in [-4, 4], the standard
            deviation in [0.3, 3].
        p: the same of the other one.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        ValueError: if a number leaves its interval, or ``alt`` is too short.
    """

    def __init__(
        self,
        q: tuple[float, float] = (1.0, 0.7),
        p: tuple[float, float] = (0.0, 1.0),
        alt: str = "",
    ) -> None:
        for name, (mean, spread) in (("q", q), ("p", p)):
            if not -4 <= mean <= 4 or not 0.3 <= spread <= 3:
                raise ValueError(
                    f"{name}: a mean lies in [-4, 4] and a standard deviation in [0.3, 3]; got "
                    f"{mean} and {spread}"
                )
        z = np.linspace(-6, 6, 601)
        log_q, log_p = _log_normal(z, *q), _log_normal(z, *p)
        part = np.exp(log_q) * (log_q - log_p)
        fig, ax = plots.figure(width=6.6, height=3.6)
        adds, takes = np.maximum(part, 0), np.minimum(part, 0)
        ax.fill_between(z, adds, color=plots.COLOURS[2], alpha=0.45, lw=0, label="adds")
        ax.fill_between(z, takes, color=plots.COLOURS[1], alpha=0.6, lw=0, label="takes away")
        ax.plot(z, np.exp(log_p), "--", color=plots.INK, lw=1.4, label="p")
        ax.plot(z, np.exp(log_q), color=plots.COLOURS[0], label="q")
        ax.set(xlim=(-6, 6), ylim=(-0.5, 1.4), xlabel="z", ylabel="density")
        ax.legend()
        start = {
            name: {"mean": float(mean), "spread": float(spread)}
            for name, (mean, spread) in (("q", q), ("p", p))
        }
        note = "Where scripts run, both curves can be moved, and both divergences follow."
        super().__init__("two_gaussians", {"start": start}, fig, alt, note)


class DrawDigit(Widget):
    """Draw a digit: its code among those of test digits, and what the decoder makes of it.

    The network runs in the page, its weights rounded and its layers split to weigh little; the
    numbers that it gives are close to PyTorch's (see ``_network``). A drawing is centred and scaled
    as MNIST's digits are. A point on the map of codes can be dragged, which moves the code by hand.
    Chapter 03 trains the network.

    Args:
        model: an autoencoder of 28×28 pixels with two stacks of linear layers and activations,
            ``encoder`` and ``decoder``, and a code of two numbers.
        images: test digits that the map shows, shape (N, 1, 28, 28), in [0, 1], 10 ≤ N ≤ 10,000.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,). Used for colours, and
            for the buttons that take one of them.
        examples: training digits for which the layers are split, shape (M, 1, 28, 28); a few
            thousand will do.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if the network holds a module that a page cannot run.
        ValueError: if shapes do not fit, the code has not two numbers, a label is none, or ``alt``
            is too short.
    """

    def __init__(
        self, model: nn.Module, images: Tensor, labels: Tensor, examples: Tensor, alt: str = ""
    ) -> None:
        images, examples = _digits(images, "images"), _digits(examples, "examples")
        marks = _marks(labels, len(images))
        with torch.no_grad():
            encoder, decoder = _frozen(model.encoder), _frozen(model.decoder)
            inputs = [part.in_features for part in encoder.modules() if isinstance(part, nn.Linear)]
            if inputs[:1] != [784]:
                raise ValueError(f"the encoder must begin with 784 numbers; its layers: {inputs}")
            codes, inner = encoder(images.double()), encoder(examples.double())
            if codes.shape[1:] != (2,):
                raise ValueError(f"the code must have two numbers; got {tuple(codes.shape[1:])}")
            packed = (
                _network(encoder, examples, _LEFT["encoder"]),
                _network(decoder, inner, _LEFT["decoder"]),
            )
            kinds, picks = np.unique(marks), _picks(marks)
            shown = np.flatnonzero(marks == kinds[len(kinds) // 4])[0]
            drawn = decoder(codes[[shown]]).reshape(28, 28)
        points = codes.numpy()
        knots = np.quantile(points, np.linspace(0.002, 0.998, 65), axis=0)
        step = max(float(np.abs(points).max()), 1e-9) / 32767
        state = {
            "encoder": packed[0],
            "decoder": packed[1],
            "codes": _text(np.rint(points / step).astype("<i2")),
            "step": step,
            "labels": _text(marks.astype(np.uint8)),
            "knots": knots.T.round(4).tolist(),
            "middles": {str(k): np.median(points[marks == k], axis=0).tolist() for k in kinds},
            "colours": plots.DIGIT_COLOURS,
            "picks": _text(marks[picks].astype(np.uint8)),
            "sheet": _sheet(as_bytes(images[picks], len(picks))),
        }
        fig, axes = plots.figure(1, 3, width=7.0, height=2.9, width_ratios=(1, 1.6, 1))
        for ax, picture, title in (
            (axes[0], images[shown, 0].numpy(), "what goes in"),
            (axes[2], drawn.numpy(), "what comes out"),
        ):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
            ax.set_title(title)
            ax.axis("off")
        part = np.linspace(0, 1, len(knots))
        ranks = np.stack([np.interp(points[:, k], knots[:, k], part) for k in (0, 1)], axis=1)
        plots.codes(ranks[:600], marks[:600], axes[1], "its code among test digits, by rank")
        axes[1].plot(*ranks[shown], "o", color=plots.INK, mfc="none", ms=14, mew=2)
        axes[1].set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(), yticks=())
        note = "Where scripts run, a digit can be drawn here, and its code can be moved."
        super().__init__("draw_digit", state, fig, alt, note)


class Denoise(Widget):
    """Draw a digit, put Gaussian noise on it, and see what a denoiser makes of it; or noise alone.

    The noise is x̃ = x + σ ε, as ``corruption.gaussian`` makes it: it leaves [0, 1], the network
    gets it as it is, and only the picture of it is cut off. ε comes from a generator with a seed,
    so that the slider turns up the same noise; a button takes the next seed. What comes back can go
    through the network again, up to ten rounds. A table gives the squared error, summed over 784
    pixels, and the PSNR in dB, before and after.

    The network runs in the page, its weights rounded and its layers split to weigh little (see
    ``_network``). Measured on chapter 06's 784-256-784, trained with σ from 0 to 1, for 1,000
    validation digits: its pixels differ by 0.005 at σ = 0 and by 0.013 at σ = 1 (root mean square),
    and the squared error changes by at most 0.04.

    Args:
        model: a denoiser of 28×28 pixels with two stacks of linear layers and activations,
            ``encoder`` and ``decoder``.
        images: digits that can be taken, shape (N, 1, 28, 28), in [0, 1], 10 ≤ N ≤ 10,000; the
            first three of each label are. They are stored in 16 levels of grey.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,).
        examples: digits for which the layers are split, shape (M, 1, 28, 28); a few thousand will
            do. They get noise of all levels that the slider has, and some are noise alone.
        trained: the noise that the network was trained with, to end the sentence "The network was
            trained with …".
        sigma: the noise at first, its standard deviation, where white is 1; above 0.
        most: the most noise that the slider gives, at least ``sigma``.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if the network holds a module that a page cannot run.
        ValueError: if shapes do not fit, a label is none, the noise begins outside its interval, or
            ``alt`` is too short.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        examples: Tensor,
        trained: str,
        sigma: float = 0.5,
        most: float = 1.0,
        alt: str = "",
    ) -> None:
        images, examples = _digits(images, "images"), _digits(examples, "examples")
        marks = _marks(labels, len(images))
        if not 0 < sigma <= most < np.inf:
            raise ValueError(f"noise begins above 0 and at most at {most}; got {sigma}")
        random = torch.Generator().manual_seed(0)
        there = torch.rand(len(examples), 1, 1, 1, generator=random) > _NO_DIGIT
        levels = most * torch.rand(len(examples), 1, 1, 1, generator=random)
        picks = _picks(marks)
        with torch.no_grad():
            net = _frozen(nn.Sequential(model.encoder, model.decoder))
            if _ends(net) != (784, 784):
                raise ValueError(f"a denoiser goes from 784 numbers to 784, not {_ends(net)}")
            noisy = corruption.gaussian(examples * there, levels, random)
            layers = _network(net, noisy, _LEFT["denoiser"])
            clean = images[picks[len(picks) // 4]].double()
            grain = torch.randn(1, 28, 28, generator=random).double()
            spoilt = torch.stack([clean + sigma * grain, most * grain])
            mended = net(spoilt).reshape(2, 28, 28)
        state = {
            "layers": layers,
            "picks": _text(marks[picks].astype(np.uint8)),
            "sheet": _sheet(as_bytes(images[picks], len(picks))),
            "trained": trained,
            "sigma": float(sigma),
            "most": float(most),
            "ink": float(images.sum((1, 2, 3)).median()),
        }
        pictures = {
            "clean": clean[0],
            "noisy": spoilt[0, 0],
            "mended": mended[0],
            "noise alone": spoilt[1, 0],
            "what comes back": mended[1],
        }
        note = "Where scripts run, a digit can be drawn here, and the noise turned up and down."
        super().__init__("denoise", state, _pictures(pictures), alt, note)


class DropoutMask(Widget):
    """A drawn net with dropout on its code: a mask, its reconstruction, and the spread over masks.

    A unit is kept where a number from [0, 1) is at least the rate, and what is kept is divided by
    1 − rate, as ``models.Dropout`` has it. The numbers come from a generator with a seed, so that a
    slider drops more and more units by the same numbers; a button takes the next seed. Beside the
    reconstruction in evaluation mode stand that under one mask, and over 30 masks the mean and the
    standard deviation of each pixel. A table gives squared errors, summed over 784 pixels. The
    decoders run in the page with weights of 8 bits; the digits' codes are computed here. Measured
    on chapter 07's 784-128-784 with the same masks at rates from 0 to 0.8: pixels differ by at most
    0.0024 (root mean square) where it was trained at rate 0.4, by 0.0043 where at rate 0, and the
    mean squared error by at most 0.02. Chapter 07 trains the networks.

    Args:
        models: autoencoders of 28×28 pixels by the dropout rate that each was trained with ("rate
            0.4"), whose ``encode`` gives a code of as many units in each of them, and whose
            ``decoder`` is a stack of linear layers and activations without dropout of its own. The
            last one is shown first.
        images: digits that can be taken, shape (N, 1, 28, 28), in [0, 1], 10 ≤ N ≤ 10,000; the
            first three of each label are, in 16 levels of grey.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,).
        rate: the dropout rate at first, in [0, ``most``].
        most: the highest rate that the slider gives, below 1.
        drawn: how many of the code's units the drawing has: those that do most, by the mean over
            the digits taken of the squared number times the squared length of the unit's weights.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if ``models`` is no mapping, or a decoder holds a module that a page cannot run.
        ValueError: if shapes do not fit, codes differ in size, there is no network, a label is
            none, there is no such rate, or ``alt`` is too short.
    """

    def __init__(
        self,
        models: Mapping[str, nn.Module],
        images: Tensor,
        labels: Tensor,
        rate: float = 0.5,
        most: float = 0.8,
        drawn: int = 12,
        alt: str = "",
    ) -> None:
        nets, images = _named(models), _digits(images, "images")
        marks = _marks(labels, len(images))
        if not 0 <= rate <= most < 1:
            raise ValueError(f"a rate lies in [0, {most}], and that below 1; got {rate}")
        picks = _picks(marks)
        taken = as_bytes(images[picks], len(picks))
        grey = torch.from_numpy(np.rint(taken / 17) / 15)  # what the page has of them
        with torch.no_grad():
            frozen = {name: _frozen(net) for name, net in nets.items()}
            codes = {name: net.encode(grey) for name, net in frozen.items()}
            sizes = {code.shape[1] for code in codes.values()}
            units = min(sizes)
            if len(sizes) > 1 or not 1 <= drawn <= units:
                raise ValueError(
                    f"codes of one size, and from 1 to {units} units drawn; got {sizes}, {drawn}"
                )
            networks = []
            for name, net in frozen.items():
                if _ends(net.decoder) != (units, 784):
                    raise ValueError(
                        f"{name}: from {units} numbers to 784, not {_ends(net.decoder)}"
                    )
                first = next(part for part in net.decoder.modules() if isinstance(part, nn.Linear))
                does = codes[name].square().mean(0) * first.weight.square().sum(0)
                step = max(float(codes[name].abs().max()), 1e-9) / 32767
                networks.append(
                    {
                        "name": name,
                        "decoder": _network(net.decoder, codes[name]),
                        "codes": _text(np.rint(codes[name].numpy() / step).astype("<i2")),
                        "step": step,
                        "shown": sorted(does.argsort(descending=True)[:drawn].tolist()),
                    }
                )
            i = len(picks) // 4
            kept = torch.rand(30, units, generator=torch.Generator().manual_seed(0)) >= rate
            masked = net.decoder(codes[name][i] * kept / (1 - rate)).reshape(30, 28, 28)
            pictures = {
                "digit": grey[i, 0],
                "evaluation": net.decoder(codes[name][[i]]).reshape(28, 28),
                "one mask": masked[0],
                "mean of 30": masked.mean(0),
                "spread, × 3": 3 * masked.std(0),
            }
        state = {
            "networks": networks,
            "picks": _text(marks[picks].astype(np.uint8)),
            "sheet": _sheet(taken),
            "rate": float(rate),
            "most": float(most),
            "drawn": drawn,
        }
        note = "Where scripts run, the rate can be moved here, and other masks can be drawn."
        super().__init__("dropout_mask", state, _pictures(pictures), alt, note)


def _digits(images: Tensor, name: str) -> Tensor:
    if images.shape[1:] != (1, 28, 28) or not images.is_floating_point():
        raise ValueError(
            f"{name} are of shape (N, 1, 28, 28), in [0, 1]; got "
            f"{tuple(images.shape)}, {images.dtype}"
        )
    return images.detach().cpu()


def _marks(labels: Tensor, count: int) -> NDArray[Any]:
    marks = as_array(labels)
    if marks.shape != (count,) or not 10 <= count <= 10_000:
        raise ValueError(f"{count} images, from 10 to 10000, and labels {marks.shape}")
    if marks.dtype.kind not in "iu" or marks.min() < 0 or marks.max() > 9:
        raise ValueError("labels must be whole numbers from 0 to 9")
    return marks


def _picks(marks: NDArray[Any]) -> list[int]:
    """The places of the first three of each label."""
    return [i for k in np.unique(marks) for i in np.flatnonzero(marks == k)[:3]]


def _named(models: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    if not isinstance(models, Mapping):
        got = type(models).__name__
        raise TypeError(f"models are given by name, {{name: model, …}}; got {got}")
    if not models:
        raise ValueError("at least one model is needed")
    return {str(name): model for name, model in models.items()}


def _ends(stack: nn.Module) -> tuple[int, int]:
    """How many numbers go into the first linear layer, and come out of the last one."""
    layers = [part for part in stack.modules() if isinstance(part, nn.Linear)]
    return (layers[0].in_features, layers[-1].out_features) if layers else (0, 0)


def _pictures(shown: Mapping[str, Tensor]) -> Figure:
    """A row of pictures, black at 0 and white at 1, with words above."""
    fig, axes = plots.figure(1, len(shown), width=7.0, height=2.2)
    for ax, (title, picture) in zip(axes, shown.items(), strict=True):
        ax.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set_title(title)
        ax.axis("off")
    return fig


_LEFT = {"encoder": 6e-3, "decoder": 1e-3, "denoiser": 1e-3}  # variance that splitting may lose
_NO_DIGIT = 0.1  # share of a denoiser's examples that are noise alone


def _frozen(net: nn.Module) -> nn.Module:
    """A copy on the CPU in double precision, as it is used and not as it is trained."""
    return copy.deepcopy(net).cpu().double().eval().requires_grad_(False)


_ACTIVATIONS = {nn.ReLU: "relu", nn.SiLU: "silu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}
_PASSED_OVER = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout)  # nothing to compute in a page


def _network(net: nn.Module, examples: Tensor, left: float = 0.0) -> list[dict[str, Any] | str]:
    """A stack of linear layers and activations, packed for ``static/mlp.js``.

    A weight becomes a whole number of 8 bits, in steps that are a 127th of the largest weight of
    its row. A layer whose outputs vary in few directions is first split in two: for the examples h,
    W h + b is close to μ + Vᵀ V (W h + b − μ) with the first principal directions V of the outputs,
    and V W with Vᵀ are smaller than W. So many directions are kept that a share of the outputs'
    variance is lost: ``left`` in the largest layer, and a quarter of it in each next smaller one.

    Measured on chapter 03's 784-1000-500-250-2, split for 2,000 training digits, with 2,000 test
    digits: with ``left`` 6e-3 the encoder's 1.4 million weights take 0.16 million bytes, and codes
    move by 0.009 of their spread (median; 0.04 root mean square, 99 of 100 numbers by at most
    0.17). With 1e-3 the decoder takes 0.11 million, and its pixels differ by 0.013 (root mean
    square). To lose less would take the page beyond the 1.5 MB that it may weigh.

    Args:
        net: on the CPU in double precision; linear layers, ReLU, SiLU, sigmoid and tanh, in any
            number; other than that only modules that do not compute (flatten, unflatten, identity,
            dropout).
        examples: inputs that the layers are split for, shape (N, ...).
        left: the share of variance that the largest layer may lose, from 0 (none is split) to 1.

    Returns:
        Layers in their order: an activation's name, or the parts of a linear layer.

    Raises:
        TypeError: if a module is none of these.
    """
    packed: list[dict[str, Any] | str] = []
    sizes = [part.weight.numel() for part in net.modules() if isinstance(part, nn.Linear)]
    sizes.sort(reverse=True)
    h = examples.detach().flatten(1).double()
    for layer in (module for module in net.modules() if not list(module.children())):
        if type(layer) in _ACTIVATIONS:
            packed.append(_ACTIVATIONS[type(layer)])
            h = layer(h)
        elif isinstance(layer, nn.Linear):
            weight = layer.weight.detach()
            bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()
            h = h @ weight.T + bias
            mean = h.mean(0)
            values, axes = torch.linalg.eigh(torch.cov((h - mean).T).reshape(len(mean), -1))
            lost = values.clamp(min=0).cumsum(0) / values.sum().clamp(min=1e-12)
            share = left / 4 ** sizes.index(weight.numel())
            dropped = min(int((lost <= share).sum()), len(mean) - 1) if left else 0
            kept = axes[:, dropped:].T
            if kept.numel() + len(kept) * weight.shape[1] < 0.8 * weight.numel():
                packed.append(_linear(kept @ weight, kept @ (bias - mean)))
                weight, bias = kept.T, mean
            packed.append(_linear(weight, bias))
        elif not isinstance(layer, _PASSED_OVER):
            names = ", ".join(kind.__name__ for kind in (nn.Linear, *_ACTIVATIONS))
            raise TypeError(f"a page can run {names}; got {type(layer).__name__}")
    return packed


def _linear(weight: Tensor, bias: Tensor) -> dict[str, Any]:
    steps = (weight.abs().amax(1) / 127).clamp(min=1e-30).float()
    whole = (weight / steps[:, None].double()).round().clamp(-127, 127).to(torch.int8)
    return {
        "inputs": weight.shape[1],
        "weights": _text(whole.numpy()),
        "steps": _text(steps.numpy().astype("<f4")),
        "bias": _text(bias.float().numpy().astype("<f4")),
    }


def _text(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


def _log_normal(z: NDArray[np.float64], mean: float, spread: float) -> NDArray[np.float64]:
    return -0.5 * ((z - mean) / spread) ** 2 - np.log(spread * np.sqrt(2 * np.pi))


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
