"""How good is a code, a picture, a subspace, a classifier.

Thin, checked doors to scikit-learn, scikit-image and SciPy.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy",
    "confusion",
    "knn_accuracy",
    "linear_probe",
    "principal_angles",
    "psnr",
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
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
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
