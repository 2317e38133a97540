"""Train the networks in data/models, and measure them.

Chapter 11 trains a VAE and a GAN on cartoon faces for a minute or two. Here the same networks are
trained for about fifteen minutes each on one core, with the losses that the chapter writes out; and
for three minutes the network that judges both, which knows the attributes of a face.

    python tools/train_faces.py attributes    # first: the other two are measured by it
    python tools/train_faces.py vae
    python tools/train_faces.py gan
    python tools/train_faces.py scores        # writes data/models/scores.json, prints the SHA-256
    python tools/train_faces.py --check       # measures the stored networks and compares

Training may be stopped at any time: the next start goes on after the last whole epoch, from a
checkpoint in `_build/faces_models`. The seed is fixed, but another processor or another number of
threads rounds otherwise, so that a second training gives another, equally good network.

Choices are made on 1,000 faces held out of the training set. The scores are those of the 1,000 test
faces. Weights are stored with 16 bits a number, and the scores are those of the stored ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from aelib import data, losses, metrics, models, training

ROOT = Path(__file__).resolve().parents[1]
FOLDER, WORK = ROOT / "data" / "models", ROOT / "_build" / "faces_models"
NAMES = ("faces_attributes", "faces_vae", "faces_gan")
VALIDATION = 1000

ATTRIBUTES = {"epochs": 10, "batch_size": 64, "lr": 3e-3}
VAE = {"epochs": 40, "batch_size": 64, "lr": 2e-3}
VARIANCE = 0.05
GAN = {"epochs": 24, "batch_size": 32}  # the best was the 18th; up to the 38th none was better
GAN_RATE, GAN_BETAS, SMOOTHING = 5e-4, (0.5, 0.999), 0.1


def faces() -> tuple[data.ImageSet, data.Split, data.Split]:
    """The faces at 32×32; those to learn from; those to choose by."""
    everything = data.cartoon_faces(32)
    return everything, *everything.hold_out(VALIDATION)


def new_network(name: str) -> torch.nn.Module:
    """One of the three, untrained, from the same seed every time."""
    torch.manual_seed(0)
    if name == "faces_attributes":
        values = data.cartoon_faces(32).attribute_values
        return models.AttributeNetwork({part: len(names) for part, names in values.items()})
    return models.ConvolutionalVAE() if name == "faces_vae" else models.GAN()


def stored_network(name: str, folder: Path = FOLDER) -> torch.nn.Module:
    """One of the three as it is stored, in evaluation mode."""
    state = load_file(folder / f"{name}.safetensors")
    model = new_network(name)
    model.load_state_dict(state)
    return model.eval()


def store(name: str, state: dict[str, torch.Tensor]) -> None:
    """Write weights with 16 bits a number."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    small = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file({k: v.contiguous() for k, v in small.items()}, FOLDER / f"{name}.safetensors")


def train_attributes() -> None:
    """All ten attributes at once, from faces that are moved by a pixel."""
    _, train, _ = faces()
    names = list(train.attributes)

    def objective(model, batch):
        x = data.shift(batch.x) if model.training else batch.x
        logits = model(x)
        return {n: functional.cross_entropy(logits[n], batch.y[:, i]) for i, n in enumerate(names)}

    model = new_network("faces_attributes")
    training.fit(
        model,
        objective,
        (train.images, torch.stack(list(train.attributes.values()), dim=1)),
        schedule=training.warmup_cosine(),
        checkpoint=WORK / "attributes.safetensors",
        **ATTRIBUTES,
    )
    store("faces_attributes", model.state_dict())


def train_vae() -> None:
    """Squared error / 2σ² and the KL divergence to the prior."""
    _, train, validation = faces()

    def objective(model, batch):
        mean, log_variance = model.posterior(batch.x)
        x_hat = model.decode(models.reparameterise(mean, log_variance))
        return {
            "reconstruction": losses.squared_error(x_hat, batch.x).mean() / (2 * VARIANCE),
            "KL": losses.kl_to_standard_normal(mean, log_variance).mean(),
        }

    model = new_network("faces_vae")
    training.fit(
        model,
        objective,
        train,
        schedule=training.warmup_cosine(),
        on_epoch=report(lambda: model.decode, validation),
        checkpoint=WORK / "vae.safetensors",
        **VAE,
    )
    store("faces_vae", model.state_dict())


def train_gan() -> None:
    """The non-saturating game, the true faces' labels smoothed; the best epoch is kept."""
    _, train, validation = faces()
    best = WORK / "gan_best.safetensors"

    def discriminator(model, batch):
        with torch.no_grad():
            fake = model.generator(torch.randn(len(batch.x), model.code))
        real, fake = model.discriminate(batch.x), model.discriminate(fake)
        return (losses.discriminator_loss(real, fake) + SMOOTHING * real).mean()

    def generator(model, batch):
        model.follow(0.002)
        fake = model.generator(torch.randn(len(batch.x), model.code))
        return losses.generator_loss(model.discriminate(fake)).mean()

    def adam(parameters):
        return torch.optim.Adam(parameters, lr=GAN_RATE, betas=GAN_BETAS, fused=True)

    def keep(epoch, model):
        distance = measure(epoch, model)
        note = WORK / "gan_best.json"
        before = json.loads(note.read_text()) if note.exists() else {"frechet": float("inf")}
        if epoch and distance < before["frechet"]:
            save_file(model.state_dict(), best)
            note.write_text(json.dumps({"epoch": epoch, "frechet": distance}))

    model = new_network("faces_gan")
    measure = report(lambda: model.generate, validation)
    players = [
        training.Player("discriminator", discriminator, lambda m: m.discriminator.parameters()),
        training.Player("generator", generator, lambda m: m.generator.parameters()),
    ]
    training.fit(
        model,
        players,
        train,
        optimiser=adam,
        on_epoch=keep,
        checkpoint=WORK / "gan.safetensors",
        **GAN,
    )
    store("faces_gan", load_file(best))


def report(decoder, validation: data.Split):
    """Prints after each epoch how far samples are from the faces held out; returns the distance."""
    judge = stored_network("faces_attributes")
    real = training.predict(judge.features, validation)

    def on_epoch(epoch: int, model: torch.nn.Module) -> float:
        found = score(sample(decoder()), real, judge)
        print(epoch, {k: round(v, 3) for k, v in found.items()}, flush=True)
        return found["frechet"]

    return on_epoch


def sample(decode, codes: torch.Tensor | None = None, count: int = VALIDATION) -> torch.Tensor:
    """Images from the same draws every time, of the prior or of a Gaussian fitted to codes."""
    z = torch.randn(count, 64, generator=torch.Generator().manual_seed(1))
    if codes is not None:
        z = codes.mean(0) + z @ torch.linalg.cholesky(codes.T.cov()).T
    return training.predict(decode, z)


def codes_of(vae: models.ConvolutionalVAE, train: data.Split) -> torch.Tensor:
    """One draw of each training face's posterior: draws of the aggregate posterior."""
    mean, log_variance = training.predict(vae.encoder, train).chunk(2, dim=1)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(2))
    return mean + (log_variance / 2).exp() * noise


def score(images: torch.Tensor, real: torch.Tensor, judge: torch.nn.Module) -> dict[str, float]:
    """Of images in [0, 1], against the features of real ones."""
    made = training.predict(judge.features, images)
    return {
        "frechet": metrics.frechet_distance(made, real),
        "sharpness": float(metrics.sharpness(images).mean()),
        "coverage": metrics.coverage(made, real),
    }


def scores(folder: Path = FOLDER) -> dict[str, dict[str, float]]:
    """What the stored networks reach on the test faces, and what faces themselves reach."""
    everything, train, validation = faces()
    judge = stored_network("faces_attributes", folder)
    test = everything.test
    real = training.predict(judge.features, test)
    with torch.no_grad():
        logits = judge(test.pixels)
    found = {
        "accuracy": {
            part: metrics.accuracy(logits[part].argmax(1), truth)
            for part, truth in test.attributes.items()
        },
        "faces held out": score(validation.pixels, real, judge),
    }
    vae, gan = stored_network("faces_vae", folder), stored_network("faces_gan", folder)
    error = losses.squared_error(training.predict(vae, test), test.pixels).mean().item()
    pictures = {"faces held out": validation.pixels}
    for name, images in (
        ("VAE", sample(vae.decode)),
        ("VAE, codes from a Gaussian fitted to codes", sample(vae.decode, codes_of(vae, train))),
        ("GAN", sample(gan.generate)),
    ):
        pictures[name] = images
        found[name] = score(pictures[name], real, judge)
    found["VAE"]["squared error of test faces"] = error
    for name, images in pictures.items():
        _, distances = metrics.nearest_images(images, train.pixels)
        found[name]["distance to the nearest training face"] = float(distances.mean())
    return found


def rounded(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """To what is the same on another processor."""
    return {
        kind: {name: round(value, 3) for name, value in numbers.items()}
        for kind, numbers in found.items()
    }


def check(found: dict[str, dict[str, float]]) -> list[str]:
    """Where measured scores are not those on record, by more than rounding explains."""
    recorded = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))
    return [
        f"{kind}, {name}: {value:.3f} on record, {found[kind][name]:.3f} measured"
        for kind, numbers in recorded.items()
        for name, value in numbers.items()
        if abs(value - found[kind][name]) > 0.005 + 0.01 * abs(value)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", nargs="?", choices=["attributes", "vae", "gan", "scores"])
    parser.add_argument("--check", action="store_true", help="compare with what is stored")
    arguments = parser.parse_args()
    if arguments.check:
        wrong = check(scores())
        print("\n".join(wrong) or "the scores are those on record")
        return bool(wrong)
    if arguments.step is None:
        parser.error("name a step, or --check")
    WORK.mkdir(parents=True, exist_ok=True)
    if arguments.step != "scores":
        {"attributes": train_attributes, "vae": train_vae, "gan": train_gan}[arguments.step]()
        return 0
    text = json.dumps(rounded(scores()), indent=2) + "\n"
    (FOLDER / "scores.json").write_text(text, encoding="utf-8")
    print(text)
    for name in NAMES:
        content = (FOLDER / f"{name}.safetensors").read_bytes()
        print(
            f"| `{name}.safetensors` | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
