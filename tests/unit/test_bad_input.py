"""Every public function is given input that makes no sense, and must say so clearly.

:data:`CASES` has an entry for each of them; the first test fails when one is missing, so that a new
function cannot come without its bad input.
"""

import math

import numpy as np
import pytest
import torch
from test_import import public
from torch import nn

import aelib
from aelib import (
    checks,
    corruption,
    data,
    losses,
    metrics,
    models,
    plots,
    projector,
    questions,
    training,
    widgets,
)

X = torch.rand(4, 1, 3, 3)
BYTES = (X * 255).to(torch.uint8)
LABELS = torch.arange(4)
SPLIT = data.Split(BYTES, LABELS)
IMAGES = data.ImageSet("x", SPLIT, SPLIT, tuple("0123"), "nobody", "CC0")
NET = models.Autoencoder(hidden=(4,), code=2, shape=(1, 3, 3))
VAE = models.VAE(hidden=(4,), code=2, shape=(1, 3, 3))
AAE = models.AdversarialAutoencoder((4,), 2, (4,), labels=3, shape=(1, 3, 3))
DROPPED = models.DropoutAutoencoder(hidden=(4,), code=2, shape=(1, 3, 3))
CVAE = models.ConvolutionalVAE(code=2, width=2, shape=(1, 8, 8))
GAN = models.GAN(code=2, width=2, shape=(1, 8, 8))
JUDGE = models.AttributeNetwork({"hair": 3}, features=4, width=2, shape=(1, 8, 8))
PCA = models.PCA(2, (1, 3, 3))
PAST = training.History([{"loss": 1.0}])
WHY = "It is so for a reason that is long enough."
YES, ALWAYS, NO, NEVER = (
    questions.Option(text, text in {"yes", "always"}, WHY)
    for text in ("yes", "always", "no", "never")
)
CODES = np.zeros((4, 2))
SPACE = np.eye(4, 3)
ALT = "A line falls from ten to one over three epochs, then stays flat."


def squared(model, batch):
    return losses.squared_error(model(batch.x), batch.x).mean()


def fit(**options):
    defaults = {"model": NET, "objective": squared, "data": SPLIT, "epochs": 1, "progress": False}
    return training.fit(**defaults | options)


def bad_losses(loss):
    return [
        (lambda: loss(X, X[:, :, :2]), ValueError, r"\(4, 1, 3, 3\).*\(4, 1, 2, 3\).*same shape"),
        (lambda: loss(X[0, 0, 0], X[0, 0, 0]), ValueError, r"batch.*x\[None\]"),
        (lambda: loss(X, BYTES), TypeError, "uint8.*255"),
        (lambda: loss(BYTES, BYTES), TypeError, "uint8.*255"),
        (lambda: loss(X, X.numpy()), TypeError, "ndarray"),
        (lambda: loss(X, None), TypeError, "NoneType"),
    ]


def bad_amounts(corrupt):
    return [
        (lambda: corrupt(BYTES, 0.5), TypeError, "uint8.*255"),
        (lambda: corrupt(X.numpy(), 0.5), TypeError, "ndarray"),
        (lambda: corrupt(X, -0.1), ValueError, "-0.1"),
        (lambda: corrupt(X, math.nan), ValueError, "nan"),
        (lambda: corrupt(X, math.inf), ValueError, "inf"),
        (lambda: corrupt(X, torch.tensor([0.5, -1.0])), ValueError, "-1"),
    ]


def too_much(corrupt):
    return [(lambda: corrupt(X, 1.5), ValueError, "from 0 to 1; got 1.5")]


def bad_pairs(metric):
    return [
        (lambda: metric(X, X[:3]), ValueError, r"\(4, 1, 3, 3\).*\(3, 1, 3, 3\)"),
        (lambda: metric(X[:0], X[:0]), ValueError, "N > 0"),
        (lambda: metric(0.5, 0.5), ValueError, r"\(N, ...\)"),
        (lambda: metric(X * math.nan, X), ValueError, "NaN"),
        (lambda: metric(X, BYTES), ValueError, "Divide uint8 by 255"),
    ]


def bad_clouds(distance):
    return [
        (lambda: distance(CODES, np.zeros((4, 3))), ValueError, "2 and of 3 numbers"),
        (lambda: distance(np.zeros(4), CODES), ValueError, r"a must be.*\(4,\)"),
        (lambda: distance(CODES, CODES[:0]), ValueError, "b must be"),
        (lambda: distance(CODES, CODES * math.nan), ValueError, "b holds NaN"),
    ]


def iw_bound(model=None, x=X, samples=1):
    return metrics.importance_weighted_bound(model or VAE, x, samples, losses.squared_error)


def bad_normals(kl, count):
    def call(*changed):
        return kl(*changed, *[torch.from_numpy(CODES)] * (count - len(changed)))

    return [
        (lambda: call(torch.zeros(4, 3)), ValueError, r"\(4, 3\) and \(4, 2\)"),
        (lambda: kl(*[torch.zeros(4)] * count), ValueError, r"\(N, k\); got \(4,\)"),
        (lambda: call(LABELS), TypeError, "int64"),
        (lambda: call(CODES), TypeError, "ndarray"),
        (lambda: call(None), TypeError, "NoneType"),
    ]


def cloud(**options):
    defaults = {"clouds": {"PCA": SPACE}, "labels": LABELS, "images": BYTES, "alt": ALT}
    return widgets.PointCloud(**defaults | options)


DIGITS = torch.linspace(0, 1, 7840).reshape(10, 1, 28, 28)


def draw_digit(**options):
    defaults = {"images": DIGITS, "labels": torch.arange(10), "examples": DIGITS, "alt": ALT}
    model = models.Autoencoder(hidden=(4,))
    return widgets.DrawDigit(**{"model": model} | defaults | options)


def over_training(**options):
    codes = torch.linspace(-1, 1, 60).reshape(2, 10, 3)
    defaults = {"runs": {"one": codes}, "labels": torch.arange(10), "draws": codes, "alt": ALT}
    return widgets.CodesOverTraining(**defaults | options)


def code_size(**options):
    nets = {"small": {2: models.Autoencoder((4,), 2)}}
    defaults = {"pca": models.PCA(4).fit(DIGITS), "autoencoders": nets, "largest": 4, "alt": ALT}
    defaults |= {"images": DIGITS, "labels": torch.arange(10)}
    defaults["errors"] = {"PCA": [4, 3, 2, 1], "small": {2: 3.5}}
    return widgets.CodeSize(**defaults | options)


def denoise(**options):
    defaults = {"images": DIGITS, "labels": torch.arange(10), "examples": DIGITS, "alt": ALT}
    defaults |= {"model": models.Autoencoder((4,)), "trained": "σ = 0.5"}
    return widgets.Denoise(**defaults | options)


def dropout_mask(**options):
    defaults = {"images": DIGITS, "labels": torch.arange(10), "alt": ALT, "drawn": 4}
    defaults["models"] = {"rate 0.5": models.DropoutAutoencoder(code=8, on_code=0.5)}
    return widgets.DropoutMask(**defaults | options)


def face_walk(**options):
    codes = torch.linspace(-1, 1, 60).reshape(10, 6) ** 3
    defaults = {"codes": codes, "faces": codes[:3], "directions": {"hat": codes[4]}, "alt": ALT}
    net = models.growing(6, 2, (3, 8, 8)).eval()
    return widgets.FaceWalk(**{"decoder": net} | defaults | options)


def one_draw(**options):
    defaults = {"images": DIGITS.round(), "labels": torch.arange(10), "examples": DIGITS}
    nets = {"vae": models.VAE((4,), 3), "auto": models.Autoencoder((4,), 3)}
    return widgets.OneDraw(**nets | defaults | {"alt": ALT} | options)


def export(**options):
    # /dev/null is no folder: what gets past the checks fails there and writes nothing
    defaults = {"folder": "/dev/null", "vectors": CODES, "labels": LABELS}
    return projector.export(**defaults | options)


def bad_logits(loss):
    return [
        (lambda: loss(X[:, 0, 0]), ValueError, r"\(4, 3\).*squeeze"),
        (lambda: loss(LABELS), TypeError, "int64"),
        (lambda: loss(CODES), TypeError, "ndarray"),
        (lambda: loss(None), TypeError, "NoneType"),
    ]


def bad_rates(make):
    return [
        (lambda: make(1), ValueError, "below 1; got 1"),
        (lambda: make(1.5), ValueError, "below 1; got 1.5"),
        (lambda: make(-0.1), ValueError, "at least 0.*-0.1"),
        (lambda: make(math.nan), ValueError, "nan"),
        (lambda: make("half"), ValueError, "'half'"),
        (lambda: make(None), ValueError, "None"),
    ]


def bad_widths(make):
    return [
        (lambda: make(0), ValueError, "positive whole"),
        (lambda: make(-2), ValueError, "positive whole"),
        (lambda: make(2.5), ValueError, "positive whole"),
        (lambda: make("2"), ValueError, "positive whole"),
        (lambda: make(None), ValueError, "positive whole"),
    ]


def bad_convolutions(make):
    """make(shape, width, numbers)"""
    return [
        *bad_widths(lambda width: make((3, 8, 8), width, 2)),
        *bad_widths(lambda numbers: make((3, 8, 8), 2, numbers)),
        *bad_widths(lambda channels: make((channels, 8, 8), 2, 2)),
        (lambda: make((3, 28, 28), 2, 2), ValueError, r"power of two.*\(3, 28, 28\)"),
        (lambda: make((3, 8, 16), 2, 2), ValueError, r"square.*\(3, 8, 16\)"),
        (lambda: make((3, 4, 4), 2, 2), ValueError, "from 8"),
        (lambda: make((8, 8), 2, 2), ValueError, r"\(C, H, W\)"),
        (lambda: make(32, 2, 2), TypeError, ""),
    ]


def bad_batches(call):
    """Torch's own words say what does not fit; what counts is that nothing comes out."""
    return [
        (lambda: call(torch.rand(4, 7)), RuntimeError, "7"),
        (lambda: call(torch.rand(4, 7, dtype=torch.float64)), RuntimeError, "7|[Dd]ouble"),
    ]


CASES = {
    "seed": [
        (lambda: aelib.seed(-1), ValueError, "whole number.*-1"),
        (lambda: aelib.seed(2**32), ValueError, "2\\*\\*32"),
        (lambda: aelib.seed(1.5), ValueError, "1.5"),
        (lambda: aelib.seed("a"), ValueError, "'a'"),
        (lambda: aelib.seed(None), ValueError, "None"),
        (lambda: aelib.seed(True), ValueError, "True"),
    ],
    # ------------------------------------------------------------------------------------ data
    "data.Split": [
        (lambda: data.Split(X, LABELS), ValueError, "uint8.*float32"),
        (lambda: data.Split(BYTES[:, 0], LABELS), ValueError, r"\(N, C, H, W\).*\(4, 3, 3\)"),
        (lambda: data.Split(BYTES, LABELS[:3]), ValueError, r"\(4,\).*\(3,\)"),
        (lambda: data.Split(BYTES, LABELS.float()), ValueError, "int64.*float32"),
        (lambda: data.Split(BYTES[:0], LABELS[:0]), ValueError, "empty"),
        (lambda: data.Split(BYTES, LABELS, {"hair": LABELS[:3]}), ValueError, r"hair.*\(3,\)"),
        (lambda: data.Split(BYTES, LABELS, {"hair": LABELS > 0}), ValueError, "hair.*bool"),
        (lambda: SPLIT[4], IndexError, "4"),
        (lambda: SPLIT[[0, 9]], IndexError, "9"),
        (lambda: SPLIT[4:], ValueError, "empty"),
        (lambda: SPLIT[1.5], (IndexError, TypeError), "ind|type"),
    ],
    "data.Split.sample": [
        (lambda: SPLIT.sample(0), ValueError, "1 to 4.*n=0"),
        (lambda: SPLIT.sample(5), ValueError, "1 to 4.*n=5"),
        (lambda: SPLIT.sample(1.5), TypeError, ""),
    ],
    "data.Split.of": [(lambda: SPLIT.of(7), ValueError, r"label 7.*\[0, 1, 2, 3\]")],
    "data.Split.to": [(lambda: SPLIT.to("banana"), RuntimeError, "banana|device")],
    "data.ImageSet": [(lambda: data.ImageSet("x"), TypeError, "missing")],
    "data.ImageSet.hold_out": [
        (lambda: IMAGES.hold_out(0), ValueError, "1 to 3.*n=0"),
        (lambda: IMAGES.hold_out(4), ValueError, "1 to 3.*n=4"),
    ],
    "data.cartoon_faces": [  # files and the network: see test_faces.py
        (lambda: data.cartoon_faces(28), ValueError, "64, 32 or 16.*28"),
        (lambda: data.cartoon_faces(32.0), ValueError, "64, 32 or 16.*32.0"),
        (lambda: data.cartoon_faces("64"), ValueError, "64, 32 or 16.*'64'"),
        (lambda: data.cartoon_faces(root=3), TypeError, "int"),
    ],
    "data.large_faces": [(lambda: data.large_faces(3), TypeError, "int")],
    "data.image_folder": [  # pictures: see test_image_folder.py
        (lambda: data.image_folder("/no/such/folder"), FileNotFoundError, "no folder /no/such"),
        (lambda: data.image_folder(__file__), NotADirectoryError, "is a file.*unpacked"),
        (lambda: data.image_folder(".", size=0), ValueError, "size.*at least 1.*0"),
        (lambda: data.image_folder(".", size=32.0), ValueError, "size.*32.0"),
        (lambda: data.image_folder(".", size=True), ValueError, "size.*True"),
        (lambda: data.image_folder(".", test=0), ValueError, "test.*above 0.*0"),
        (lambda: data.image_folder(".", test=1), ValueError, "test.*below 1.*1"),
        (lambda: data.image_folder(None), TypeError, "NoneType"),
    ],
    "data.mnist": [(lambda: data.mnist(3), TypeError, "int")],  # files: see test_data.py
    "data.weights": [  # files and the network: see test_weights.py
        (lambda: data.weights("faces"), ValueError, "faces_attributes, faces_vae.*'faces'"),
        (lambda: data.weights(None), ValueError, "None"),
        (lambda: data.weights("faces_vae", 3), TypeError, "int"),
    ],
    "data.shift": [
        (lambda: data.shift(X[0]), ValueError, r"\(N, C, H, W\).*\(1, 3, 3\)"),
        (lambda: data.shift(X, -1), ValueError, "at least 0.*-1"),
        (lambda: data.shift(X, 0.5), ValueError, "whole number.*0.5"),
    ],
    # ---------------------------------------------------------------------------------- models
    "models.mlp": [
        *bad_widths(lambda width: models.mlp((3, width, 2))),
        (lambda: models.mlp((3,)), ValueError, "at least two"),
        (lambda: models.mlp(3), TypeError, ""),
        (lambda: models.mlp((3, 2, 1), activation=None), TypeError, ""),
    ],
    "models.Autoencoder": [
        *bad_widths(lambda width: models.Autoencoder(code=width)),
        *bad_widths(lambda width: models.Autoencoder(hidden=(width,))),
        *bad_widths(lambda width: models.Autoencoder(shape=(1, width, 3)))[:2],
        (lambda: models.Autoencoder(hidden=5), TypeError, ""),
        (lambda: models.Autoencoder(shape=784), TypeError, ""),
    ],
    "models.Autoencoder.encode": bad_batches(NET.encode),
    "models.Autoencoder.decode": bad_batches(NET.decode),
    "models.Autoencoder.forward": bad_batches(NET),
    "models.AdversarialAutoencoder": [
        *bad_widths(lambda width: models.AdversarialAutoencoder(critic=(width,))),
        *bad_widths(lambda width: models.AdversarialAutoencoder(code=width)),
        (lambda: models.AdversarialAutoencoder(labels=-1), ValueError, "at least 0; got -1"),
        (lambda: models.AdversarialAutoencoder(labels=None), ValueError, "None"),
        (lambda: models.AdversarialAutoencoder(depth=3), TypeError, "depth"),
    ],
    "models.AdversarialAutoencoder.discriminate": [
        *bad_batches(AAE.discriminate),
        (lambda: AAE.discriminate(torch.rand(4, 2)), RuntimeError, "5"),
        (lambda: AAE.discriminate(torch.rand(4, 2), torch.rand(4, 4)), RuntimeError, "5"),
        (lambda: AAE.discriminate(torch.rand(4, 2), torch.rand(3, 3)), RuntimeError, "4.*3"),
    ],
    "models.VAE": [
        *bad_widths(lambda width: models.VAE(hidden=(width,))),
        *bad_widths(lambda width: models.VAE(code=width))[:3],
        (lambda: models.VAE(hidden=5), TypeError, ""),
    ],
    "models.VAE.posterior": bad_batches(VAE.posterior),
    "models.VAE.encode": bad_batches(VAE.encode),
    "models.VAE.decode": bad_batches(VAE.decode),
    "models.VAE.forward": bad_batches(VAE),
    "models.shrinking": bad_convolutions(models.shrinking),
    "models.growing": bad_convolutions(lambda shape, w, n: models.growing(n, w, shape)),
    "models.ConvolutionalVAE": bad_convolutions(
        lambda shape, width, code: models.ConvolutionalVAE(code, width, shape)
    ),
    "models.GAN": bad_convolutions(lambda shape, width, code: models.GAN(code, width, shape)),
    "models.GAN.generate": bad_batches(GAN.generate),
    "models.GAN.discriminate": [
        *bad_batches(GAN.discriminate),
        (lambda: GAN.discriminate(torch.rand(4, 3, 8, 8)), RuntimeError, "channels"),
    ],
    "models.GAN.follow": [
        (lambda: GAN.follow(0), ValueError, "above 0.*got 0"),
        (lambda: GAN.follow(1.5), ValueError, "at most 1; got 1.5"),
        (lambda: GAN.follow(math.nan), ValueError, "nan"),
    ],
    "models.AttributeNetwork": [
        *bad_widths(lambda n: models.AttributeNetwork({"hair": n})),
        *bad_widths(lambda n: models.AttributeNetwork({"hair": 2}, n)),
        (lambda: models.AttributeNetwork({}), ValueError, "at least one attribute"),
        (lambda: models.AttributeNetwork(["hair"]), AttributeError, "values"),
        (lambda: models.AttributeNetwork({"hair": 2}, shape=(3, 4, 4)), ValueError, "from 8"),
    ],
    "models.AttributeNetwork.features": bad_batches(JUDGE.features),
    "models.AttributeNetwork.forward": bad_batches(JUDGE),
    "models.reparameterise": [
        (lambda: models.reparameterise(X, X[:, :, :2]), RuntimeError, "size"),
        (lambda: models.reparameterise(BYTES, BYTES), RuntimeError, ""),
        (lambda: models.reparameterise(X, None), TypeError, "NoneType"),
    ],
    "models.LinearAutoencoder": bad_widths(lambda width: models.LinearAutoencoder(width)),
    "models.LogisticPCA": bad_widths(lambda width: models.LogisticPCA(width)),
    "models.Dropout": bad_rates(models.Dropout),
    "models.Dropout.forward": [(lambda: models.Dropout(0.5)(BYTES), RuntimeError, "Byte|dtype")],
    "models.DropoutAutoencoder": [
        *bad_widths(lambda width: models.DropoutAutoencoder(code=width)),
        *bad_widths(lambda width: models.DropoutAutoencoder(hidden=(width,))),
        *bad_rates(lambda rate: models.DropoutAutoencoder(on_input=rate)),
        *bad_rates(lambda rate: models.DropoutAutoencoder(on_hidden=rate)),
        *bad_rates(lambda rate: models.DropoutAutoencoder(on_code=rate)),
    ],
    "models.DropoutAutoencoder.encode": bad_batches(DROPPED.encode),
    "models.DropoutAutoencoder.decode": bad_batches(DROPPED.decode),
    "models.principal_components": [
        (lambda: models.principal_components(torch.rand(5, 4), 5), ValueError, "from 1 to D.*5"),
        (lambda: models.principal_components(torch.rand(5, 4), 0), ValueError, "from 1 to D.*0"),
        (lambda: models.principal_components(torch.rand(1, 4), 1), ValueError, "N >= 2"),
        (lambda: models.principal_components(torch.rand(5), 1), ValueError, r"\(N, D\)"),
        (
            lambda: models.principal_components(float("nan") * torch.ones(5, 4), 1),
            ValueError,
            "not all",
        ),
    ],
    "models.PCA": [
        (lambda: models.PCA(0), ValueError, "from 1 to 784.*0"),
        (lambda: models.PCA(785), ValueError, "from 1 to 784.*785"),
        (lambda: models.PCA(2.5), (TypeError, ValueError), ""),
    ],
    "models.PCA.fit": [
        (lambda: PCA.fit(X[:1]), ValueError, r"at least two.*\(1, 1, 3, 3\)"),
        (lambda: PCA.fit(X[:0]), ValueError, "at least two"),
        (lambda: PCA.fit(X[:, :, :2]), ValueError, r"\(1, 3, 3\).*\(4, 1, 2, 3\)"),
        (lambda: PCA.fit(X.flatten(1)), ValueError, r"\(1, 3, 3\).*\(4, 9\)"),
        (lambda: PCA.fit(X * math.nan), ValueError, "NaN"),
        (lambda: PCA.fit(BYTES), (TypeError, ValueError), "uint8.*255"),
        (lambda: PCA.fit(X.numpy()), (TypeError, ValueError), "ndarray"),
    ],
    "models.PCA.encode": bad_batches(PCA.encode),
    "models.PCA.decode": bad_batches(PCA.decode),
    "models.PCA.forward": bad_batches(PCA),
    # ---------------------------------------------------------------------------------- losses
    "losses.squared_error": bad_losses(losses.squared_error),
    "losses.cross_entropy": [
        *bad_losses(losses.cross_entropy),
        (
            lambda: losses.cross_entropy(X * 3, X),
            ValueError,
            r"reconstruction in \[0, 1\].*sigmoid",
        ),
        (lambda: losses.cross_entropy(X - 2, X), ValueError, r"reconstruction in \[0, 1\].*-"),
        (lambda: losses.cross_entropy(X, X * 255), ValueError, r"target in \[0, 1\].*255"),
        (lambda: losses.cross_entropy(X, X * math.nan), FloatingPointError, "target holds NaN"),
    ],
    "losses.cross_entropy_from_logits": [
        *bad_losses(losses.cross_entropy_from_logits),
        (lambda: losses.cross_entropy_from_logits(X, -X), ValueError, r"target in \[0, 1\]"),
    ],
    # -------------------------------------------------------------------------------- training
    "training.fit": [  # many more in test_training.py
        (lambda: fit(data=X[:0]), ValueError, "empty"),
        (lambda: fit(data=X * 255), ValueError, r"\[0, 1\].*255"),
        (lambda: fit(epochs=0), ValueError, "epochs"),
        (lambda: fit(optimiser=lambda p: None), (TypeError, ValueError, AttributeError), ""),
        (lambda: training.fit(NET, squared, SPLIT), TypeError, "epochs"),
    ],
    "training.evaluate": [
        (lambda: training.evaluate(NET, squared, X[:0]), ValueError, "empty"),
        (lambda: training.evaluate(NET, squared, SPLIT, 0), ValueError, "batch_size"),
        (lambda: training.evaluate(NET, None, SPLIT), TypeError, "one objective"),
    ],
    "training.predict": [
        (lambda: training.predict(NET, X[:0]), ValueError, "empty"),
        (lambda: training.predict(NET, SPLIT, 0), ValueError, "batch_size"),
        (lambda: training.predict(torch.sum, X), ValueError, "as many rows"),
        (lambda: training.predict(None, X), TypeError, "callable"),
    ],
    "training.warmup_cosine": [
        (lambda: training.warmup_cosine(1.0), ValueError, "below 1.*1.0"),
        (lambda: training.warmup_cosine(-0.1), ValueError, "-0.1"),
        (lambda: training.warmup_cosine(math.nan), ValueError, "nan"),
    ],
    "training.Batch": [(lambda: training.Batch(X), TypeError, "y")],
    "training.Player": [
        (lambda: training.Player("a"), TypeError, "objective"),
        (
            lambda: fit(objective=[training.Player("a", squared, lambda m: [])]),
            ValueError,
            "a has no parameters",
        ),
    ],
    "training.History": [(lambda: PAST["kl"], KeyError, "kl.*loss")],
    "training.History.plot": [(lambda: training.History().plot(), ValueError, "empty")],
    # --------------------------------------------------------------------------------- metrics
    "metrics.accuracy": [
        (lambda: metrics.accuracy([1, 2], [1]), ValueError, r"\(2,\).*\(1,\)"),
        (lambda: metrics.accuracy([], []), ValueError, "no labels"),
        (lambda: metrics.accuracy(torch.rand(4, 10), LABELS), ValueError, "argmax"),
        (lambda: metrics.accuracy(3, 3), ValueError, r"\(N,\)"),
    ],
    "metrics.confusion": [
        (lambda: metrics.confusion([1, 2], [1]), ValueError, r"\(1,\).*\(2,\)"),
        (lambda: metrics.confusion([], []), ValueError, "no labels"),
        (lambda: metrics.confusion([1, 10], [1, 1]), ValueError, "0 to 9.*10"),
        (lambda: metrics.confusion([1, 1], [-1, 1]), ValueError, "0 to 9.*-1"),
        (lambda: metrics.confusion([1, 1], [0, 1], classes=0), ValueError, ""),
        (lambda: metrics.confusion([0.5, 1], [0, 1]), ValueError, "whole"),
    ],
    "metrics.knn_accuracy": [
        (lambda: metrics.knn_accuracy(CODES, LABELS, CODES, LABELS, k=0), ValueError, "1 to 4.*0"),
        (lambda: metrics.knn_accuracy(CODES, LABELS, CODES, LABELS, k=5), ValueError, "1 to 4.*5"),
        (lambda: metrics.knn_accuracy(CODES, LABELS, CODES, LABELS, k=1.5), ValueError, "whole"),
        (
            lambda: metrics.knn_accuracy(CODES, LABELS[:3], CODES, LABELS, k=1),
            ValueError,
            r"4 codes.*\(3,\)",
        ),
        (
            lambda: metrics.knn_accuracy(CODES, LABELS, CODES, LABELS[:3], k=1),
            ValueError,
            r"\(4,\).*\(3,\)",
        ),
        (
            lambda: metrics.knn_accuracy(CODES, LABELS, CODES[:, :1], LABELS, k=1),
            ValueError,
            "2 and of 1",
        ),
        (
            lambda: metrics.knn_accuracy(np.full((4, 2), math.nan), LABELS, CODES, LABELS, k=1),
            ValueError,
            "train_codes.*NaN",
        ),
        (
            lambda: metrics.knn_accuracy(CODES, LABELS, CODES[:0], LABELS[:0], k=1),
            ValueError,
            "test_codes",
        ),
    ],
    "metrics.distance_to_normal": [
        (lambda: metrics.distance_to_normal(np.zeros(3)), ValueError, r"\(N, d\).*\(3,\)"),
        (lambda: metrics.distance_to_normal(np.zeros((0, 3))), ValueError, "N > 0"),
        (lambda: metrics.distance_to_normal(CODES * math.nan), ValueError, "NaN"),
    ],
    "metrics.sliced_wasserstein": [
        *bad_clouds(metrics.sliced_wasserstein),
        (
            lambda: metrics.sliced_wasserstein(CODES, CODES, directions=0),
            ValueError,
            "at least 1; got 0",
        ),
        (
            lambda: metrics.sliced_wasserstein(CODES, CODES, directions=1.5),
            ValueError,
            "whole number",
        ),
    ],
    "metrics.frechet_distance": [
        *bad_clouds(metrics.frechet_distance),
        (lambda: metrics.frechet_distance(CODES, CODES[:1]), ValueError, "two rows; got 4 and 1"),
    ],
    "metrics.coverage": [
        (lambda: metrics.coverage(CODES, np.zeros((4, 3)), 1), ValueError, "2 and of 3 numbers"),
        (lambda: metrics.coverage(np.zeros(4), CODES, 1), ValueError, r"made must be.*\(4,\)"),
        (lambda: metrics.coverage(CODES, CODES * math.nan, 1), ValueError, "real holds NaN"),
        (lambda: metrics.coverage(CODES, CODES, 0), ValueError, "1 to 3.*got 0"),
        (lambda: metrics.coverage(CODES, CODES, 4), ValueError, "1 to 3.*got 4"),
        (lambda: metrics.coverage(CODES, CODES, 1.0), ValueError, "whole number"),
    ],
    "metrics.nearest_images": [
        (
            lambda: metrics.nearest_images(X, X[..., :2]),
            ValueError,
            r"\(4, 1, 3, 3\).*\(4, 1, 3, 2\)",
        ),
        (lambda: metrics.nearest_images(LABELS, LABELS), ValueError, r"\(N, ...\)"),
        (lambda: metrics.nearest_images(X, X[:0]), ValueError, "others must be|reshape"),
        (lambda: metrics.nearest_images(X * math.nan, X), ValueError, "images holds NaN"),
    ],
    "metrics.sharpness": [
        (lambda: metrics.sharpness(X[0]), ValueError, r"\(1, 3, 3\)"),
        (lambda: metrics.sharpness(X[..., :1]), ValueError, r"2 by 2.*\(4, 1, 3, 1\)"),
        (lambda: metrics.sharpness(X.expand(4, 2, 3, 3)), ValueError, "1 or 3"),
        (lambda: metrics.sharpness(X[:0]), ValueError, "no images"),
        (lambda: metrics.sharpness(X * math.nan), ValueError, "NaN"),
    ],
    "metrics.importance_weighted_bound": [
        (lambda: iw_bound(samples=0), ValueError, "at least 1; got 0"),
        (lambda: iw_bound(samples=1.0), ValueError, "whole number"),
        (lambda: iw_bound(samples=True), ValueError, "whole number"),
        (lambda: iw_bound(x=X[:0]), ValueError, "no images"),
        (lambda: iw_bound(x=BYTES), RuntimeError, ""),
        (lambda: iw_bound(model=NET), AttributeError, "posterior"),
    ],
    "metrics.linear_probe": [
        (lambda: metrics.linear_probe(CODES, LABELS[:3], CODES, LABELS), ValueError, r"\(3,\)"),
        (lambda: metrics.linear_probe(CODES, LABELS, CODES, LABELS[:3]), ValueError, r"\(3,\)"),
        (lambda: metrics.linear_probe(CODES, LABELS, np.eye(4), LABELS), ValueError, "2 and of 4"),
        (lambda: metrics.linear_probe(CODES, [1] * 4, CODES, LABELS), ValueError, "two different"),
        (
            lambda: metrics.linear_probe(CODES * math.nan, LABELS, CODES, LABELS),
            ValueError,
            "train_codes holds NaN",
        ),
        (
            lambda: metrics.linear_probe(CODES, LABELS, CODES, LABELS, strength=0),
            ValueError,
            "positive",
        ),
    ],
    "metrics.psnr": bad_pairs(metrics.psnr),
    "metrics.ssim": [
        *bad_pairs(metrics.ssim),
        (lambda: metrics.ssim(X, X), ValueError, r"7 by 7.*\(4, 1, 3, 3\)"),
        (lambda: metrics.ssim(X[:, 0], X[:, 0]), ValueError, r"\(N, C, H, W\)"),
    ],
    "metrics.principal_angles": [
        (lambda: metrics.principal_angles(CODES, CODES), ValueError, "a are linearly dependent"),
        (lambda: metrics.principal_angles(np.eye(3), np.eye(2)), ValueError, "3 and of 2"),
        (lambda: metrics.principal_angles(np.ones(3), np.eye(3)), ValueError, r"a must be.*\(3,\)"),
        (lambda: metrics.principal_angles(np.eye(3), np.eye(3)[:0]), ValueError, "b must be"),
        (
            lambda: metrics.principal_angles(np.full((3, 3), math.inf), np.eye(3)),
            ValueError,
            "infinity",
        ),
    ],
    "losses.gaussian_nll": [
        *bad_losses(losses.gaussian_nll),
        (lambda: losses.gaussian_nll(X, X, 0), ValueError, "positive and finite; got 0"),
        (lambda: losses.gaussian_nll(X, X, -1.0), ValueError, "-1"),
        (lambda: losses.gaussian_nll(X, X, math.nan), ValueError, "nan"),
        (lambda: losses.gaussian_nll(X, X, math.inf), ValueError, "inf"),
    ],
    "losses.discriminator_loss": [
        *bad_logits(lambda bad: losses.discriminator_loss(bad, bad)),
        *bad_logits(lambda bad: losses.discriminator_loss(torch.zeros(4), bad))[1:],
        (
            lambda: losses.discriminator_loss(torch.zeros(4), torch.zeros(3)),
            ValueError,
            r"\(4,\) and \(3,\)",
        ),
    ],
    "losses.generator_loss": bad_logits(losses.generator_loss),
    "losses.kl_to_standard_normal": bad_normals(losses.kl_to_standard_normal, 2),
    "losses.kl_between_normals": bad_normals(losses.kl_between_normals, 4),
    # ------------------------------------------------------------------------------ corruption
    "corruption.gaussian": bad_amounts(corruption.gaussian),
    "corruption.hole": [
        (lambda: corruption.hole(BYTES, 2), TypeError, "uint8.*255"),
        (lambda: corruption.hole(X.flatten(1), 2), ValueError, r"\(N, C, H, W\); got \(4, 9\)"),
        (lambda: corruption.hole(X, 0), ValueError, "from 1 to 3; got 0"),
        (lambda: corruption.hole(X, 4), ValueError, "from 1 to 3; got 4"),
        (lambda: corruption.hole(X, 1.5), ValueError, "whole number"),
    ],
    "corruption.masking": bad_amounts(corruption.masking) + too_much(corruption.masking),
    "corruption.salt_and_pepper": bad_amounts(corruption.salt_and_pepper)
    + too_much(corruption.salt_and_pepper),
    # ----------------------------------------------------------------------------------- plots
    "plots.Picture": [(lambda: plots.Picture("<svg>"), TypeError, "alt")],
    "plots.picture": [
        (lambda: plots.picture(plots.figure()[0], "a plot"), ValueError, "40 characters.*'a plot'"),
        (lambda: plots.picture(None, ALT), TypeError, "Figure.*NoneType"),
    ],
    "plots.show": [
        (lambda: plots.show(plots.figure()[0], "a plot"), ValueError, "40 characters.*'a plot'"),
        (lambda: plots.show(plots.figure()[0], " " * 60), ValueError, "40 characters"),
        (lambda: plots.show(plots.figure()[0], None), ValueError, "40 characters.*None"),
        (lambda: plots.show(plots.figure()[0]), TypeError, "alt"),
        (lambda: plots.show(None, ALT), TypeError, "Figure.*NoneType"),
        (lambda: plots.show(plots.figure()[1], ALT), TypeError, "Figure.*Axes"),
    ],
    "plots.figure": [
        (lambda: plots.figure(0), ValueError, "positive"),
        (lambda: plots.figure(width=-1), ValueError, "positive"),
    ],
    "plots.image_grid": [
        (lambda: plots.image_grid([]), ValueError, "at least one row"),
        (lambda: plots.image_grid([X[0, 0]]), ValueError, r"\(N, H, W\).*\(3, 3\)"),
        (
            lambda: plots.image_grid([torch.rand(2, 2, 4, 4)]),
            ValueError,
            r"colour images \(N, 3, H, W\).*\(2, 2, 4, 4\)",
        ),
        (lambda: plots.image_grid([torch.rand(2, 4, 4, 3)]), ValueError, r"\(2, 4, 4, 3\)"),
        (lambda: plots.image_grid([X[:0]]), ValueError, r"N > 0.*\(0, 1, 3, 3\)"),
        (lambda: plots.image_grid([X, torch.rand(2, 4, 4)]), ValueError, "one size"),
        (lambda: plots.image_grid([X], labels=["a", "b"]), ValueError, "1 labels.*2"),
        (lambda: plots.image_grid([X], titles=["a"]), ValueError, "4 titles.*1"),
    ],
    "plots.reconstructions": [
        (lambda: plots.reconstructions(X, X[:2]), ValueError, r"\(4, 1, 3, 3\).*\(2, 1, 3, 3\)"),
        (lambda: plots.reconstructions(X, X, labels=("a",)), ValueError, "2 labels.*1"),
    ],
    "plots.codes": [
        (lambda: plots.codes(np.zeros((4, 3)), LABELS), ValueError, r"\(N, 2\).*\(4, 3\)"),
        (lambda: plots.codes(CODES, LABELS[:3]), ValueError, r"\(4, 2\).*\(3,\)"),
        (lambda: plots.codes(CODES[:0], LABELS[:0]), ValueError, "at least one"),
        (lambda: plots.codes(CODES, LABELS + 8), ValueError, "0 to 9"),
        (lambda: plots.codes(CODES, LABELS - 1), ValueError, "0 to 9"),
        (lambda: plots.codes(CODES, LABELS / 2), ValueError, "whole numbers"),
        (lambda: plots.codes(CODES, LABELS, names=["a"]), ValueError, "names"),
    ],
    "plots.decoder_grid": [
        (lambda: plots.decoder_grid(NET, (1, 0, 0, 1)), ValueError, "left < right"),
        (lambda: plots.decoder_grid(NET, (0, 1, 1, 1)), ValueError, "bottom < top"),
        (lambda: plots.decoder_grid(NET, (0, 1, 0, 1), n=1), ValueError, "n >= 2"),
        (lambda: plots.decoder_grid(NET, (0, 1)), ValueError, ""),
        (lambda: plots.decoder_grid(nn.Linear(2, 2), (0, 1, 0, 1)), AttributeError, "decode"),
    ],
    "plots.history": [(lambda: plots.history(training.History()), ValueError, "empty")],
    # --------------------------------------------------------------------------------- widgets
    "widgets.Widget": [
        (lambda: widgets.Widget("none", {}, plots.figure()[0], ALT), FileNotFoundError, "none.js"),
        (lambda: widgets.Widget("point_cloud", {}, None, ALT), TypeError, "Figure"),
        (lambda: widgets.Widget("point_cloud", {}, plots.figure()[0], "x"), ValueError, "40"),
    ],
    "widgets.CodeSize": [
        (lambda: code_size(images=DIGITS[0]), ValueError, r"images.*\(1, 28, 28\)"),
        (lambda: code_size(largest=5), ValueError, "5 components or more"),
        (lambda: code_size(errors={"PCA": [1]}), ValueError, r"each of 4 components; got \(1,\)"),
        (lambda: code_size(autoencoders={}), ValueError, "no autoencoder"),
        (lambda: code_size(labels=torch.arange(10) + 1), ValueError, "0 to 9"),
        (lambda: code_size(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.CodesOverTraining": [
        (lambda: over_training(runs=torch.zeros(2, 10, 3)), TypeError, "by name"),
        (lambda: over_training(runs={"a": torch.zeros(2, 9, 3)}), ValueError, r"\(10, 3\)"),
        (lambda: over_training(draws=torch.zeros(2, 10, 1)), ValueError, "two samples"),
        (lambda: over_training(labels=torch.arange(10) / 2), ValueError, "whole numbers"),
        (lambda: over_training(shown=9), ValueError, "10 points or more"),
        (lambda: over_training(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.Denoise": [
        (lambda: denoise(images=DIGITS[0]), ValueError, r"images.*\(1, 28, 28\)"),
        (lambda: denoise(examples=DIGITS.byte()), ValueError, "examples.*uint8"),
        (lambda: denoise(sigma=2.0), ValueError, "at most at 1.0; got 2.0"),
        (lambda: denoise(labels=torch.arange(9)), ValueError, r"10 images.*\(9,\)"),
        (lambda: denoise(model=NET), ValueError, "from 784 numbers to 784"),
        (lambda: denoise(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.DropoutMask": [
        (lambda: dropout_mask(models=[]), TypeError, "by name.*got list"),
        (lambda: dropout_mask(models={}), ValueError, "at least one model"),
        (lambda: dropout_mask(rate=0.9), ValueError, "a rate lies in"),
        (lambda: dropout_mask(drawn=9), ValueError, "1 to 8 units"),
        (lambda: dropout_mask(images=DIGITS[0]), ValueError, r"images.*\(1, 28, 28\)"),
        (lambda: dropout_mask(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.DrawDigit": [
        (
            lambda: draw_digit(images=DIGITS[0]),
            ValueError,
            r"images.*\(N, 1, 28, 28\).*\(1, 28, 28\)",
        ),
        (lambda: draw_digit(images=(255 * DIGITS).byte()), ValueError, "uint8"),
        (lambda: draw_digit(examples=DIGITS[..., :20]), ValueError, "examples"),
        (lambda: draw_digit(labels=torch.arange(9)), ValueError, r"10 images.*\(9,\)"),
        (lambda: draw_digit(images=DIGITS[:4], labels=torch.arange(4)), ValueError, "from 10"),
        (lambda: draw_digit(labels=torch.arange(10) + 1), ValueError, "0 to 9"),
        (lambda: draw_digit(labels=torch.arange(10) / 2), ValueError, "whole numbers"),
        (lambda: draw_digit(model=models.Autoencoder(code=3)), ValueError, r"two numbers.*\(3,\)"),
        (
            lambda: draw_digit(model=models.Autoencoder(activation=nn.GELU)),
            TypeError,
            "Linear, ReLU, SiLU, Sigmoid, Tanh; got GELU",
        ),
        (lambda: draw_digit(model=NET), ValueError, r"784 numbers.*\[9, 4\]"),
        (lambda: draw_digit(model=nn.Linear(784, 2)), AttributeError, "encoder"),
        (lambda: draw_digit(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.FaceWalk": [
        (lambda: face_walk(directions=torch.zeros(6)), TypeError, "by name"),
        (lambda: face_walk(directions={}), ValueError, "at least one"),
        (lambda: face_walk(directions={"a": torch.zeros(5)}), ValueError, r"\(6,\).*\(5,\)"),
        (lambda: face_walk(codes=torch.zeros(1, 6)), ValueError, r"N > 1; got \(1, 6\)"),
        (lambda: face_walk(faces=torch.zeros(1, 6)), ValueError, r"2 ≤ M.*\(1, 6\)"),
        (lambda: face_walk(faces=torch.zeros(3, 7)), ValueError, r"\(M, 6\).*\(3, 7\)"),
        (lambda: face_walk(faces=torch.full((3, 6), math.nan)), ValueError, "finite"),
        (lambda: face_walk(decoder=models.growing(6, 2, (1, 8, 8))), ValueError, r"\(3, S, S\)"),
        (lambda: face_walk(decoder=nn.Sequential(nn.Linear(6, 6), nn.GELU())), TypeError, "GELU"),
        (
            lambda: face_walk(decoder=nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.BatchNorm2d(8))),
            TypeError,
            r"BatchNorm2d.*here",
        ),
        (
            lambda: face_walk(decoder=nn.Sequential(nn.ConvTranspose2d(6, 3, 4, groups=3))),
            TypeError,
            "groups=3",
        ),
        (lambda: face_walk(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.OneDraw": [
        (lambda: one_draw(images=DIGITS), ValueError, "black and white"),
        (lambda: one_draw(images=DIGITS.round()[0]), ValueError, r"images.*\(1, 28, 28\)"),
        (lambda: one_draw(examples=DIGITS.byte()), ValueError, "examples.*uint8"),
        (lambda: one_draw(labels=torch.arange(9)), ValueError, r"10 images.*\(9,\)"),
        (lambda: one_draw(images=DIGITS[:0], labels=torch.arange(0)), ValueError, "from 1 to 20"),
        (lambda: one_draw(labels=torch.arange(10) + 1), ValueError, "0 to 9"),
        (lambda: one_draw(labels=torch.arange(10) / 2), ValueError, "whole numbers"),
        (lambda: one_draw(auto=models.Autoencoder((4,), 2)), ValueError, "2 and 3"),
        (
            lambda: one_draw(vae=models.VAE((4,), 1), auto=models.Autoencoder((4,), 1)),
            ValueError,
            "at least two.*1 and 1",
        ),
        (lambda: one_draw(auto=models.Autoencoder((4,), 3, activation=nn.GELU)), TypeError, "GELU"),
        (lambda: one_draw(vae=models.Autoencoder((4,), 3)), AttributeError, "posterior"),
        (lambda: one_draw(alt="x"), ValueError, "40 characters"),
    ],
    "widgets.OnePixel": [
        (lambda: widgets.OnePixel(target=1.1, alt=ALT), ValueError, r"\[0, 1\].*1.1"),
        (lambda: widgets.OnePixel(prediction=0, alt=ALT), ValueError, r"0\.001"),
        (lambda: widgets.OnePixel(prediction=math.nan, alt=ALT), ValueError, "nan"),
        (lambda: widgets.OnePixel(), ValueError, "40 characters"),
    ],
    "widgets.TwoGaussians": [
        (lambda: widgets.TwoGaussians(q=(5, 1), alt=ALT), ValueError, r"q: .*\[-4, 4\].*5"),
        (lambda: widgets.TwoGaussians(p=(0, 0), alt=ALT), ValueError, r"p: .*\[0.3, 3\]"),
        (lambda: widgets.TwoGaussians(p=(0, -1), alt=ALT), ValueError, "standard deviation"),
        (lambda: widgets.TwoGaussians(q=(math.nan, 1), alt=ALT), ValueError, "nan"),
        (lambda: widgets.TwoGaussians(q=(1,), alt=ALT), ValueError, "unpack"),
        (lambda: widgets.TwoGaussians(), ValueError, "40 characters"),
    ],
    "widgets.PointCloud": [
        (lambda: cloud(clouds=SPACE), TypeError, "by name"),
        (lambda: cloud(clouds={}), ValueError, "as many points"),
        (lambda: cloud(clouds={"PCA": CODES}), ValueError, r"PCA.*\(N, 3\).*\(4, 2\)"),
        (lambda: cloud(clouds={"PCA": SPACE[:0]}), ValueError, r"\(0, 3\)"),
        (lambda: cloud(clouds={"big": np.zeros((10_001, 3))}), ValueError, "big.*10000.*10001"),
        (lambda: cloud(clouds={"a": SPACE, "b": SPACE[:3]}), ValueError, "'a': 4, 'b': 3"),
        (lambda: cloud(clouds={"t-SNE": SPACE * math.nan}), ValueError, "t-SNE.*NaN"),
        (lambda: cloud(labels=LABELS[:3]), ValueError, r"\(3,\) labels.*4"),
        (lambda: cloud(labels=LABELS[:, None]), ValueError, r"\(4, 1\) labels"),
        (lambda: cloud(labels=LABELS + 7), ValueError, "0 to 9"),
        (lambda: cloud(labels=LABELS - 1), ValueError, "0 to 9"),
        (lambda: cloud(labels=LABELS / 2), ValueError, "whole numbers"),
        (lambda: cloud(names=["a", "b", "c"]), ValueError, "labels 0 to 3.*3"),
        (lambda: cloud(images=BYTES[:3]), ValueError, "4.*3"),
        (lambda: cloud(images=BYTES[:, 0]), ValueError, r"\(N, 1, H, W\).*\(4, 3, 3\)"),
        (lambda: cloud(images=X + 1), ValueError, "0 to 1"),
        (lambda: cloud(images=X * math.nan), ValueError, "NaN"),
        (lambda: cloud(alt="a cloud"), ValueError, "40 characters.*'a cloud'"),
        (lambda: cloud(alt=""), ValueError, "40 characters"),
    ],
    # ------------------------------------------------------------------------------- projector
    "projector.export": [
        (export, NotADirectoryError, "/dev/null is a file"),
        (lambda: export(vectors=CODES[:, :1]), ValueError, r"D > 1.*\(4, 1\)"),
        (lambda: export(vectors=CODES[:0]), ValueError, r"\(0, 2\)"),
        (lambda: export(vectors=CODES[0]), ValueError, r"\(N, D\).*\(2,\)"),
        (lambda: export(vectors=CODES + math.nan), ValueError, "NaN"),
        (lambda: export(vectors=CODES + 1e300), ValueError, "infinity"),
        (lambda: export(labels=LABELS[:3]), ValueError, r"\(4,\).*\(3,\)"),
        (lambda: export(labels={}), ValueError, "at least"),
        (lambda: export(labels={"a": LABELS, "b": LABELS[:2]}), ValueError, r"b: .*\(2,\)"),
        (lambda: export(labels={"a\tb": LABELS, "c": LABELS}), ValueError, "tab"),
        (lambda: export(labels={"a": LABELS}, names=list("abcd")), ValueError, "one column"),
        (lambda: export(labels=["a", "b\nc", "d", "e"]), ValueError, "new line.*'b.nc'|b.{1,3}nc"),
        (lambda: export(labels=["a", " ", "d", "e"]), ValueError, "empty"),
        (lambda: export(labels=LABELS / 2, names=list("abcd")), ValueError, "whole numbers"),
        (lambda: export(names=["a", "b", "c"]), ValueError, "0 to 3.*3"),
        (lambda: export(names=["a", "b", "c", "d\te"]), ValueError, "tab"),
        (lambda: export(labels=LABELS - 1, names=list("abcd")), ValueError, "-1 to 2"),
        (lambda: export(images=BYTES[:3]), ValueError, "4.*3"),
        (lambda: export(images=BYTES[:, :, :2]), ValueError, "square.*2 by 3"),
        (lambda: export(title="a\nb"), ValueError, "title.*new line"),
        (lambda: export(url="example.org"), ValueError, "https.*example.org"),
    ],
    "projector.sprite": [
        (lambda: projector.sprite(BYTES[:, 0]), ValueError, r"\(4, 3, 3\)"),
        (lambda: projector.sprite(BYTES[:0]), ValueError, r"\(0, 1, 3, 3\)"),
        (lambda: projector.sprite(X * 255), ValueError, "0 to 1.*clamp"),
        (lambda: projector.sprite(LABELS[:, None, None, None]), ValueError, "uint8, or floats"),
        (
            lambda: projector.sprite(np.zeros((5, 1, 4096, 4096), np.uint8)),
            ValueError,
            "holds 4 images of 4096 by 4096; got 5",
        ),
    ],
    # ------------------------------------------------------------------------------- questions
    "questions.Option": [
        (lambda: questions.Option("", True, WHY), ValueError, "no text"),
        (lambda: questions.Option("one", True, "It is."), ValueError, "'one'.*20 char.*'It is.'"),
        (lambda: questions.Option("$x$", True, WHY), ValueError, "TeX.*Unicode"),
        (lambda: questions.Option("one", True, WHY + " <b>x</b>"), ValueError, "'<b'.*HTML"),
    ],
    "questions.Question": [
        (lambda: questions.Question("", (YES, NO)), ValueError, "no text"),
        (lambda: questions.Question("x_i?", (YES, NO)), ValueError, r"x_\{i\}"),
        (lambda: questions.Question("Why?", (YES,)), ValueError, "2 to 6.*yes"),
        (lambda: questions.Question("Why?", (YES, NO, NO)), ValueError, "different.*no.*no"),
        (lambda: questions.Question("Why?", (NO, NEVER)), ValueError, "one option.*0 are"),
        (lambda: questions.Question("Why?", (YES, ALWAYS)), ValueError, "one option.*2 are"),
    ],
    "questions.read": [
        (lambda: questions.read(["1. Why?"]), TypeError, "one text.*list"),
        (lambda: questions.read("Why?"), ValueError, r"'1\. .*'Why\?'"),
        (lambda: questions.read("1. Why?"), ValueError, r"question 1: \(A\).*the end"),
    ],
    "questions.Questions": [
        (lambda: questions.Questions(None), TypeError, "one text.*NoneType"),
        (lambda: questions.Questions(" \n"), ValueError, "empty"),
        (lambda: questions.Questions("2. Why?"), ValueError, r"1\. must come; got '2\. Why"),
    ],
    # ---------------------------------------------------------------------------------- checks
    "checks.Result": [(lambda: checks.Result(True), TypeError, "message")],
    "checks.Case": [(lambda: checks.Case((1,)), TypeError, "expected")],
    "checks.Unmet": [(lambda: checks.Unmet(text="no"), TypeError, "keyword")],
    "checks.require": [(lambda: checks.require(), ValueError, "at least one check")],
    "checks.Mistake": [(lambda: checks.Mistake(1), TypeError, "hint")],
    "checks.function": [(lambda: checks.function(abs, []), ValueError, "at least one case")],
    # A wrong answer must not raise; what the author of an exercise leaves out does.
    "checks.value": [(lambda: checks.value(3), TypeError, "expected")],
    "checks.that": [(lambda: checks.that(True), TypeError, "message")],
}


def test_every_public_function_is_here():
    missing, gone = set(public()) - set(CASES), set(CASES) - set(public())
    assert not missing, f"give bad input to {sorted(missing)}"
    assert not gone, f"no longer public: {sorted(gone)}"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [pytest.param(*case, id=f"{name}-{i}") for name in CASES for i, case in enumerate(CASES[name])],
)
def test_bad_input_is_a_clear_error(call, error, words):
    weights = [p.clone() for p in NET.parameters()]
    with pytest.raises(error, match=f"(?s){words}") as caught:
        call()
    assert str(caught.value).strip()
    assert all(torch.equal(p, q) for p, q in zip(NET.parameters(), weights, strict=True))
