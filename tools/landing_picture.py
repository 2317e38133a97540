"""Make the map on the landing page: train a two-number autoencoder and draw its plane of codes.

    python tools/landing_picture.py

trains for a few minutes on MNIST and writes, always the same on one machine,

- ``book/extra/code_map/codes.png``: the codes of the test digits, coloured by digit;
- ``book/extra/code_map/drawings.png``: the decoder's drawings at a grid of points of that plane;
- ``book/landing/code_map.json``: the extent of the plane, and the digit most frequent around each
  point of the grid.

The network is the course's autoencoder, smaller, with one thing more: a little noise on the code
while it is trained, and a pull towards the centre. Then nearby codes have to draw alike, and the
plane has few empty places. Chapter 10 says why that is almost a variational autoencoder.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import aelib
from aelib import data, losses, models, plots, training

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "book" / "extra" / "code_map"
FACTS = ROOT / "book" / "landing" / "code_map.json"

NOISE, PULL = 0.15, 2.0  # standard deviation of the noise on a code; weight of its square
TILES, SIDE = 24, 28  # drawings along each axis of the plane; pixels along a drawing
PIXELS = 640  # along the map of codes
GREYS = 32  # levels of grey that are kept in the drawings


def objective(model: nn.Module, batch: training.Batch) -> dict[str, Tensor]:
    """Cross-entropy of a reconstruction from a disturbed code, and the pull to the centre."""
    z = model.encode(batch.x)
    x_hat = model.decode(z + NOISE * torch.randn_like(z))
    return {
        "cross-entropy": losses.cross_entropy(x_hat, batch.x).mean(),
        "pull": PULL * z.square().sum(1).mean(),
    }


def train() -> tuple[nn.Module, data.ImageSet]:
    """Return the trained network and the digits."""
    aelib.seed(0)
    digits = data.mnist()
    model = models.Autoencoder(hidden=(512, 256, 128), code=2, activation=nn.SiLU)
    history = training.fit(
        model,
        objective,
        digits.train,
        epochs=25,
        batch_size=256,
        lr=2e-3,
        schedule=training.warmup_cosine(0.05),
    )
    print(history)
    return model, digits


def extent(codes: np.ndarray) -> list[list[float]]:
    """Return [low, high] of each axis: all codes but a few in a thousand, and a small margin."""
    low, high = np.quantile(codes, [0.002, 0.998], axis=0)
    margin = 0.03 * (high - low)
    return np.stack([low - margin, high + margin], axis=1).round(3).tolist()


def grid(bounds: list[list[float]]) -> Tensor:
    """Return the codes of the grid, row by row from the top left, shape (TILES², 2)."""
    across = torch.linspace(*bounds[0], TILES)
    down = torch.linspace(*bounds[1], TILES).flip(0)
    y, x = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def drawings(model: nn.Module, points: Tensor) -> Image.Image:
    """Return the decoder's drawings at the points, as one sheet."""
    images = training.predict(model.decode, points).reshape(TILES, TILES, SIDE, SIDE)
    sheet = images.permute(0, 2, 1, 3).reshape(TILES * SIDE, TILES * SIDE).numpy()
    grey = (sheet * (GREYS - 1)).round() * (255 / (GREYS - 1))
    return Image.fromarray(grey.round().astype(np.uint8)).quantize(GREYS)


def map_of_codes(codes: np.ndarray, labels: np.ndarray, bounds: list[list[float]]) -> Image.Image:
    """Return the codes as a picture without background: points by digit, and each digit's name."""
    from matplotlib import patheffects
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PIXELS / 100, PIXELS / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set(xlim=bounds[0], ylim=bounds[1])
    order = np.random.default_rng(0).permutation(len(codes))
    colours = np.array(plots.DIGIT_COLOURS)[labels]
    axes.scatter(*codes[order].T, s=7, c=colours[order], linewidths=0)
    for digit in range(10):
        text = axes.text(
            *own_place(codes, labels, digit), str(digit), fontsize=26, weight="bold",
            ha="center", va="center", color="#111111",
        )  # fmt: skip
        text.set_path_effects([patheffects.withStroke(linewidth=5, foreground="white")])
    figure.patch.set_alpha(0)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).quantize(64)


def own_place(codes: np.ndarray, labels: np.ndarray, digit: int, radius: float = 0.4) -> np.ndarray:
    """Return that code of a digit around which its kind outnumbers all others most."""
    own = codes[labels == digit]
    close = ((own[:, None] - codes[None]) ** 2).sum(-1) < radius**2
    lead = np.where(labels == digit, 1, -1) @ close.T
    return own[lead.argmax()]


def nearest(codes: np.ndarray, labels: np.ndarray, points: np.ndarray, radius: float) -> str:
    """Return, for each point, the most frequent digit within the radius, or "." for none."""
    words = []
    for point in points:
        close = labels[((codes - point) ** 2).sum(1) < radius**2]
        words.append(str(np.bincount(close).argmax()) if len(close) >= 3 else ".")
    return "".join(words)


def main() -> None:
    """Train, draw and write."""
    model, digits = train()
    codes = training.predict(model.encode, digits.test).numpy()
    labels = digits.test.labels.numpy()
    bounds = extent(codes)
    points = grid(bounds)
    radius = max(high - low for low, high in bounds) / TILES
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawings(model, points).save(PICTURES / "drawings.png", optimize=True)
    map_of_codes(codes, labels, bounds).save(PICTURES / "codes.png", optimize=True)
    facts = {
        "extent": bounds,
        "tiles": TILES,
        "side": SIDE,
        "nearest": nearest(codes, labels, points.numpy(), radius),
    }
    FACTS.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    for path in (PICTURES / "codes.png", PICTURES / "drawings.png", FACTS):
        print(f"{path.stat().st_size / 1000:6.0f} kB  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
