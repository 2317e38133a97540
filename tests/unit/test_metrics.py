"""Metrics against scikit-learn, SciPy, geometry done by hand, and their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from aelib import metrics

seeds = st.integers(0, 10_000)


def rows(seed, n, d=6):
    return np.random.default_rng(seed).normal(size=(n, d))


def rotation(seed, d=6):
    return np.linalg.qr(rows(seed, d, d))[0]


# ---------------------------------------------------------------------------- principal angles
def test_angles_between_planes_by_hand():
    """Two planes that share the x axis and are tilted by 30 degrees about it."""
    a = [[1.0, 0, 0], [0, 1, 0]]
    b = [[1.0, 0, 0], [0, np.cos(np.pi / 6), np.sin(np.pi / 6)]]
    np.testing.assert_allclose(metrics.principal_angles(a, b), [0, 30], atol=1e-6)
    np.testing.assert_allclose(metrics.principal_angles([[1.0, 0]], [[0.0, 2]]), [90])
    np.testing.assert_allclose(metrics.principal_angles([[1.0, 0]], [[-3.0, 0]]), [0], atol=1e-6)
    np.testing.assert_allclose(metrics.principal_angles([[1.0, 0]], [[1.0, 1]]), [45])


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_laws_of_principal_angles(seed, m, n):
    a, b = rows(seed, m), rows(seed + 1, n)
    angles = metrics.principal_angles(a, b)
    assert angles.shape == (min(m, n),)
    assert (angles >= 0).all()
    assert (angles <= 90 + 1e-9).all()
    assert (np.diff(angles) >= -1e-9).all()
    close = {"atol": 1e-5}
    np.testing.assert_allclose(metrics.principal_angles(b, a), angles, **close)  # symmetric
    turn = rotation(seed + 2)
    np.testing.assert_allclose(metrics.principal_angles(a @ turn, b @ turn), angles, **close)
    mixed = (rows(seed + 3, m, m) + 3 * np.eye(m)) @ a  # other rows, the same subspace
    np.testing.assert_allclose(metrics.principal_angles(mixed, b), angles, **close)
    np.testing.assert_allclose(metrics.principal_angles(a, -7 * a), 0, **close)


def test_angles_may_go_back_to_torch():
    angles = metrics.principal_angles(torch.eye(3)[:2], torch.eye(3)[1:])
    assert torch.from_numpy(angles).tolist() == pytest.approx([0, 90], abs=1e-4)


# ------------------------------------------------------------------------- nearest neighbours
def clouds(seed, n=60, classes=3, spread=1.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    centres = np.array([[0.0, 0], [4, 0], [0, 4]])
    return centres[labels] + spread * generator.normal(size=(n, 2)), labels


@given(seeds, st.integers(1, 20))
def test_knn_against_scikit_learn(seed, k):
    (a, a_labels), (b, b_labels) = clouds(seed), clouds(seed + 1)
    score = metrics.knn_accuracy(a, a_labels, b, b_labels, k=k)
    reference = KNeighborsClassifier(k).fit(a, a_labels).score(b, b_labels)
    assert score == pytest.approx(reference)
    assert isinstance(score, float)
    assert 0 <= score <= 1
    assert metrics.knn_accuracy(a, a_labels, a, a_labels, k=1) == 1
    order = np.random.default_rng(seed).permutation(len(b))
    assert metrics.knn_accuracy(a, a_labels, b[order], b_labels[order], k=k) == score
    turn, far = rotation(seed, 2), np.array([10.0, -3])
    moved = metrics.knn_accuracy(a @ turn + far, a_labels, b @ turn + far, b_labels, k=k)
    assert moved == pytest.approx(score, abs=0.02)  # the distances are the same up to rounding


def test_knn_is_high_for_parted_and_low_for_mixed_codes():
    parted = [torch.as_tensor(v) for half in (0, 1) for v in clouds(half, 300, spread=0.3)]
    assert metrics.knn_accuracy(*parted) > 0.99
    a, b = torch.rand(300, 2), torch.rand(300, 2)
    labels = torch.arange(300) % 10
    assert metrics.knn_accuracy(a, labels, b, labels.flip(0)) < 0.3


# ---------------------------------------------------------------------- accuracy and confusion
labelled = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30
)  # pairs of the true label and the predicted one


@given(labelled)
def test_accuracy_and_confusion_against_scikit_learn(pairs):
    true, predicted = map(list, zip(*pairs, strict=True))
    score = metrics.accuracy(predicted, true)
    table = metrics.confusion(true, predicted, classes=5)
    assert score == pytest.approx(accuracy_score(true, predicted))
    np.testing.assert_array_equal(table, confusion_matrix(true, predicted, labels=range(5)))
    assert table.shape == (5, 5)
    assert np.issubdtype(table.dtype, np.integer)
    assert table.sum() == len(pairs)
    assert np.trace(table) / len(pairs) == pytest.approx(score)
    assert metrics.accuracy(true, true) == 1


def test_rows_are_the_truth():
    table = metrics.confusion(labels=torch.tensor([2, 2]), predictions=torch.tensor([1, 2]))
    assert table.shape == (10, 10)
    assert table[2, 1] == table[2, 2] == 1
    assert metrics.accuracy(torch.tensor([1, 2]), torch.tensor([2, 2])) == 0.5
