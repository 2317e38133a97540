"""Corruption: how often, how much, where the randomness comes from, and what stays as it was."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aelib import corruption

ALL = [corruption.gaussian, corruption.masking, corruption.salt_and_pepper]
GREY = torch.full((200, 1, 20, 20), 0.4)  # 80,000 pixels, so that a part is known to 0.5 %
each = pytest.mark.parametrize("corrupt", ALL, ids=lambda f: f.__name__)


def seeded(n):
    return torch.Generator().manual_seed(n)


@each
@given(shape=st.sampled_from([(1, 1), (3, 5), (2, 3, 4, 5)]), amount=st.floats(0, 1))
def test_keeps_shape_type_and_input(corrupt, shape, amount):
    for dtype in (torch.float32, torch.float64):
        x = torch.rand(shape, dtype=dtype)
        before = x.clone()
        spoilt = corrupt(x, amount)
        assert spoilt.shape == x.shape and spoilt.dtype == dtype
        assert torch.equal(x, before)


@each
def test_no_noise_changes_nothing(corrupt):
    assert torch.equal(corrupt(GREY, 0), GREY)


@each
def test_the_generator_decides(corrupt):
    first = corrupt(GREY, 0.3, seeded(1))
    state = torch.get_rng_state()
    assert torch.equal(corrupt(GREY, 0.3, seeded(1)), first)
    assert torch.equal(torch.get_rng_state(), state), "a generator leaves the global one alone"
    assert not torch.equal(corrupt(GREY, 0.3, seeded(2)), first)
    torch.manual_seed(1)
    assert torch.equal(corrupt(GREY, 0.3), first)


@each
def test_an_amount_for_each_image(corrupt):
    amounts = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    still, spoilt = corrupt(GREY[:2], amounts, seeded(0))
    assert torch.equal(still, GREY[0])
    assert not torch.equal(spoilt, GREY[0])


@each
def test_gradients_pass(corrupt):
    x = GREY.clone().requires_grad_()
    spoilt = corrupt(x, 0.25, seeded(0))
    spoilt.sum().backward()
    if corrupt is corruption.gaussian:
        assert (x.grad == 1).all()
    else:
        assert torch.equal(x.grad, (spoilt == x).float()), "only through the pixels that stay"


def test_gaussian_has_the_spread_that_is_asked_for():
    noise = corruption.gaussian(GREY.double(), 0.5, seeded(0)) - GREY.double()
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.5) < 0.01
    assert 0.66 < (noise.abs() < 0.5).double().mean() < 0.70, "68 % lie within one sigma"
    assert noise.min() < -1, "nothing is cut off"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_masking_loses_the_part_that_is_asked_for(part):
    spoilt = corruption.masking(GREY, part, seeded(0))
    assert abs((spoilt == 0).float().mean() - part) < 0.01
    assert set(spoilt.unique().tolist()) == {0, GREY[0, 0, 0, 0].item()}, "and scales nothing"


@pytest.mark.parametrize("part", [0.1, 0.5, 1.0])
def test_salt_and_pepper_are_equally_many(part):
    spoilt = corruption.salt_and_pepper(GREY, part, seeded(0))
    for value in (0, 1):
        assert abs((spoilt == value).float().mean() - part / 2) < 0.01
    assert (part == 1) == bool((spoilt != GREY).all())


def test_neighbours_are_spoilt_independently():
    lost = (corruption.masking(GREY, 0.5, seeded(0)) == 0).float()
    for a, b in ((lost[..., :-1], lost[..., 1:]), (lost[..., :-1, :], lost[..., 1:, :])):
        assert abs((a * b).mean() - 0.25) < 0.01


@pytest.mark.parametrize("size", [1, 7, 20])
def test_a_hole_is_one_square_and_nothing_else_changes(size):
    x = torch.rand(50, 3, 20, 24, generator=seeded(3))
    spoilt, known = corruption.hole(x, size, 2.0, seeded(0))
    assert known.shape == (50, 1, 20, 24) and known.dtype == torch.bool
    assert torch.equal(spoilt != x, ~known.expand_as(x)) and (spoilt[spoilt != x] == 2).all()
    for lost in ~known[:, 0]:
        rows, columns = lost.any(1).nonzero()[:, 0], lost.any(0).nonzero()[:, 0]
        assert len(rows) == rows[-1] - rows[0] + 1 == size
        assert len(columns) == columns[-1] - columns[0] + 1 == size
        assert lost.sum() == size * size, "a full square, not a frame"


def test_every_place_is_equally_likely():
    known = corruption.hole(torch.zeros(20_000, 1, 6, 5), 3, generator=seeded(0))[1]
    at = (~known[:, 0]).flatten(1).float().argmax(1)  # the upper left corner
    counts = torch.bincount(at, minlength=30).view(6, 5)
    assert (counts[:4, :3] > 0).all() and counts.sum() == counts[:4, :3].sum()
    assert (counts[:4, :3] / 20_000 - 1 / 12).abs().max() < 0.01


def test_the_generator_places_the_hole():
    first = corruption.hole(GREY, 8, generator=seeded(1))[0]
    state = torch.get_rng_state()
    assert torch.equal(corruption.hole(GREY, 8, generator=seeded(1))[0], first)
    assert torch.equal(torch.get_rng_state(), state), "a generator leaves the global one alone"
    assert not torch.equal(corruption.hole(GREY, 8, generator=seeded(2))[0], first)
    torch.manual_seed(1)
    assert torch.equal(corruption.hole(GREY, 8)[0], first)
