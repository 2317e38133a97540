"""Metrics against scikit-learn, SciPy, geometry done by hand, and their laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, wasserstein_distance
from skimage.metrics import peak_signal_noise_ratio
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from aelib import losses, metrics

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


# ---------------------------------------------------------------------------- linear probe
def clusters(seed, n=120, d=3):
    """Three clouds of points in a row along a random direction of space."""
    random = np.random.default_rng(seed)
    along = 2 * random.normal(size=d)
    labels = random.integers(0, 3, n)
    return labels[:, None] * along + random.normal(size=(n, d)), labels


def test_a_linear_probe_is_a_logistic_regression_on_scaled_codes():
    (train, labels), (test, truth) = clusters(0), clusters(0, n=60)
    mean, spread = train.mean(0), train.std(0)
    reference = LogisticRegression(C=0.1).fit((train - mean) / spread, labels)
    expected = reference.score((test - mean) / spread, truth)
    assert metrics.linear_probe(train, labels, test, truth, strength=0.1) == expected
    assert expected > 0.5


def test_a_linear_probe_does_not_mind_the_units():
    (train, labels), (test, truth) = clusters(1), clusters(1, n=60)
    units = np.array([1e-3, 1.0, 1e3])
    accuracy = metrics.linear_probe(train, labels, test, truth)
    assert metrics.linear_probe(train * units + 5, labels, test * units + 5, truth) == accuracy


def test_a_linear_probe_reads_lines_and_no_rings():
    """What a ruler can tell apart it tells apart; an inner from an outer ring it does not."""
    angle = np.linspace(0, 40, 200)
    labels = np.arange(200) % 2
    ring = (1 + 2 * labels[:, None]) * np.stack([np.cos(angle), np.sin(angle)], 1)
    assert metrics.linear_probe(ring, labels, ring, labels) < 0.65
    radius = np.linalg.norm(ring, axis=1, keepdims=True)
    assert metrics.linear_probe(radius, labels, radius, labels) == 1


# ---------------------------------------------------------------------------- pictures
def pictures(seed, n=3, size=12):
    random = np.random.default_rng(seed)
    return random.random((n, 1, size, size)), random.random((n, 1, size, size))


@given(seeds)
def test_psnr_equals_scikit_image(seed):
    a, b = pictures(seed)
    expected = [peak_signal_noise_ratio(y, x, data_range=1) for x, y in zip(a, b)]
    np.testing.assert_allclose(metrics.psnr(a, b), expected)


def test_psnr_by_hand():
    black = torch.zeros(2, 1, 4, 4)
    np.testing.assert_allclose(metrics.psnr(black + 0.1, black), [20, 20], atol=1e-5)
    np.testing.assert_allclose(metrics.psnr(black + 0.01, black), [40, 40], atol=1e-4)
    assert np.isposinf(metrics.psnr(black, black)).all()


def test_ssim_of_one_window_by_hand():
    """A 7×7 image is one window: the formula of Wang et al. (2004), equation 13."""
    a, b = (p.squeeze() for p in pictures(0, n=1, size=7))
    c1, c2 = 0.01**2, 0.03**2
    covariance = np.cov(a.ravel(), b.ravel())  # divided by 48, as in the paper
    means = a.mean(), b.mean()
    expected = (2 * means[0] * means[1] + c1) * (2 * covariance[0, 1] + c2)
    expected /= (means[0] ** 2 + means[1] ** 2 + c1) * (np.trace(covariance) + c2)
    np.testing.assert_allclose(metrics.ssim(a[None, None], b[None, None]), [expected])


def test_laws_of_ssim():
    a, b = pictures(1)
    np.testing.assert_allclose(metrics.ssim(b, b), 1)
    np.testing.assert_allclose(metrics.ssim(a, b), metrics.ssim(b, a))
    assert (metrics.ssim(a, b) < 0.5).all()
    colour = np.repeat(a, 3, axis=1), np.repeat(b, 3, axis=1)
    np.testing.assert_allclose(metrics.ssim(*colour), metrics.ssim(a, b))


def test_ssim_minds_a_blur_more_than_brightness():
    """Two changes with the same squared error, told apart: the point of the measure."""
    stripes = np.tile([0.3, 0.7], (1, 1, 14, 7))
    flat, brighter = np.full_like(stripes, 0.5), stripes + 0.2
    np.testing.assert_allclose(metrics.psnr(flat, stripes), metrics.psnr(brighter, stripes))
    assert metrics.ssim(brighter, stripes) > 0.85 > 0.2 > metrics.ssim(flat, stripes)


# ---------------------------------------------------------------------------- distributions
def normals(seed, n=4000, d=3, mean=0.0, spread=1.0):
    return mean + spread * np.random.default_rng(seed).normal(size=(n, d))


def test_distance_to_normal_equals_scipy_and_the_closed_form():
    codes = normals(0)
    expected = [kstest(column, "norm").statistic for column in codes.T]
    np.testing.assert_allclose(metrics.distance_to_normal(codes), expected)
    assert metrics.distance_to_normal(codes).max() < 0.03
    # N(m, 1) against N(0, 1): the greatest gap is at m / 2, and is 2 Φ(m / 2) − 1
    shifted = metrics.distance_to_normal(normals(1, mean=1.0))
    np.testing.assert_allclose(shifted, math.erf(0.5 / math.sqrt(2)), atol=0.03)
    assert metrics.distance_to_normal(np.zeros((5, 1))).item() == 0.5


def test_sliced_wasserstein_in_closed_form():
    a = normals(0)
    assert metrics.sliced_wasserstein(a, a) == 0
    shift = np.array([3.0, 0, 4])
    found = metrics.sliced_wasserstein(a, a + shift, directions=5000)
    assert found == pytest.approx(5 / math.sqrt(3), rel=0.03)  # ‖m‖ / √d
    assert metrics.sliced_wasserstein(a, 3 * a) == pytest.approx(2, rel=0.03)  # |3 − 1|
    wide = metrics.sliced_wasserstein(normals(1), normals(2, spread=3))
    assert wide == pytest.approx(2, rel=0.05)
    assert metrics.sliced_wasserstein(a, normals(3)) < 0.1, "two samples of one distribution"


def test_sliced_wasserstein_of_one_number_equals_scipy():
    """In one dimension there is one direction; a shift makes W1 and W2 equal."""
    a = normals(0, d=1)
    expected = wasserstein_distance(a[:, 0], a[:, 0] + 0.7)
    assert metrics.sliced_wasserstein(a, a + 0.7) == pytest.approx(expected)


def test_sliced_wasserstein_laws():
    a, b = normals(0, n=500), normals(1, n=300, mean=1.0)
    assert metrics.sliced_wasserstein(a, b) == metrics.sliced_wasserstein(b, a)
    assert metrics.sliced_wasserstein(a[::-1], b) == pytest.approx(metrics.sliced_wasserstein(a, b))
    twice = np.repeat(a, 2, axis=0)
    assert metrics.sliced_wasserstein(a, twice) < 0.03, "the size of a set does not matter"
    assert metrics.sliced_wasserstein(a, b, seed=1) != metrics.sliced_wasserstein(a, b, seed=2)


def test_sliced_wasserstein_sees_what_single_numbers_hide():
    """Each number alone is N(0, 1), but the second repeats the first."""
    one = normals(0, d=1)
    line = np.hstack([one, one])
    assert metrics.distance_to_normal(line).max() < 0.03
    chance = metrics.sliced_wasserstein(normals(1, d=2), normals(2, d=2))
    assert metrics.sliced_wasserstein(line, normals(1, d=2)) > 5 * chance


def test_frechet_distance_between_two_gaussians_in_closed_form():
    """Sample moments made exact, so that the closed form must come out to the last digits."""
    raw = normals(0, n=200, d=4)
    white = raw - raw.mean(0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False)).T)
    spread_a, spread_b = np.array([1.0, 2, 0.5, 3]), np.array([2.0, 2, 1.5, 0.1])
    shift = np.array([1.0, 0, -2, 0.5])
    a, b = white * spread_a, white[::-1] * spread_b + shift
    expected = np.square(shift).sum() + np.square(spread_a - spread_b).sum()
    assert metrics.frechet_distance(a, b) == pytest.approx(expected)
    turn = rotation(1, d=4)
    assert metrics.frechet_distance(a @ turn, b @ turn) == pytest.approx(expected)
    assert metrics.frechet_distance(b, a) == pytest.approx(expected)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_when_the_covariances_do_not_commute():
    """Against SciPy's matrix root; and with fewer rows than numbers, where roots are singular."""
    from scipy.linalg import sqrtm

    a, b = normals(0, n=50) @ rows(1, 3, 3), normals(2, n=60) @ rows(3, 3, 3) + 1
    root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(
        np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root
    )
    assert metrics.frechet_distance(a, b) == pytest.approx(expected)
    few = normals(4, n=3, d=8)
    assert metrics.frechet_distance(few, few + 1) == pytest.approx(8)


# ---------------------------------------------------------------------------- likelihood bounds
class LinearGaussian(torch.nn.Module):
    """Probabilistic PCA, whose likelihood and posterior are known (Tipping & Bishop, 1999).

    x = W z + b + s ε with perpendicular columns in W, so that the posterior's numbers are
    independent. ``wider`` multiplies the posterior's standard deviations: 1 is exact.
    """

    def __init__(self, wider=1.0, shift=0.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        turned = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64)).Q
        self.w = turned[:, :2] * torch.tensor([2.0, 0.7], dtype=torch.float64)
        self.b = torch.arange(5, dtype=torch.float64)
        self.s, self.wider, self.shift = 0.5, wider, shift

    def posterior(self, x):
        precision = self.w.square().sum(0) / self.s**2 + 1
        mean = (x - self.b) @ self.w / self.s**2 / precision
        log_variance = -precision.log() + 2 * math.log(self.wider)
        return mean + self.shift, log_variance.expand(len(x), 2)

    def decode(self, z):
        return z @ self.w.T + self.b

    def nll(self, x_hat, x):
        return losses.gaussian_nll(x_hat, x, self.s**2)

    def log_likelihood(self, x):
        covariance = self.w @ self.w.T + self.s**2 * torch.eye(5, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(self.b, covariance).log_prob(x)

    def elbo(self, x):
        """−KL(q ‖ p) and the expected log-likelihood, both in closed form."""
        mean, log_variance = self.posterior(x)
        spread = (log_variance.exp() * self.w.square().sum(0)).sum(1) / (2 * self.s**2)
        fit = -self.nll(self.decode(mean), x) - spread
        return fit - losses.kl_to_standard_normal(mean, log_variance)


def points(n=20):
    model = LinearGaussian()
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    return model.decode(z) + model.s * noise


def bound(model, x, samples, repeats=1):
    torch.manual_seed(0)
    draws = [
        metrics.importance_weighted_bound(model, x, samples, model.nll) for _ in range(repeats)
    ]
    return torch.stack(draws)


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_every_draw_gives_the_likelihood(samples):
    model, x = LinearGaussian(), points()
    torch.testing.assert_close(bound(model, x, samples)[0], model.log_likelihood(x))
    torch.testing.assert_close(model.elbo(x), model.log_likelihood(x))


@pytest.mark.parametrize("wrong", [{"wider": 1.5}, {"shift": 0.3}])
def test_one_draw_gives_the_elbo_on_average(wrong):
    model, x = LinearGaussian(**wrong), points()
    draws = bound(model, x, 1, repeats=4000)
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - model.elbo(x)).abs() < 4.5 * error).all()
    assert (model.elbo(x) < model.log_likelihood(x) - 0.05).all()


@pytest.mark.parametrize("wrong", [{"wider": 1.5}, {"shift": 0.3}])
def test_more_draws_come_closer_to_the_likelihood(wrong):
    model, x = LinearGaussian(**wrong), points()
    exact = model.log_likelihood(x).mean()
    gaps = [
        (exact - bound(model, x, k, repeats=20_000 // k).mean()).item() for k in (1, 10, 100, 1000)
    ]
    assert gaps[0] > 1.5 * gaps[1] > 0
    assert gaps[1] > 1.5 * gaps[2]
    assert abs(gaps[3]) < 0.02


def test_a_bound_leaves_no_gradient():
    assert not bound(LinearGaussian(), points(), 3).requires_grad


@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 37), (5, 3), (3, 5), (1, 4), (2, 1)])
def test_the_quick_quantiles_are_numpys(n, m):
    points = np.random.default_rng(0).normal(size=(n, 4))
    levels = (np.arange(m) + 0.5) / m
    quick = metrics._quantiles(np.sort(points, axis=0), levels)
    np.testing.assert_allclose(quick, np.quantile(points, levels, axis=0, method="hazen"))


# ---------------------------------------------------------------- sharpness, coverage, nearest
def test_sharpness_by_hand():
    """A step of one pixel on a quarter of the columns; the percentile finds it."""
    stripes = np.zeros((1, 1, 8, 8))
    stripes[..., ::4] = 1.0
    assert metrics.sharpness(stripes).tolist() == [255.0]
    ramp = np.linspace(0, 1, 9)[None, None, :, None] * np.ones((1, 3, 1, 9))
    np.testing.assert_allclose(metrics.sharpness(ramp), [255 / 8])
    slope = ramp + ramp.swapaxes(2, 3)  # both directions: √2 of one
    np.testing.assert_allclose(metrics.sharpness(slope / 2), [255 / 16 * 2**0.5])
    assert metrics.sharpness(np.full((2, 3, 4, 4), 0.7)).tolist() == [0, 0]


@given(seeds)
def test_laws_of_sharpness(seed):
    x = np.random.default_rng(seed).random((3, 3, 9, 9))
    sharp = metrics.sharpness(x)
    assert sharp.shape == (3,)
    np.testing.assert_allclose(metrics.sharpness(x[:1]), sharp[:1])
    np.testing.assert_allclose(metrics.sharpness(1 - x), sharp)
    np.testing.assert_allclose(metrics.sharpness(x / 2), sharp / 2)
    levels = np.rint(x * 255).astype(np.uint8)
    np.testing.assert_allclose(metrics.sharpness(levels), metrics.sharpness(levels / 255))
    blurred = torch.nn.functional.avg_pool2d(torch.from_numpy(x), 3, stride=1)
    assert (metrics.sharpness(blurred) < sharp).all()
    grey = np.tensordot(x, [0.299, 0.587, 0.114], axes=(1, 0))[:, None]
    np.testing.assert_allclose(metrics.sharpness(grey), sharp)


@given(seeds, st.integers(1, 6))
def test_coverage_against_its_definition(seed, k):
    made, real = rows(seed, 12, 3), rows(seed + 1, 15, 3)
    covered = 0
    for i, point in enumerate(real):
        others = np.sort(np.linalg.norm(np.delete(real, i, 0) - point, axis=1))
        covered += np.linalg.norm(made - point, axis=1).min() <= others[k - 1]
    assert metrics.coverage(made, real, k) == covered / 15
    assert metrics.coverage(real, real, k) == 1


def test_coverage_sees_modes_that_are_left_out():
    """Ten clusters: a sampler of three of them covers three tenths, however good its points are."""
    generator = np.random.default_rng(0)
    centres = 20 * generator.normal(size=(10, 4))

    def draw(kinds):
        return centres[np.arange(500) % kinds] + generator.normal(size=(500, 4))

    real = draw(10)
    assert metrics.coverage(draw(10), real) == pytest.approx(1 - 2**-5, abs=0.03)
    assert metrics.coverage(draw(3), real) == pytest.approx(0.3, abs=0.03)
    assert metrics.coverage(np.repeat(real[:1], 500, 0), real) < 0.03
    assert metrics.coverage(real + 1000, real) == 0


@given(seeds)
def test_nearest_against_all_distances(seed):
    images, others = (
        rows(seed, 5, 12).reshape(5, 3, 2, 2),
        rows(seed + 1, 9, 12).reshape(9, 3, 2, 2),
    )
    distances = np.sqrt(((images[:, None] - others[None]) ** 2).sum((2, 3, 4)))
    where, how_far = metrics.nearest_images(images, others)
    assert (where == distances.argmin(1)).all()
    np.testing.assert_allclose(how_far, distances.min(1))
    again, zero = metrics.nearest_images(torch.from_numpy(others), torch.from_numpy(others))
    assert again.tolist() == list(range(9))
    np.testing.assert_allclose(zero, 0, atol=1e-6)
