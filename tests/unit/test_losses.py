"""Losses against torch, against finite differences, and the laws that they keep."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn import functional as F

from aelib import losses

ALL = [losses.squared_error, losses.cross_entropy, losses.cross_entropy_from_logits]
REFERENCES = {
    losses.squared_error: F.mse_loss,
    losses.cross_entropy: F.binary_cross_entropy,
    losses.cross_entropy_from_logits: F.binary_cross_entropy_with_logits,
}
shapes = st.sampled_from([(1, 1), (3, 5), (4, 1, 6, 6), (2, 3, 4, 5), (7, 2)])
seeds = st.integers(0, 10_000)


def batch(shape, seed, dtype=torch.float32):
    """A reconstruction in (0, 1) and a target in [0, 1], both random."""
    generator = torch.Generator().manual_seed(seed)
    x_hat = torch.rand(shape, generator=generator, dtype=dtype) * 0.98 + 0.01
    return x_hat, torch.rand(shape, generator=generator, dtype=dtype)


def as_input(loss, probabilities):
    """Probabilities, or the logits that stand for them where the loss takes logits."""
    return probabilities.logit() if loss is losses.cross_entropy_from_logits else probabilities


def entropy(x):
    """Entropy of Bernoulli pixels with means ``x``, summed over each image."""
    return -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).flatten(1).sum(1)


@pytest.mark.parametrize("loss", ALL)
@given(shape=shapes, seed=seeds)
def test_equals_torch_summed_over_pixels(loss, shape, seed):
    x_hat, x = batch(shape, seed)
    x_hat = as_input(loss, x_hat)
    reference = REFERENCES[loss](x_hat, x, reduction="none").flatten(1).sum(1)
    assert loss(x_hat, x).shape == (shape[0],)
    torch.testing.assert_close(loss(x_hat, x), reference)
    total = REFERENCES[loss](x_hat, x, reduction="sum")
    torch.testing.assert_close(loss(x_hat, x).sum(), total, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", ALL)
def test_gradient_by_finite_differences(loss):
    x_hat, x = batch((3, 2, 4), seed=1, dtype=torch.float64)
    x_hat = as_input(loss, x_hat).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: loss(a, x), (x_hat,))


def test_gradient_in_closed_form():
    x_hat, x = batch((3, 6), seed=2, dtype=torch.float64)
    x_hat.requires_grad_()
    (squared,) = torch.autograd.grad(losses.squared_error(x_hat, x).sum(), x_hat)
    torch.testing.assert_close(squared, 2 * (x_hat - x))
    (crossed,) = torch.autograd.grad(losses.cross_entropy(x_hat, x).sum(), x_hat)
    torch.testing.assert_close(crossed, (x_hat - x) / (x_hat * (1 - x_hat)))
    logits = x_hat.detach().logit().requires_grad_()
    (from_logits,) = torch.autograd.grad(losses.cross_entropy_from_logits(logits, x).sum(), logits)
    torch.testing.assert_close(from_logits, x_hat.detach() - x)


@pytest.mark.parametrize("loss", ALL)
@given(shape=shapes, seed=seeds)
def test_each_image_counts_for_itself(loss, shape, seed):
    """Permuting the batch permutes the losses; an image alone has the same loss."""
    x_hat, x = batch(shape, seed)
    x_hat = as_input(loss, x_hat)
    order = torch.randperm(shape[0], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(x_hat[order], x[order]), loss(x_hat, x)[order])
    torch.testing.assert_close(loss(x_hat[:1], x[:1]), loss(x_hat, x)[:1])


@pytest.mark.parametrize("loss", ALL)
@given(shape=shapes, seed=seeds)
def test_the_order_of_pixels_does_not_matter(loss, shape, seed):
    x_hat, x = (t.flatten(1) for t in batch(shape, seed))
    x_hat = as_input(loss, x_hat)
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(x_hat[:, order], x[:, order]), loss(x_hat, x))


@given(shape=shapes, seed=seeds)
def test_squared_error_is_a_squared_distance(shape, seed):
    a, b = batch(shape, seed)
    assert (losses.squared_error(a, b) >= 0).all()
    assert (losses.squared_error(a, a) == 0).all()
    torch.testing.assert_close(losses.squared_error(a, b), losses.squared_error(b, a))
    torch.testing.assert_close(losses.squared_error(3 * a, 3 * b), 9 * losses.squared_error(a, b))
    torch.testing.assert_close(losses.squared_error(a, b), (a - b).flatten(1).norm(dim=1) ** 2)


@given(shape=shapes, seed=seeds)
def test_cross_entropy_is_at_least_the_entropy(shape, seed):
    x_hat, x = batch(shape, seed, dtype=torch.float64)
    assert (losses.cross_entropy(x_hat, x) >= entropy(x) - 1e-9).all()
    torch.testing.assert_close(losses.cross_entropy(x, x), entropy(x))


@given(shape=shapes, seed=seeds)
def test_cross_entropy_agrees_with_its_logits(shape, seed):
    x_hat, x = batch(shape, seed, dtype=torch.float64)
    from_logits = losses.cross_entropy_from_logits(x_hat.logit(), x)
    torch.testing.assert_close(from_logits, losses.cross_entropy(x_hat, x))


def test_black_and_white_pixels():
    """A perfect reconstruction costs nothing, a wrong one stays finite; values by hand."""
    x = torch.tensor([[0.0, 1.0]])
    assert losses.cross_entropy(x, x).item() == 0
    assert losses.cross_entropy(1 - x, x).item() == 200  # the logarithm is cut off at -100
    half = torch.full((1, 2), 0.5)
    assert losses.cross_entropy(half, x).item() == pytest.approx(2 * 0.6931471805599453)
    logits = torch.tensor([[-1000.0, 1000.0]])
    assert losses.cross_entropy_from_logits(logits, x).item() == 0
    assert losses.cross_entropy_from_logits(-logits, x).item() == 2000
    assert losses.squared_error(half, x).item() == 0.5


@pytest.mark.parametrize("loss", ALL)
def test_empty_batch_gives_no_losses(loss):
    assert loss(torch.zeros(0, 1, 4, 4), torch.zeros(0, 1, 4, 4)).shape == (0,)


def test_nan_stays_visible():
    """A network that diverged gives NaN, or an error that says so; never a number."""
    x = torch.full((2, 3), 0.5)
    x_hat = x.clone()
    x_hat[1, 2] = torch.nan
    for loss in (losses.squared_error, losses.cross_entropy_from_logits):
        value = loss(x_hat, x)
        assert value[0].isfinite()
        assert value[1].isnan()
    with pytest.raises(FloatingPointError, match=r"reconstruction holds NaN.*learning rate"):
        losses.cross_entropy(x_hat, x)


# ------------------------------------------------------------------------- Gaussians and KL
def gaussian_codes(n=5, k=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, n, k, generator=generator, dtype=torch.float64).unbind()


def normal(mean, log_variance):
    return Independent(Normal(mean, (log_variance / 2).exp()), 1)


@given(shape=shapes, seed=seeds, variance=st.floats(1e-3, 1e3))
def test_gaussian_nll_equals_torch(shape, seed, variance):
    x_hat, x = batch(shape, seed, dtype=torch.float64)
    reference = -Normal(x_hat, math.sqrt(variance)).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(losses.gaussian_nll(x_hat, x, variance), reference)
    of_each = torch.full_like(x_hat, variance)
    torch.testing.assert_close(losses.gaussian_nll(x_hat, x, of_each), reference)


@given(shape=shapes, seed=seeds)
def test_gaussian_nll_is_half_the_squared_error_and_a_constant(shape, seed):
    x_hat, x = batch(shape, seed, dtype=torch.float64)
    rest = losses.gaussian_nll(x_hat, x) - losses.squared_error(x_hat, x) / 2
    pixels = math.prod(shape[1:])
    torch.testing.assert_close(rest, torch.full_like(rest, pixels / 2 * math.log(2 * math.pi)))


def test_the_variance_that_fits_best_is_the_mean_squared_error():
    x_hat, x = batch((1, 5000), 0, dtype=torch.float64)
    best = (x_hat - x).square().mean().item()
    least = losses.gaussian_nll(x_hat, x, best)
    assert (least < losses.gaussian_nll(x_hat, x, 0.9 * best)).all()
    assert (least < losses.gaussian_nll(x_hat, x, 1.1 * best)).all()


@given(seeds, st.integers(1, 6), st.integers(1, 5))
def test_kl_equals_torch_distributions(seed, n, k):
    q, p = gaussian_codes(n, k, seed), gaussian_codes(n, k, seed + 1)
    expected = kl_divergence(normal(*q), normal(*p))
    torch.testing.assert_close(losses.kl_between_normals(*q, *p), expected)
    prior = torch.zeros_like(q[0]), torch.zeros_like(q[0])
    to_prior = losses.kl_to_standard_normal(*q)
    torch.testing.assert_close(to_prior, kl_divergence(normal(*q), normal(*prior)))
    torch.testing.assert_close(to_prior, losses.kl_between_normals(*q, *prior))
    assert (to_prior >= 0).all()


def test_kl_by_hand():
    zero, one = torch.zeros(1, 3), torch.ones(1, 3)
    assert losses.kl_to_standard_normal(zero, zero).item() == 0
    assert losses.kl_to_standard_normal(one, zero).item() == pytest.approx(1.5)
    shrunk = losses.kl_to_standard_normal(zero, -2 * one).item()
    assert shrunk == pytest.approx(1.5 * (math.exp(-2) + 2 - 1))
    same = gaussian_codes()
    assert (losses.kl_between_normals(*same, *same) == 0).all()


def test_kl_equals_monte_carlo():
    q, p = gaussian_codes(3, 2, 0), gaussian_codes(3, 2, 1)
    torch.manual_seed(0)
    z = normal(*q).sample((200_000,))
    draws = normal(*q).log_prob(z) - normal(*p).log_prob(z)
    error = draws.std(0) / math.sqrt(len(draws))
    gap = (draws.mean(0) - losses.kl_between_normals(*q, *p)).abs()
    assert (gap < 4 * error).all() and (error < 0.05).all()
    reverse = losses.kl_between_normals(*p, *q)
    assert ((reverse - losses.kl_between_normals(*q, *p)).abs() > 0.01).all(), "not symmetric"


def test_gradient_of_kl_pulls_to_the_prior():
    mean, log_variance = (t.requires_grad_() for t in gaussian_codes())
    losses.kl_to_standard_normal(mean, log_variance).sum().backward()
    torch.testing.assert_close(mean.grad, mean.detach())
    torch.testing.assert_close(log_variance.grad, 0.5 * (log_variance.detach().exp() - 1))


# ------------------------------------------------------------------------------------- a game
@given(seeds)
def test_a_games_losses_are_torchs_cross_entropy(seed):
    generator = torch.Generator().manual_seed(seed)
    real, fake = 5 * torch.randn(2, 7, generator=generator)
    one, zero = torch.ones(7), torch.zeros(7)
    against = lambda logit, is_real: F.binary_cross_entropy_with_logits(  # noqa: E731
        logit, is_real, reduction="none"
    )
    torch.testing.assert_close(
        losses.discriminator_loss(real, fake), against(real, one) + against(fake, zero)
    )
    torch.testing.assert_close(losses.generator_loss(fake), against(fake, one))


def test_a_game_at_chance():
    zero = torch.zeros(3)
    torch.testing.assert_close(losses.discriminator_loss(zero, zero), zero + 2 * math.log(2))
    torch.testing.assert_close(losses.generator_loss(zero), zero + math.log(2))


def test_a_games_losses_stay_exact_for_a_sure_discriminator():
    """Through the sigmoid these would be log 0; and the gradient must not vanish."""
    sure = torch.tensor([-200.0], requires_grad=True)
    loss = losses.generator_loss(sure)
    loss.sum().backward()
    assert loss.item() == pytest.approx(200)
    assert sure.grad.item() == pytest.approx(-1)
    assert losses.discriminator_loss(-sure.detach(), sure.detach()).item() == pytest.approx(0)


def test_a_discriminator_trained_by_its_loss_finds_the_density_ratio():
    """Between N(1, 1) and N(0, 1) the best logit is log p/q = z - 1/2: steepest descent finds it."""
    generator = torch.Generator().manual_seed(0)
    real = 1 + torch.randn(20_000, generator=generator)
    fake = torch.randn(20_000, generator=generator)
    line = torch.tensor([0.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=50)

    def step():
        optimiser.zero_grad()
        a, b = line[0] * real + line[1], line[0] * fake + line[1]
        loss = losses.discriminator_loss(a, b).mean()
        loss.backward()
        return loss

    optimiser.step(step)
    torch.testing.assert_close(line.detach(), torch.tensor([1.0, -0.5]), atol=0.05, rtol=0)
