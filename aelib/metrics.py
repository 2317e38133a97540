"""How good is a code, a picture, a subspace, a classifier.

Where there is a trusted library, a thin, checked door to it: scikit-learn, scikit-image, SciPy.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

__all__ = [
    "accuracy",
    "confusion",
    "coverage",
    "distance_to_normal",
    "frechet_distance",
    "importance_weighted_bound",
    "knn_accuracy",
    "linear_probe",
    "nearest_images",
    "principal_angles",
    "psnr",
    "sharpness",
    "sliced_wasserstein",
    "ssim",
]


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Part of the predictions that equal the labels.

    Args:
        predictions: whole numbers, shape (N,).
        labels: whole numbers, shape (N,).

    Returns:
        From 0 to 1.

    Raises:
        ValueError: if the shapes differ, or there is nothing to count.
    """
    predicted, true = _labels(predictions, labels)
    return float((predicted == true).mean())


def confusion(labels: ArrayLike, predictions: ArrayLike, classes: int = 10) -> NDArray[np.int64]:
    """How often each label was taken for each other one.

    Args:
        labels: the truth, whole numbers from 0 to ``classes`` − 1, shape (N,).
        predictions: the same type and shape.
        classes: how many classes there are.

    Returns:
        Counts of shape (classes, classes): the true label gives the row, the prediction the column.

    Raises:
        ValueError: if the shapes differ, there is nothing to count, or a label is not whole or out
            of range.
    """
    predicted, true = _labels(predictions, labels)
    for values in (predicted, true):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"labels must be whole numbers; got {values.dtype}")
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(
                f"labels must be from 0 to {classes - 1}; got {values.min()} to {values.max()}"
            )
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def knn_accuracy(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    k: int = 10,
) -> float:
    """Accuracy of a k-nearest-neighbour classifier on codes: do like digits lie together?

    Cover & Hart, *Nearest Neighbor Pattern Classification* (1967); Euclidean distance.

    Args:
        train_codes: shape (N, d).
        train_labels: shape (N,).
        test_codes: shape (M, d).
        test_labels: shape (M,).
        k: neighbours that vote, from 1 to N.

    Returns:
        From 0 to 1.

    Raises:
        ValueError: if shapes do not fit, ``k`` is out of range, or a code is not finite.
    """
    from sklearn.neighbors import KNeighborsClassifier

    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"codes of {train.shape[1]} and of {test.shape[1]} numbers")
    if not isinstance(k, int) or not 1 <= k <= len(train):
        raise ValueError(
            f"k must be a whole number from 1 to {len(train)}, the codes there are; got {k}"
        )
    labels = np.asarray(train_labels)
    if labels.shape != (len(train),):
        raise ValueError(f"{len(train)} codes but labels of shape {labels.shape}")
    model = KNeighborsClassifier(n_neighbors=k).fit(train, labels)
    return accuracy(model.predict(test), test_labels)


def linear_probe(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    strength: float = 1.0,
) -> float:
    """Accuracy of a linear classifier on codes: can the labels be read off with a ruler?

    Multinomial logistic regression with an L2 penalty, on codes that are first centred and scaled
    by the mean and the standard deviation of the training codes. Alain & Bengio, *Understanding
    Intermediate Layers Using Linear Classifier Probes* (2016).

    Args:
        train_codes: shape (N, d).
        train_labels: whole numbers, shape (N,), at least two different ones.
        test_codes: shape (M, d).
        test_labels: shape (M,).
        strength: how freely it may fit, above 0: the inverse of the penalty's weight,
            scikit-learn's ``C``.

    Returns:
        From 0 to 1.

    Raises:
        ValueError: if shapes do not fit, a code is not finite, all labels are the same, or
            ``strength`` is not positive.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = _matrix(train_codes, "train_codes"), _matrix(test_codes, "test_codes")
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"codes of {train.shape[1]} and of {test.shape[1]} numbers")
    labels = np.asarray(train_labels)
    if labels.shape != (len(train),):
        raise ValueError(f"{len(train)} codes but labels of shape {labels.shape}")
    if len(np.unique(labels)) < 2:
        raise ValueError("a classifier needs at least two different labels to learn from")
    if not strength > 0 or not np.isfinite(strength):
        raise ValueError(f"strength must be a positive number; got {strength}")
    # converges in ten steps where the default solver takes a hundred
    solver = LogisticRegression(C=strength, solver="newton-cg", max_iter=2000)
    model = make_pipeline(StandardScaler(), solver)
    return accuracy(model.fit(train, labels).predict(test), test_labels)


def psnr(images: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each image: 10 log₁₀(1 / mean squared error), in decibels.

    Args:
        images: what is judged, shape (N, ...); the values may leave [0, 1].
        targets: the clean images, in [0, 1], the same shape.

    Returns:
        Shape (N,), in dB: 20 dB is a root mean squared error of 0.1 of the range from black to
        white, 40 dB of 0.01; infinity for a perfect copy.

    Raises:
        ValueError: if the shapes differ, there is nothing to compare, a value is not finite, or
            the targets leave [0, 1].
    """
    a, b = _pairs(images, targets)
    error = np.square(a - b).reshape(len(a), -1).mean(1)
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error)


def ssim(images: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Structural similarity of each image, in windows of 7×7 pixels, as scikit-image computes it.

    Wang, Bovik, Sheikh & Simoncelli, *Image Quality Assessment: From Error Visibility to Structural
    Similarity* (2004). Means, variances and covariance of each window are compared, so that a blur
    costs more than a change of brightness with the same squared error.

    Args:
        images: what is judged, shape (N, C, H, W), H and W at least 7.
        targets: the clean images, in [0, 1], the same shape.

    Returns:
        Shape (N,), at most 1, which is a perfect copy; 0 or less for images with nothing in common.

    Raises:
        ValueError: as :func:`psnr` does; or if the images are smaller than a window.
    """
    from skimage.metrics import structural_similarity

    a, b = _pairs(images, targets)
    if a.ndim != 4 or min(a.shape[2:]) < 7:
        raise ValueError(f"ssim needs images (N, C, H, W) of at least 7 by 7; got {a.shape}")
    pairs = zip(a, b, strict=True)
    return np.array([structural_similarity(*p, data_range=1.0, channel_axis=0) for p in pairs])


def distance_to_normal(codes: ArrayLike) -> NDArray[np.float64]:
    """Kolmogorov–Smirnov distance of each code number to the standard normal distribution.

    The greatest vertical distance between the empirical distribution function and that of N(0, 1).
    It sees one number at a time: :func:`sliced_wasserstein` sees them together.

    Args:
        codes: shape (N, d).

    Returns:
        Shape (d,), from 0 to 1. Draws from the prior itself give about 0.87 / √N on average.

    Raises:
        ValueError: if the shape is another one, or a value is not finite.
    """
    from scipy.stats import kstest

    return np.array([kstest(column, "norm").statistic for column in _matrix(codes, "codes").T])


def sliced_wasserstein(a: ArrayLike, b: ArrayLike, directions: int = 200, seed: int = 0) -> float:
    """Distance between two clouds of points: how far must one be moved to become the other?

    Both are projected onto random directions, where optimal transport is a matter of sorting; the
    2-Wasserstein distances are averaged as squares. Rabin, Peyré, Delon & Bernot, *Wasserstein
    Barycenter and Its Application to Texture Mixing* (2011).

    Args:
        a: shape (N, d).
        b: shape (M, d); N and M may differ.
        directions: how many, at least 1.
        seed: of the directions.

    Returns:
        At least 0, in units of the points. A shift by a vector m in d dimensions gives about
        ‖m‖ / √d. Two samples of one distribution do not give 0: compare with two such samples.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or there is no direction.
    """
    first, second = _matrix(a, "a"), _matrix(b, "b")
    _same_width(first, second)
    if not isinstance(directions, int) or directions < 1:
        raise ValueError(f"directions must be a whole number, at least 1; got {directions}")
    turns = np.random.default_rng(seed).normal(size=(first.shape[1], directions))
    turns /= np.linalg.norm(turns, axis=0)
    levels = (np.arange(max(len(first), len(second))) + 0.5) / max(len(first), len(second))
    quantiles = [_quantiles(np.sort(points @ turns, axis=0), levels) for points in (first, second)]
    return float(np.sqrt(np.square(quantiles[0] - quantiles[1]).mean()))


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features, squared as in FID.

    ‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½). Dowson & Landau, *The Fréchet Distance between
    Multivariate Normal Distributions* (1982); Heusel et al., *GANs Trained by a Two Time-Scale
    Update Rule Converge to a Local Nash Equilibrium* (2017).

    Args:
        a: features of one set of images, shape (N, d).
        b: of the other, shape (M, d); both N and M at least 2, and well above d to mean much: a
            small set looks farther away than it is.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: if shapes do not fit, a set has fewer than two rows, or a value is not finite.
    """
    first, second = _matrix(a, "a"), _matrix(b, "b")
    _same_width(first, second)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a covariance needs two rows; got {len(first)} and {len(second)}")
    between = np.square(first.mean(0) - second.mean(0)).sum()
    # tr (Σa Σb)^½ is the sum of the singular values of Σa^½ Σb^½, which are real and not negative.
    roots = []
    for features in (first, second):
        values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(features, rowvar=False)))
        roots.append(vectors * np.sqrt(values.clip(0)) @ vectors.T)
    traces = sum(np.square(root).sum() for root in roots)
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return float(max(between + traces - 2 * overlap, 0.0))


def coverage(made: ArrayLike, real: ArrayLike, k: int = 5) -> float:
    """Part of the real images that have a made one close by: low if a generator leaves kinds out.

    Close is: no farther than the k-th nearest other real image. Naeem, Oh, Uh, Choi & Yoo,
    *Reliable Fidelity and Diversity Metrics for Generative Models* (2020). One good picture that is
    made again and again covers next to nothing.

    Args:
        made: features of the generated images, shape (N, d).
        real: of the real ones, shape (M, d).
        k: neighbours that set the distance, from 1 to M − 1.

    Returns:
        From 0 to 1. As many real images again give about 1 − 2⁻ᵏ.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or ``k`` is out of range.
    """
    generated, true = _matrix(made, "made"), _matrix(real, "real")
    _same_width(generated, true)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k < len(true):
        raise ValueError(
            f"k must be a whole number from 1 to {len(true) - 1}, the other real images; got {k}"
        )
    radii, _ = _nearest(true, true, k + 1)  # the first is the image itself
    distances, _ = _nearest(true, generated, 1)
    return float((distances[:, -1] <= radii[:, -1]).mean())


def nearest_images(
    images: ArrayLike, others: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each image the closest of some others: has a generator copied what it was shown?

    Args:
        images: pixels or features, shape (N, ...).
        others: what to search, of the same kind, shape (M, ...).

    Returns:
        Where in ``others`` the closest is, shape (N,), and its Euclidean distance, shape (N,).

    Raises:
        ValueError: if shapes do not fit, there is nothing to search, or a value is not finite.
    """
    asked, known = np.asarray(images), np.asarray(others)
    if asked.ndim < 2 or asked.shape[1:] != known.shape[1:]:
        raise ValueError(
            f"images {asked.shape} and others {known.shape} must be (N, ...) and (M, ...), alike "
            "but for their number"
        )
    flat = [
        _matrix(values.reshape(len(values), -1), name)
        for name, values in (("images", asked), ("others", known))
    ]
    distances, places = _nearest(*flat, 1)
    return places[:, 0], distances[:, 0]


def sharpness(images: ArrayLike) -> NDArray[np.float64]:
    """How steep the edges of each image are: the 95th percentile of the gradient's length.

    The gradient is that of grey values from 0 to 255, by differences to the neighbour on the right
    and below. A percentile looks at edges and leaves out the flat rest, other than the mean of the
    absolute Laplacian, which noise raises as well.

    Args:
        images: shape (N, 1, H, W) or (N, 3, H, W), in [0, 1], or ``uint8``.

    Returns:
        Shape (N,), in levels of grey a pixel, at least 0. Black beside white is 255.

    Raises:
        ValueError: if the shape is another one, H or W is below 2, or a value is not finite.
    """
    pixels = np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or min(pixels.shape[2:]) < 2:
        raise ValueError(
            f"sharpness needs images (N, 1 or 3, H, W) from 2 by 2; got {pixels.shape}"
        )
    if len(pixels) == 0 or not np.isfinite(pixels).all():
        raise ValueError("there are no images, or they hold NaN or infinity")
    scale = 1.0 if pixels.dtype == np.uint8 else 255.0
    weights = (0.299, 0.587, 0.114) if pixels.shape[1] == 3 else (1.0,)  # of the eye: ITU-R BT.601
    grey = np.tensordot(pixels * scale, weights, axes=(1, 0))
    across = grey[:, :-1, 1:] - grey[:, :-1, :-1]
    down = grey[:, 1:, :-1] - grey[:, :-1, :-1]
    return np.quantile(np.hypot(across, down).reshape(len(grey), -1), 0.95, axis=1)


def importance_weighted_bound(
    model: nn.Module,
    x: Tensor,
    samples: int,
    negative_log_likelihood: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Lower bound of log p(x) from several draws of the posterior; with one draw, the ELBO.

    log 1/k Σ p(x | z) p(z) / q(z | x), with z from q(z | x), a standard normal prior, and the
    model's Gaussian posterior. It rises with k, towards log p(x). Burda, Grosse & Salakhutdinov,
    *Importance Weighted Autoencoders* (2016). Chapter 10 writes it out.

    Args:
        model: has ``posterior`` and ``decode``, as :class:`aelib.models.VAE` has.
        x: images, shape (N, ...).
        samples: k, how many draws an image, at least 1.
        negative_log_likelihood: takes the decoded draws and x, returns −log p(x | z), shape (N,).

    Returns:
        One number an image, shape (N,), in nats. The randomness is torch's global one.

    Raises:
        ValueError: if ``samples`` is not a whole number of at least 1, or x has no images.
    """
    _draws(samples, x)
    with torch.no_grad():
        mean, log_variance = model.posterior(x)
        log_weights = []
        for _ in range(samples):
            noise = torch.randn_like(mean)
            z = mean + (log_variance / 2).exp() * noise
            # log p(z) − log q(z | x): the constants ½ log 2π cancel
            log_ratio = 0.5 * (noise.square() + log_variance - z.square()).sum(1)
            log_weights.append(log_ratio - negative_log_likelihood(model.decode(z), x))
        return torch.logsumexp(torch.stack(log_weights), 0) - math.log(samples)


def principal_angles(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Angles between the subspaces that the rows of two matrices span.

    All 0: the same subspace. One of 90: a direction that the other lacks. Björck & Golub,
    *Numerical Methods for Computing Angles Between Linear Subspaces* (1973).

    Args:
        a: shape (m, D), rows linearly independent.
        b: shape (n, D), rows linearly independent.

    Returns:
        min(m, n) angles in degrees, ascending.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or rows are linearly dependent.
    """
    from scipy.linalg import subspace_angles

    rows_a, rows_b = _matrix(a, "a"), _matrix(b, "b")
    if rows_a.shape[1] != rows_b.shape[1]:
        raise ValueError(f"vectors of {rows_a.shape[1]} and of {rows_b.shape[1]} numbers")
    for name, rows in (("a", rows_a), ("b", rows_b)):
        if np.linalg.matrix_rank(rows) < len(rows):
            raise ValueError(f"the {len(rows)} rows of {name} are linearly dependent")
    return np.sort(np.degrees(subspace_angles(rows_a.T, rows_b.T)))


def _labels(predictions: ArrayLike, labels: ArrayLike) -> tuple[NDArray, NDArray]:
    predicted, true = np.asarray(predictions), np.asarray(labels)
    if predicted.shape != true.shape or true.ndim != 1:
        raise ValueError(
            f"predictions {predicted.shape} and labels {true.shape} must both be of shape (N,); "
            "scores of shape (N, classes) become predictions by .argmax(1)"
        )
    if len(true) == 0:
        raise ValueError("there are no labels to compare")
    return predicted, true


def _draws(samples: int, x: Tensor) -> None:
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ValueError(f"samples must be a whole number, at least 1; got {samples}")
    if len(x) == 0:
        raise ValueError("there are no images to judge")


def _quantiles(ascending: NDArray, levels: NDArray) -> NDArray:
    """Of each column, between its points: ``np.quantile``'s "hazen", seventy times faster."""
    place = (levels * len(ascending) - 0.5).clip(0, len(ascending) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(ascending) - 1)
    part = (place - below)[:, None]
    return (1 - part) * ascending[below] + part * ascending[above]


def _nearest(points: NDArray, others: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """Distances to the k nearest others, ascending, and where these are; exact."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(others).kneighbors(points)


def _same_width(a: NDArray, b: NDArray) -> None:
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"points of {a.shape[1]} and of {b.shape[1]} numbers")


def _pairs(images: ArrayLike, targets: ArrayLike) -> tuple[NDArray, NDArray]:
    a, b = np.asarray(images, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if a.shape != b.shape or a.ndim < 2 or a.size == 0:
        raise ValueError(
            f"images {a.shape} and targets {b.shape} must have the same shape (N, ...), N > 0"
        )
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ValueError("the images or the targets hold NaN or infinity")
    if b.min() < 0 or b.max() > 1:
        raise ValueError(
            f"targets must lie in [0, 1]; got {b.min():.3g} to {b.max():.3g}. Divide uint8 by 255."
        )
    return a, b


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or len(matrix) == 0:
        raise ValueError(f"{name} must be of shape (N, d) with N > 0; got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return matrix
