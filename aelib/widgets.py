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
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor, nn

from aelib import corruption, losses, metrics, plots, projector
from aelib._arrays import as_array, as_bytes

__all__ = [
    "CodeSize",
    "CodesOverTraining",
    "Denoise",
    "DrawDigit",
    "DropoutMask",
    "FaceWalk",
    "OneDraw",
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
        still: what is seen where no code runs: a figure, or an element of class ``aelib-still`` as
            HTML, for what is made of words.
        alt: what there is to see, in at least 40 characters.
        note: a sentence below the still picture: what there would be to do.
    """

    def __init__(
        self, kind: str, state: Mapping[str, Any], still: Figure | str, alt: str, note: str = ""
    ) -> None:
        self.alt = alt
        picture = still if isinstance(still, str) else plots.picture(still, alt)._repr_html_()
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
        last = int(_labels(marks).max())
        texts = [str(name) for name in (range(last + 1) if names is None else names)]
        if len(texts) <= last:
            raise ValueError(f"names are needed for the labels 0 to {last}; got {len(texts)}")
        pictures = as_bytes(images, marks.size)

        texts = texts[: last + 1]
        state = {
            "clouds": [_packed(name, cloud, marks, last) for name, cloud in points.items()],
            "labels": _text(marks.astype(np.uint8)),
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
        whole, step = _sixteen_bits(points)
        state = {
            "encoder": packed[0],
            "decoder": packed[1],
            "codes": whole,
            "step": step,
            "labels": _text(marks.astype(np.uint8)),
            "knots": knots.T.round(4).tolist(),
            "middles": {str(k): np.median(points[marks == k], axis=0).tolist() for k in kinds},
            "colours": plots.DIGIT_COLOURS,
            "picks": _text(marks[picks].astype(np.uint8)),
            "sheet": _sheet(as_bytes(images[picks], len(picks))),
        }
        fig, axes = plots.figure(1, 3, width=7.0, height=2.9, width_ratios=(1, 1.6, 1))
        _picture(axes[0], images[shown, 0], "what goes in")
        _picture(axes[2], drawn, "what comes out")
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
                whole, step = _sixteen_bits(codes[name].numpy())
                networks.append(
                    {
                        "name": name,
                        "decoder": _network(net.decoder, codes[name]),
                        "codes": whole,
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


class CodesOverTraining(Widget):
    """Epochs of training: the cloud of codes over draws from the prior, and its distance to them.

    A slider leads through the epochs, and a button plays them. Two numbers of the code are seen at
    a time, coloured by digit; one digit or several can be singled out. The distances are those of
    ``aelib.metrics`` and of all codes, also where fewer are drawn. Points are stored in 8 bits:
    each number is off by at most a 254th of the largest of its kind in its epoch. Chapter 08 plays
    the game.

    Args:
        runs: one or two runs of training by name; for each the codes of the same digits, before the
            first epoch and after each one: two arrays or more, all of shape (N, d), 2 ≤ d ≤ 16.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,).
        draws: two samples of the prior, a standard normal distribution, each of shape (M, d). The
            codes are compared with the first one. The second one tells how far from it a sample of
            the prior itself is.
        shown: how many of the codes, and of the draws, are drawn: the first ones.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if ``runs`` is no mapping.
        ValueError: if shapes do not fit, a number is not finite, a label is none, or ``alt`` is too
            short.
    """

    def __init__(
        self,
        runs: Mapping[str, Sequence[ArrayLike]],
        labels: ArrayLike,
        draws: tuple[ArrayLike, ArrayLike],
        shown: int = 600,
        alt: str = "",
    ) -> None:
        if not isinstance(runs, Mapping):
            raise TypeError('runs are given by name: {"adversarial": codes, …}; got no mapping')
        marks = _labels(labels)
        prior, again = (as_array(points).astype(np.float64) for points in draws)
        width = prior.shape[-1]
        if prior.ndim != 2 or prior.shape != again.shape or not 2 <= width <= 16:
            raise ValueError(
                "two samples of the prior are needed, both of shape (M, d), 2 ≤ d ≤ 16; got "
                f"{prior.shape} and {again.shape}"
            )
        codes = {
            str(name): [as_array(epoch).astype(np.float64) for epoch in epochs]
            for name, epochs in runs.items()
        }
        for name, epochs in codes.items():
            shapes = {epoch.shape for epoch in epochs}
            if len(epochs) < 2 or shapes != {(marks.size, width)}:
                raise ValueError(
                    f"{name}: codes of shape {(marks.size, width)} are needed, before training and "
                    f"after each epoch; got {len(epochs)} of {sorted(shapes)}"
                )
            if not np.isfinite(epochs).all():
                raise ValueError(f"{name}: the codes hold NaN or infinity")
        if len(codes) not in (1, 2) or shown < 10:
            raise ValueError(
                f"one or two runs and 10 points or more are needed; got {len(codes)} and {shown}"
            )

        def measured(z: NDArray[np.float64]) -> dict[str, Any]:
            distances = [*metrics.distance_to_normal(z), metrics.sliced_wasserstein(z, prior)]
            *each, together = (round(float(distance), 5) for distance in distances)
            return {"each": each, "together": together}

        seen = {name: [epoch[:shown] for epoch in epochs] for name, epochs in codes.items()}
        spans = {name: _span(epochs) for name, epochs in seen.items()}
        state = {
            "width": width,
            "counts": [marks.size, len(prior)],
            "labels": _text(marks[:shown].astype(np.uint8)),
            "colours": plots.DIGIT_COLOURS,
            "draws": _eight_bits(torch.from_numpy(prior[:shown].T)),
            "sample": measured(again),
            "runs": [
                {
                    "name": name,
                    "span": spans[name],
                    "epochs": [
                        {"codes": _eight_bits(torch.from_numpy(few.T)), **measured(every)}
                        for few, every in zip(seen[name], codes[name], strict=True)
                    ],
                }
                for name in codes
            ],
        }
        name, epochs = next(iter(seen.items()))
        last = len(epochs) - 1
        fig, axes = plots.figure(1, 3, width=7.0, height=2.6, sharex=True, sharey=True)
        for ax, epoch in zip(axes, (1, (last + 1) // 2, last), strict=True):
            ax.scatter(*prior[:shown, :2].T, s=2, c="#888888", lw=0, rasterized=True)
            colours = np.array(plots.DIGIT_COLOURS)[marks[:shown]]
            ax.scatter(*epochs[epoch][:, :2].T, s=5, c=colours, lw=0, rasterized=True)
            limits = (-spans[name], spans[name])
            ax.set(title=f"{name}, epoch {epoch}", xlim=limits, ylim=limits, aspect="equal")
        note = "Where scripts run, every epoch can be seen here, and the distances to the prior."
        super().__init__("codes_over_training", state, fig, alt, note)


def _span(epochs: Sequence[NDArray[np.float64]]) -> int:
    """Half the side of a window that holds all points and a standard normal's; an even number."""
    return 2 * int(np.ceil(max(4.0, *(np.abs(epoch).max() for epoch in epochs)) / 2))


class CodeSize(Widget):
    """The same test digit rebuilt by PCA and by autoencoders, from a code of 1 to 64 numbers.

    PCA is there at every size: the page computes its pictures from components of 8 bits, and its
    pixels differ from PyTorch's by at most 0.02. An autoencoder is there at the sizes that it was
    trained with; in between, the next smaller one stays, and its caption says so. Its pictures were
    made by PyTorch and are rounded to 256 greys. All errors are PyTorch's: squared, summed over the
    784 pixels, PCA's without clipping. Chapter 05 trains the networks.

    Args:
        pca: has ``mean``, shape (784,), and ``components``, the greatest variance first, shape
            (at least ``largest``, 784), as :class:`aelib.models.PCA` has them after ``fit``.
        autoencoders: by the name of their kind, models by the size of their code.
        images: test digits, shape (N, 1, 28, 28), in [0, 1], at most 100.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,).
        errors: mean squared errors of the whole test set: those of ``"PCA"`` in a sequence, one for
            each of its components; those of each kind of autoencoder by the size of the code.
        largest: the greatest size that can be chosen.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        ValueError: if shapes do not fit, a size or an error is missing, a label is none, or ``alt``
            is too short.
    """

    def __init__(
        self,
        pca: nn.Module,
        autoencoders: Mapping[str, Mapping[int, nn.Module]],
        images: Tensor,
        labels: ArrayLike,
        errors: Mapping[str, Any],
        largest: int = 64,
        alt: str = "",
    ) -> None:
        x = _digits(images, "images")
        marks = _marks(labels, len(x), 1, 100)
        mean, components = (part.detach().cpu().double() for part in (pca.mean, pca.components))
        if components.shape[1:] != mean.shape or not 2 <= largest <= len(components):
            raise ValueError(
                f"PCA needs a mean (784,) and {largest} components or more; got "
                f"{tuple(mean.shape)} and {tuple(components.shape)}"
            )
        whole_set = np.asarray(errors.get("PCA", []), dtype=np.float64)
        if whole_set.shape != (len(components),):
            raise ValueError(
                f'errors["PCA"]: one for each of {len(components)} components; got '
                f"{whole_set.shape}"
            )
        for kind, models in autoencoders.items():
            missing = sorted(set(models) - set(errors.get(kind, {})))
            wrong = [size for size in models if not 1 <= size <= largest]
            if missing or wrong or not models:
                raise ValueError(
                    f"{kind}: models of sizes from 1 to {largest}, with their test errors; sizes "
                    f"without an error {missing}, out of range {wrong}"
                )
        if not autoencoders:
            raise ValueError("there is no autoencoder to compare PCA with")

        centred = x.flatten(1).double() - mean
        z = centred @ components.T
        by_size = (centred.square().sum(1, keepdim=True) - z.square().cumsum(1)).clamp(min=0)
        by_size = by_size.numpy()
        state = {
            "largest": largest,
            "components": len(components),
            "labels": _text(marks.astype(np.uint8)),
            "images": _text(as_bytes(x)),
            "codes": _text(z[:, :largest].float().numpy().astype("<f4")),
            "decoder": [_linear(components[:largest].T, mean)],
            "pca": {
                "errors": by_size[:, :largest].round(3).tolist(),
                "test": whole_set[:largest].round(3).tolist(),
            },
            "kinds": [
                _rebuilt(kind, models, x, by_size, errors[kind], whole_set)
                for kind, models in autoencoders.items()
            ],
        }
        kind = state["kinds"][0]
        middle = (len(kind["sizes"]) - 1) // 2
        size = kind["sizes"][middle]
        present = np.unique(marks)
        shown = np.flatnonzero(marks == present[len(present) // 4])[0]
        drawn = (z[shown, :size] @ components[:size] + mean).clamp(0, 1).reshape(28, 28)
        other = np.frombuffer(base64.b64decode(kind["pictures"]), np.uint8)
        other = other.reshape(-1, len(marks), 28, 28)[middle, shown] / 255
        fig, axes = plots.figure(1, 4, width=7.2, height=2.3, width_ratios=(1, 1, 1, 1.7))
        _picture(axes[0], x[shown, 0], "test digit", fontsize=9)
        _picture(axes[1], drawn, f"PCA, {size} numbers", fontsize=9)
        _picture(axes[2], other, f"autoencoder, {size}", fontsize=9)
        axes[3].plot(range(1, largest + 1), whole_set[:largest], label="PCA")
        axes[3].plot(kind["sizes"], kind["test"], "o-", label="autoencoder")
        axes[3].set(xscale="log", yscale="log", xlabel="numbers in the code")
        axes[3].set_title("squared error, test set", fontsize=9)
        ticks = [2**k for k in range(largest.bit_length())], [1, 2, 5, 10, 20, 50, 100]
        axes[3].set_xticks(ticks[0], [str(tick) for tick in ticks[0]])
        axes[3].set_yticks(ticks[1], [str(tick) for tick in ticks[1]])
        axes[3].set(ylim=axes[3].dataLim.intervaly * (0.8, 1.25))
        axes[3].minorticks_off()
        axes[3].legend()
        note = "Where scripts run, the size of the code and the digit can be chosen here."
        super().__init__("code_size", state, fig, alt, note)


def _rebuilt(
    kind: str,
    models: Mapping[int, nn.Module],
    x: Tensor,
    pca: NDArray[np.float64],
    errors: Mapping[int, float],
    pca_errors: NDArray[np.float64],
) -> dict[str, Any]:
    """Digits by autoencoders of one kind: pictures, errors, and sizes at which PCA does as well."""
    pictures, ours, needs = [], [], []
    sizes = sorted(models)
    for size in sizes:
        with torch.no_grad():
            x_hat = _frozen(models[size])(x.double())
        if x_hat.shape != x.shape:
            raise ValueError(f"{kind}, {size}: {tuple(x_hat.shape)} came back for {tuple(x.shape)}")
        error = (x_hat - x.double()).square().flatten(1).sum(1).numpy()
        pictures.append(as_bytes(x_hat.clamp(0, 1)))
        ours.append(error.round(3).tolist())
        needs.append(((pca > error[:, None]).sum(1) + 1).tolist())
    return {
        "name": kind,
        "sizes": sizes,
        "pictures": _text(np.stack(pictures)),
        "errors": ours,
        "needs": needs,
        "test": [round(float(errors[size]), 3) for size in sizes],
        "test needs": [int((pca_errors > errors[size]).sum()) + 1 for size in sizes],
    }


def _labels(labels: ArrayLike) -> NDArray[Any]:
    marks = as_array(labels)
    if marks.ndim != 1 or not marks.size:
        raise ValueError(f"labels are of shape (N,), N at least 1; got {marks.shape}")
    if marks.dtype.kind not in "iu" or marks.min() < 0 or marks.max() > 9:
        raise ValueError("labels must be whole numbers from 0 to 9")
    return marks


class FaceWalk(Widget):
    """A walk among faces, by the decoder of a variational autoencoder that runs in the page.

    Two faces A and B and the one on the way from one to the other, straight or on the sphere; one
    slider for each direction of the code that labels have given, which is added; new faces drawn
    from a Gaussian fitted to codes or from the prior, and true ones. The same surprises come at
    every visit. Told are the length of the code and the sharpness of the picture, as
    :func:`aelib.metrics.sharpness` measures it. Chapter 11 explains all of these.

    The decoder runs in the page, its weights rounded to 6 bits (see ``_grown``). Measured on the
    VAE in ``data/models`` and 2,000 draws of the fitted Gaussian, its pixels in [0, 1] differ from
    PyTorch's by 0.009 (root mean square; 99 of 100 by at most 0.03), and the sharpness by 1 level
    in the mean.

    Args:
        decoder: a stack as :func:`aelib.models.growing` makes it, from codes of k numbers to images
            of shape (3, S, S) in [0, 1].
        codes: draws of q(z), to which the Gaussian is fitted: shape (N, k), N > 1.
        faces: codes of true faces, shape (M, k), 2 ≤ M ≤ 1,000; the first two are A and B at first.
        directions: by name, one step along it, shape (k,); at least one.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if the decoder holds a module that a page cannot run, or ``directions`` is no
            mapping.
        ValueError: if shapes do not fit, a number is not finite, or ``alt`` is too short.
    """

    def __init__(
        self,
        decoder: nn.Module,
        codes: Tensor,
        faces: Tensor,
        directions: Mapping[str, Tensor],
        alt: str = "",
    ) -> None:
        if not isinstance(directions, Mapping):
            raise TypeError('directions are given by name: {"glasses": step, …}; got no mapping')
        net, names = _frozen(decoder), [str(name) for name in directions]
        codes, faces, *steps = (
            torch.as_tensor(part).detach().cpu().double()
            for part in (codes, faces, *directions.values())
        )
        k = codes.shape[-1]
        shapes = [tuple(part.shape) for part in (codes, faces, *steps)]
        if codes.dim() != 2 or len(codes) < 2:
            raise ValueError(f"codes are of shape (N, k), N > 1; got {shapes[0]}")
        if shapes[1] != (len(faces), k) or not 2 <= len(faces) <= 1000:
            raise ValueError(f"faces are of shape (M, {k}), 2 ≤ M ≤ 1000; got {shapes[1]}")
        if not steps or any(shape != (k,) for shape in shapes[2:]):
            raise ValueError(f"directions, at least one, are of shape ({k},); got {shapes[2:]}")
        if not all(part.isfinite().all() for part in (codes, faces, *steps)):
            raise ValueError("codes, faces and directions must be finite")
        packed = _grown(net)
        with torch.no_grad():
            side = net(faces[:1]).shape[-1]
            if net(faces[:1]).shape[1:] != (3, side, side):
                raise ValueError(f"images are (3, S, S); got {tuple(net(faces[:1]).shape[1:])}")
            # as much is added to the variances as chapter 11 adds, so that there is a root
            root = torch.linalg.cholesky(codes.T.cov() + 1e-4 * torch.eye(k, dtype=codes.dtype))
            part = torch.linspace(0, 1, 6, dtype=codes.dtype)[:, None]
            walks = [_between(faces[0], faces[1], part), faces[0] + 2 * part * steps[0]]
            shown = [net(walk).float() for walk in walks]
        state = {
            "decoder": packed,
            "side": side,
            "middle": _text(codes.mean(0).numpy().astype("<f4")),
            "root": _text(root.numpy().astype("<f4")),
            "faces": _text(faces.numpy().astype("<f4")),
            "names": names,
            "directions": _text(torch.stack(steps).numpy().astype("<f4")),
        }
        fig = plots.image_grid(shown, labels=["from A to B", names[0]])
        note = "Where scripts run, the faces can be changed here, and new ones drawn."
        super().__init__("face_walk", state, fig, alt, note)


def _between(a: Tensor, b: Tensor, part: Tensor) -> Tensor:
    """Points on the sphere from a to b, both (k,): (N, 1) to (N, k). Chapter 11 explains it."""
    cosine = nn.functional.cosine_similarity(a, b, dim=0)
    angle = cosine.clamp(-0.9999, 0.9999).acos()
    return (((1 - part) * angle).sin() * a + (part * angle).sin() * b) / angle.sin()


class OneDraw(Widget):
    """One digit through a variational autoencoder, one draw at a time, beside a plain autoencoder.

    The Gaussian q(z | x) of the digit, as an ellipse over the two numbers of the code whose KL is
    largest on average and as a bar for each number; a draw z = μ + σ ε, thrown anew by a button,
    with σ multiplied by 0 to 2; and the picture that the decoder makes of z. The plain autoencoder
    moves its own code along the same ε, by a step as long as the VAE's when each is measured in the
    spread of its own codes over the examples. A table gives, in nats, the cross-entropy of this
    draw's picture, summed over 784 pixels, and the KL divergence of the Gaussian to the prior; a
    chart gives their means over many draws against the factor of σ. Chapter 10 explains these.

    Gaussians, codes and the chart's means are PyTorch's. The decoders run in the page, rounded and
    split (see ``_network``). Measured on chapter 10's two networks and 1,000 validation digits, one
    draw each: a cross-entropy moves by 0.3 nats in the VAE and by 0.6 in the autoencoder (medians;
    99 of 100 by at most 1.5 and 2.8), pixels by 0.007 and 0.011 (root mean square).

    Args:
        vae: has ``posterior`` and ``decoder``, as :class:`aelib.models.VAE`; the decoder gives
            logits.
        auto: has ``encoder`` and ``decoder``, as :class:`aelib.models.Autoencoder`, with as many
            numbers in the code; the decoder gives logits.
        images: black and white digits to choose from, 0 or 1, shape (N, 1, 28, 28), N from 1 to 20.
        labels: which digits they are, whole numbers from 0 to 9, shape (N,).
        examples: digits for which the decoders are split, shape (M, 1, 28, 28), in [0, 1]; a few
            thousand will do.
        alt: what there is to see, for those who cannot see it: at least 40 characters.

    Raises:
        TypeError: if a decoder holds a module that a page cannot run.
        ValueError: if shapes do not fit, a pixel is neither 0 nor 1, a label is none, or ``alt`` is
            too short.
    """

    def __init__(
        self,
        vae: nn.Module,
        auto: nn.Module,
        images: Tensor,
        labels: Tensor,
        examples: Tensor,
        alt: str = "",
    ) -> None:
        images = _digits(images, "images").double()
        examples = _digits(examples, "examples").double()
        marks = _marks(labels, len(images), 1, 20)
        if not ((images == 0) | (images == 1)).all():
            raise ValueError("images are black and white: each pixel is 0 or 1")
        vae, auto = _frozen(vae), _frozen(auto)
        dice = torch.Generator().manual_seed(0)
        with torch.no_grad():
            mean, spread = _gaussian(vae, images)
            many, wide = _gaussian(vae, examples)
            codes, other = auto.encoder(images), auto.encoder(examples)
            if codes.shape != mean.shape or mean.shape[1] < 2:
                sizes = f"{codes.shape[1]} and {mean.shape[1]}"
                raise ValueError(f"codes of one size, at least two numbers; got {sizes}")
            draws = many + wide * torch.randn(many.shape, generator=dice, dtype=torch.float64)
            own, others = draws.std(0), other.std(0)
            moved = other + _alike((draws - many) / wide, wide, own, others)
            packed = [
                _network(vae.decoder, draws, _LEFT["logits"]),
                _network(auto.decoder, moved, _LEFT["logits"]),
            ]
            noise = torch.randn(_DRAWS, mean.shape[1], generator=dice, dtype=torch.float64)
            costs = np.zeros((len(images), 21, 2))
            for i, x in enumerate(images):
                far = _alike(noise, spread[i], own, others)
                for j, times in enumerate(torch.linspace(0, 2, 21)):
                    costs[i, j] = (
                        _price(vae, mean[i] + times * spread[i] * noise, x),
                        _price(auto, codes[i] + times * far, x),
                    )
            used = (0.5 * (many**2 + wide**2 - 1) - wide.log()).mean(0).argsort(descending=True)[:2]
            cloud, first = many[:300, used], min(4, len(images) - 1)
            shown = [vae.decoder(mean[[first]] + spread[[first]] * noise[0])]
            shown.append(
                auto.decoder(codes[[first]] + _alike(noise[:1], spread[first], own, others))
            )
        state = {
            "vae": packed[0],
            "auto": packed[1],
            "images": _text(np.packbits(images.numpy().astype(np.uint8))),
            "labels": _text(marks.astype(np.uint8)),
            "first": first,
            "used": used.tolist(),
            "cloud": cloud[cloud.abs().amax(1) < 4].numpy().round(2).tolist(),
            "most": float(np.clip(100 * np.ceil(costs.max() / 100), 200, 400)),
        }
        numbers = {"means": mean, "spreads": spread, "codes": codes, "own": own, "other": others}
        numbers |= {"costs": costs[..., 0], "others": costs[..., 1]}
        state |= {name: _text(np.asarray(v).astype("<f4")) for name, v in numbers.items()}
        fig = _draw_of(
            images[first], shown, many[:300, used], mean[first, used], spread[first, used]
        )
        note = "Where scripts run, a new draw can be thrown here, and its spread changed."
        super().__init__("one_draw", state, fig, alt, note)


_DRAWS = 100  # for a mean over q(z | x)


def _gaussian(vae: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (not log-variance) of q(z | x), each (N, k)."""
    mean, log_variance = vae.posterior(images)
    return mean, (log_variance / 2).exp()


def _alike(noise: Tensor, spread: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Steps along the noise, as long in the spread ``other`` as spread · noise in ``own``."""
    far = (noise * spread / own).norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)
    return far * noise * other


def _price(model: nn.Module, codes: Tensor, image: Tensor) -> float:
    """Mean cross-entropy of an image under the logits of its decoded codes (N, k), in nats."""
    logits = model.decoder(codes).flatten(1)
    target = image.flatten().expand_as(logits)
    return losses.cross_entropy_from_logits(logits, target).mean().item()


def _draw_of(
    image: Tensor, logits: Sequence[Tensor], cloud: Tensor, mean: Tensor, spread: Tensor
) -> Figure:
    """The digit, its Gaussian over two numbers of the code, and two copies."""
    fig, axes = plots.figure(1, 4, width=7.4, height=2.8, width_ratios=(1, 1.3, 1, 1))
    turn = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    axes[1].plot(*cloud.numpy().T, ".", color=plots.INK, ms=2, alpha=0.3)
    axes[1].plot(*(2 * circle), "--", color=plots.INK, lw=1.2)
    for far in (1, 2):
        oval = mean.numpy()[:, None] + far * spread.numpy()[:, None] * circle
        axes[1].fill(*oval, color=plots.COLOURS[0], alpha=0.3)
    axes[1].set(title="q(z | x) and the prior", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
    pictures = (image, logits[0].sigmoid(), logits[1].sigmoid())
    titles = ("x", "VAE, one draw", "autoencoder,\nmoved as far")
    for ax, picture, title in zip(axes[[0, 2, 3]], pictures, titles, strict=True):
        _picture(ax, picture.reshape(28, 28), title)
    return fig


def _digits(images: Tensor, name: str) -> Tensor:
    if images.shape[1:] != (1, 28, 28) or not images.is_floating_point():
        raise ValueError(
            f"{name} are of shape (N, 1, 28, 28), in [0, 1]; got "
            f"{tuple(images.shape)}, {images.dtype}"
        )
    return images.detach().cpu()


def _marks(labels: ArrayLike, count: int, least: int = 10, most: int = 10_000) -> NDArray[Any]:
    """The labels of so many images, of which there are enough and not too many."""
    marks = as_array(labels)
    if marks.shape != (count,) or not least <= count <= most:
        raise ValueError(
            f"{count} images, from {least} to {most}, and {marks.size} labels {marks.shape}"
        )
    return _labels(marks)


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
    """A row of pictures with words above."""
    fig, axes = plots.figure(1, len(shown), width=7.0, height=2.2)
    for ax, (title, picture) in zip(axes, shown.items(), strict=True):
        _picture(ax, picture, title)
    return fig


def _picture(ax: Axes, picture: ArrayLike, title: str, **font: Any) -> None:
    """A picture (H, W), black at 0 and white at 1, with words above."""
    ax.imshow(as_array(picture), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, **font)
    ax.axis("off")


# share of variance that splitting may lose
_LEFT = {"encoder": 6e-3, "decoder": 1e-3, "denoiser": 1e-3, "logits": 6e-4}
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
    whole, steps = _eight_bits(weight)
    return {
        "inputs": weight.shape[1],
        "weights": whole,
        "steps": steps,
        "bias": _text(bias.float().numpy().astype("<f4")),
    }


def _eight_bits(rows: Tensor) -> tuple[str, str]:
    """Rows as whole numbers of 8 bits, and the steps: of each row a 127th of its largest number."""
    steps = (rows.abs().amax(1) / 127).clamp(min=1e-30).float()
    whole = (rows / steps[:, None].double()).round().clamp(-127, 127).to(torch.int8)
    return _text(whole.numpy()), _text(steps.numpy().astype("<f4"))


def _grown(net: nn.Module) -> list[dict[str, Any] | str]:
    """A stack that grows images from codes, packed for ``static/conv.js``.

    Batch normalisation, as it is after training, goes into the weights of the layer before it. Of
    these each becomes a whole number from -31 to 31, in steps of its output's own: of a channel in
    a convolution, of a single number in a linear layer. Each is written as one letter. Small
    numbers are common, so that the text shrinks on its way to the reader, to two thirds of a byte a
    weight; whole numbers of 8 bits would not, and take half as much again.

    Args:
        net: on the CPU in double precision; linear layers, ``Unflatten`` after one of them, batch
            normalisation after either, transposed convolutions on squares, and activations.

    Returns:
        Layers in their order: an activation's name, or the parts of a layer. Images are laid out
        pixel by pixel, with all channels of a pixel side by side.

    Raises:
        TypeError: if a module is none of these, or stands where it cannot be packed.
    """
    layers: list[Any] = []
    for part in (module for module in net.modules() if not list(module.children())):
        before = layers[-1] if layers and not isinstance(layers[-1], str) else None
        if type(part) in _ACTIVATIONS:
            layers.append(_ACTIVATIONS[type(part)])
        elif isinstance(part, nn.Linear):
            layers.append([part.weight, _bias(part, part.out_features), None])
        elif isinstance(part, nn.ConvTranspose2d) and _plain(part):
            layers.append([part.weight.transpose(0, 1), _bias(part, part.out_channels), part])
        elif isinstance(part, nn.Unflatten) and before and before[2] is None:
            for i in (0, 1):  # from channel by channel to pixel by pixel
                image = before[i].unflatten(0, part.unflattened_size)
                before[i] = image.movedim(0, 2).flatten(0, 2)
        elif isinstance(part, nn.BatchNorm2d) and before and part.running_var is not None:
            gain = (part.running_var + part.eps).rsqrt()
            shift = -part.running_mean * gain
            if part.affine:
                gain, shift = gain * part.weight, shift * part.weight + part.bias
            weight, bias, _ = before
            gain, shift = (v.repeat(len(bias) // len(v)) for v in (gain, shift))
            before[0] = weight * gain.reshape(-1, *(1,) * (weight.dim() - 1))
            before[1] = bias * gain + shift
        else:
            raise TypeError(f"a page cannot run {part} here; see aelib.models.growing")
    return [layer if isinstance(layer, str) else _layer(*layer) for layer in layers]


def _layer(weight: Tensor, bias: Tensor, kind: nn.ConvTranspose2d | None) -> dict[str, Any]:
    whole, steps = _six_bits(weight)  # (outputs, inputs) or (outputs, inputs, down, across)
    if kind:
        whole = whole.permute(2, 3, 1, 0)
    layer = {
        "inputs": weight.shape[1],
        "weights": "".join(_LETTERS[i + 31] for i in whole.flatten().tolist()),
        "steps": _text(steps.numpy().astype("<f4")),
        "bias": _text(bias.float().numpy().astype("<f4")),
    }
    if kind:
        layer |= {"kernel": kind.kernel_size[0], "stride": kind.stride[0]}
        layer["padding"] = kind.padding[0]
    return layer


_LETTERS = "-" + string.digits + string.ascii_letters


def _six_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -31 to 31 (outputs, ...), and each output's step, that fit best."""
    rows = weight.flatten(1)
    shares = torch.tensor([1, 0.9, 0.8, 0.7, 0.6, 0.5])[:, None, None]  # cut a few: all get finer
    largest = rows.abs().amax(1, keepdim=True).clamp(min=1e-30)
    steps = (shares * largest / 31).float().double()  # (shares, outputs, 1)
    whole = (rows / steps).round().clamp(-31, 31)
    best, row = (whole * steps - rows).square().sum(2).argmin(0), torch.arange(len(rows))
    return whole[best, row].long().reshape(weight.shape), steps[best, row, 0].float()


def _bias(part: nn.Module, outputs: int) -> Tensor:
    return torch.zeros(outputs, dtype=torch.float64) if part.bias is None else part.bias


def _plain(part: nn.ConvTranspose2d) -> bool:
    """Whether it has one size, stride and padding both ways, and nothing that is rarely used."""
    square = all(len(set(pair)) == 1 for pair in (part.kernel_size, part.stride, part.padding))
    return square and (part.groups, *part.dilation, *part.output_padding) == (1, 1, 1, 0, 0)


def _sixteen_bits(numbers: NDArray[Any]) -> tuple[str, float]:
    """Numbers as whole ones of 16 bits, and the step: a 32767th of the largest."""
    step = max(float(np.abs(numbers).max()), 1e-9) / 32767
    return _text(np.rint(numbers / step).astype("<i2")), step


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
    whole, step = _sixteen_bits(rows)
    return {"name": name, "xyz": whole, "step": step}


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
