"""What does a training loop cost? Five loops train the same network; a clock stands beside them.

The network is the VAE of ``pytorch/examples`` (784-400-20-400-784), the objective its negative
ELBO, the batch 128, the data MNIST. Every loop starts from the same weights, sees every image
once an epoch in a random order, uses Adam at 1e-3, and is scored by the same function on the
test set, so that no loop can win by learning less:

- ``bare``: the shortest loop over the images in memory, with fused Adam;
- ``aelib``: ``aelib.training.fit`` over the same images, with its progress bar on;
- ``dataloader``: the usual loop, a ``DataLoader`` over torchvision's set with ``ToTensor``;
- ``lightning``: the same ``DataLoader`` under Lightning's ``Trainer``;
- ``pythae``: Pythae's ``BaseTrainer``, on the images as floats in memory.

The last two are left out where the library is not installed.

All run in one process. The order turns by one place every round and reverses every second one,
so that no loop always runs first on a cool machine. Run it on an idle machine:

    python benchmarks/training_loop.py    # all of it, about 10 minutes
    python benchmarks/training_loop.py --images 6000 --rounds 2 --threads 1    # a look
    python benchmarks/training_loop.py --loops bare pythae --output benchmarks/results/pythae.json
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import math
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # so that the script runs from a clone that is not installed
    sys.path.insert(0, str(ROOT))

from aelib import data, losses, training

BATCH = 128
LEARNING_RATE = 1e-3
LIMITS = {"bare": 1.05, "dataloader": 0.35}  # aelib's seconds over theirs, at most


class VAE(nn.Module):
    """The network of ``pytorch/examples/vae``: 784-400-20-400-784, a mean and a log-variance."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.decoder = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        h = F.relu(self.hidden(x.flatten(1)))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(z).view_as(x), mean, log_variance


def negative_elbo(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Mean over the images of cross-entropy plus KL divergence, in nats; the same for all loops."""
    x_hat, mean, log_variance = model(x)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return (losses.cross_entropy(x_hat, x) + kl).mean()


# ----------------------------------------------------------------------------------- the loops
def bare(model: nn.Module, images: torch.Tensor, epochs: int, seed: int) -> None:
    """Nothing but what training needs: a permutation, a gather, a cast, a step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    torch.manual_seed(seed)
    model.train()
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(images)).split(BATCH):
            x = images[index].float().div_(255)
            loss = negative_elbo(model, x)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(index)


def with_aelib(model: nn.Module, images: torch.Tensor, epochs: int, seed: int) -> None:
    """The course's loop, as a chapter calls it."""
    split = data.Split(images, torch.zeros(len(images), dtype=torch.int64))
    training.fit(
        model,
        lambda model, batch: negative_elbo(model, batch.x),
        split,
        epochs=epochs,
        batch_size=BATCH,
        lr=LEARNING_RATE,
        seed=seed,
    )


def torchvision_set(images: torch.Tensor) -> torch.utils.data.Dataset:
    """Torchvision's MNIST with ``ToTensor``, as every tutorial makes it, cut to ``images``."""
    from torchvision import datasets, transforms

    whole = datasets.MNIST(ROOT / "data", train=True, transform=transforms.ToTensor())
    return torch.utils.data.Subset(whole, range(len(images))) if len(images) < 60_000 else whole


def with_dataloader(model: nn.Module, images: torch.Tensor, epochs: int, seed: int) -> None:
    """The loop of ``pytorch/examples/vae``: every image goes through PIL, every epoch."""
    loader = torch.utils.data.DataLoader(torchvision_set(images), batch_size=BATCH, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    torch.manual_seed(seed)
    model.train()
    for _ in range(epochs):
        total = 0.0
        for x, _label in loader:
            optimiser.zero_grad()
            loss = negative_elbo(model, x)
            loss.backward()
            total += loss.item() * len(x)
            optimiser.step()


def with_lightning(model: nn.Module, images: torch.Tensor, epochs: int, seed: int) -> None:
    """The same ``DataLoader`` under Lightning's ``Trainer``, without logger, bar or checkpoints."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
            return negative_elbo(self.model, batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    loader = torch.utils.data.DataLoader(torchvision_set(images), batch_size=BATCH, shuffle=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises worker processes and a logger
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        torch.manual_seed(seed)
        trainer.fit(Module(model), loader)


def with_pythae(model: nn.Module, images: torch.Tensor, epochs: int, seed: int) -> None:
    """Pythae's trainer, with the network's own layers in Pythae's encoder and decoder classes."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE as PythaeVAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([model.hidden, model.mean, model.log_variance])

        def forward(self, x: torch.Tensor) -> ModelOutput:
            hidden, mean, log_variance = self.parts
            h = F.relu(hidden(x.flatten(1)))
            return ModelOutput(embedding=mean(h), log_covariance=log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.part = model.decoder

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.part(z).view(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    logging.getLogger("pythae").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        options = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            seed=seed,
            no_cuda=True,
        )
        # without a validation set, the weights of the best epoch on the training set are kept
        options.keep_best_on_train = True
        pixels = images.float().div(255)
        trainer = BaseTrainer(
            PythaeVAE(config, Encoder(), Decoder()),
            BaseDataset(pixels, torch.zeros(len(pixels))),
            training_config=options,
        )
        trainer.train()


LOOPS: dict[str, Callable[[nn.Module, torch.Tensor, int, int], None]] = {
    "bare": bare,
    "aelib": with_aelib,
    "dataloader": with_dataloader,
    "lightning": with_lightning,
    "pythae": with_pythae,
}
OPTIONAL = ("lightning", "pythae")  # libraries that the course does not need


# --------------------------------------------------------------------------- the measurement
@torch.no_grad()
def test_loss(model: nn.Module, images: torch.Tensor) -> float:
    """Negative ELBO per test image, in nats, with the same noise for every loop."""
    torch.manual_seed(0)
    model.eval()
    total = 0.0
    for chunk in images.split(1000):
        total += negative_elbo(model, chunk.float() / 255).item() * len(chunk)
    return total / len(images)


def run_once(
    name: str, images: torch.Tensor, test_images: torch.Tensor, epochs: int, seed: int
) -> dict[str, float]:
    """Train a fresh network with one loop; seconds an epoch, and the loss on the test set."""
    torch.manual_seed(seed)  # the same start for every loop of a round
    model = VAE()
    with contextlib.redirect_stderr(io.StringIO()):  # the progress bar is drawn, but not shown
        wall, cpu = time.perf_counter(), time.process_time()
        LOOPS[name](model, images, epochs, seed)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    loss = test_loss(model, test_images)
    return {"seconds": wall / epochs, "cpu_seconds": cpu / epochs, "test_loss": loss}


def turn(names: list[str], round_: int) -> list[str]:
    """The order of one round: turned by one place every round, reversed in every second one."""
    k = round_ % len(names)
    order = names[k:] + names[:k]
    return order[::-1] if round_ % 2 else order


def measure(
    names: list[str],
    images: torch.Tensor,
    test_images: torch.Tensor,
    *,
    threads: int,
    rounds: int,
    epochs: int,
) -> dict[str, object]:
    """All loops, ``rounds`` times, on ``threads`` threads: medians, ratios and every single run."""
    torch.set_num_threads(threads)
    for name in names:  # first calls pay for imports, allocations and thread pools
        run_once(name, images[: 10 * BATCH], test_images[:1000], 1, seed=0)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for round_ in range(rounds):
        for name in turn(names, round_):
            result = run_once(name, images, test_images, epochs, seed=round_)
            runs[name].append(result)
            print(
                f"  round {round_ + 1}/{rounds}  {name:<11} {result['seconds']:7.2f} s an epoch"
                f"   test loss {result['test_loss']:.2f}",
                flush=True,
            )
    loops = {
        name: {
            "seconds_an_epoch": round(statistics.median(r["seconds"] for r in results), 4),
            "cpu_seconds_an_epoch": round(statistics.median(r["cpu_seconds"] for r in results), 4),
            "test_loss": round(statistics.median(r["test_loss"] for r in results), 4),
            "every_seconds": [round(r["seconds"], 4) for r in results],
            "every_test_loss": [round(r["test_loss"], 4) for r in results],
        }
        for name, results in runs.items()
    }
    ours = loops["aelib"]
    ratios = {}
    for name in names:
        if name == "aelib":
            continue
        pairs = [
            a["seconds"] / b["seconds"] for a, b in zip(runs["aelib"], runs[name], strict=True)
        ]
        ratios[name] = {
            "aelib_over_it": round(ours["seconds_an_epoch"] / loops[name]["seconds_an_epoch"], 4),
            "least_of_rounds": round(min(pairs), 4),
            "most_of_rounds": round(max(pairs), 4),
            "limit": LIMITS.get(name),
            "loss_difference": round(ours["test_loss"] - loops[name]["test_loss"], 4),
        }
    return {"threads": threads, "loops": loops, "ratios": ratios}


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str | None]:
    """The versions that the numbers depend on; None for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("torch", "torchvision", "numpy", *OPTIONAL):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def table(report: dict) -> str:
    """The report as a Markdown table, one for each number of threads."""
    lines = []
    for part in report["measurements"]:
        lines += [
            "",
            f"{part['threads']} thread{'s' if part['threads'] > 1 else ''}",
            "",
            "| loop | seconds an epoch | test loss (nats) | `aelib` over it | at most |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for name, loop in part["loops"].items():
            ratio = part["ratios"].get(name, {})
            limit = ratio.get("limit")
            lines.append(
                f"| {name} | {loop['seconds_an_epoch']:.2f} | {loop['test_loss']:.2f}"
                f" | {format(ratio['aelib_over_it'], '.3f') if ratio else ''}"
                f" | {limit if limit else ''} |"
            )
    return "\n".join(lines)


def verdict(report: dict) -> list[str]:
    """One line for every expectation that this measurement misses; empty when all hold."""
    missed = []
    for part in report["measurements"]:
        for name, ratio in part["ratios"].items():
            if ratio["limit"] and ratio["aelib_over_it"] > ratio["limit"]:
                missed.append(
                    f"{part['threads']} thread(s): aelib takes {ratio['aelib_over_it']:.3f} times"
                    f" {name}, more than {ratio['limit']}"
                )
            if abs(ratio["loss_difference"]) > 0.02 * part["loops"][name]["test_loss"]:
                missed.append(
                    f"{part['threads']} thread(s): aelib's test loss differs from that of {name}"
                    f" by {ratio['loss_difference']:+.2f} nats, so their times do not compare"
                )
    return missed


def positive(text: str) -> int:
    """A whole number of at least one, or a message for the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=positive, default=5, help="rounds (default 5)")
    parser.add_argument("--epochs", type=positive, default=1, help="epochs a run (default 1)")
    parser.add_argument(
        "--threads", type=positive, nargs="+", default=[1, 2], help="thread counts (default 1 2)"
    )
    parser.add_argument(
        "--images", type=positive, default=60_000, help="training images (default all 60000)"
    )
    parser.add_argument(
        "--loops", nargs="+", choices=list(LOOPS), default=list(LOOPS), help="which loops"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "benchmarks" / "results" / "training_loop.json",
        help="where the JSON goes",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 when an expectation is missed"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, write the JSON."""
    options = arguments(argv)
    names = [name for name in LOOPS if name in options.loops or name == "aelib"]
    for name in OPTIONAL:
        if name in names and versions()[name] is None:
            names.remove(name)
            print(f"{name} is not installed and is left out: pip install {name} adds it.")
    if max(options.threads) > processors():
        print(
            f"Only {processors()} processor(s) to run on: more threads than that show contention,"
            " not the loop."
        )
    mnist = data.mnist()
    images = mnist.train.images[: options.images]
    measurements = []
    for threads in options.threads:
        print(f"{threads} thread(s), {len(images)} images, {options.rounds} rounds", flush=True)
        part = measure(
            names,
            images,
            mnist.test.images,
            threads=threads,
            rounds=options.rounds,
            epochs=options.epochs,
        )
        measurements.append(part)
    report = {
        "network": "VAE 784-400-20-400-784",
        "batch_size": BATCH,
        "images": len(images),
        "epochs": options.epochs,
        "rounds": options.rounds,
        "processors": processors(),
        "versions": versions(),
        "measurements": measurements,
    }
    assert all(
        math.isfinite(loop["test_loss"]) for part in measurements for loop in part["loops"].values()
    ), "a loop diverged"
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(report))
    missed = verdict(report)
    print("\n" + ("\n".join(missed) if missed else "All expectations hold."))
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    raise SystemExit(main())
