"""Losses against torch, against finite differences, and the laws that they keep."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
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
