"""The training loop: what it promises about seeds, errors, interrupts, resuming and records."""

import io
import json
import math
import pickle
import random
import re
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from aelib import data, losses, training
from aelib.models import Autoencoder
from aelib.training import Batch, Player

ROOT = Path(__file__).resolve().parents[2]


def net(seed=0, **changes):
    torch.manual_seed(seed)
    return Autoencoder(**{"hidden": (8,), "code": 2, "shape": (1, 4, 4)} | changes)


def images(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return data.Split(x, torch.arange(n) % 10)


def squared(model, batch):
    return losses.squared_error(model(batch.x), batch.x).mean()


def noisy(model, batch):
    """A denoiser: its noise comes from the generator that ``fit`` seeds."""
    x = batch.x + 0.3 * torch.randn_like(batch.x)
    return losses.squared_error(model(x), batch.x).mean()


def weights(model):
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def fit(model, objective=squared, data=None, **options):
    defaults = {"epochs": 2, "batch_size": 16, "progress": False}
    return training.fit(model, objective, images() if data is None else data, **defaults | options)


# -------------------------------------------------------------------------- what training does
def test_training_lowers_the_loss_and_ends_in_evaluation_mode():
    model = net()
    before = training.evaluate(model, squared, images())["loss"]
    history = fit(model, epochs=40, lr=3e-2)
    assert training.evaluate(model, squared, images())["loss"] < 0.8 * before
    assert history["loss"][-1] < history["loss"][0]
    assert not any(m.training for m in model.modules())


def test_training_equals_a_loop_by_hand():
    """Same order of the data, same optimiser, same weights at the end, to the last bit."""
    split, model, by_hand = images(), net(), net()
    fit(model, lr=1e-2, seed=5)
    optimiser = torch.optim.Adam(by_hand.parameters(), lr=1e-2, fused=True)
    torch.manual_seed(5)
    for _ in range(2):
        for index in torch.randperm(len(split)).split(16):
            batch = Batch(split[index].pixels, split.labels[index])
            optimiser.zero_grad()
            squared(by_hand, batch).backward()
            optimiser.step()
    assert torch.equal(weights(model), weights(by_hand))


def test_every_item_is_seen_once_an_epoch_with_its_label():
    seen = []

    def watch(model, batch):
        seen.append(batch)
        return squared(model, batch)

    split = images(37)
    fit(net(), watch, split, epochs=2, batch_size=10)
    assert [len(batch.x) for batch in seen] == [10, 10, 10, 7] * 2
    for epoch in (seen[:4], seen[4:]):
        x, y = torch.cat([b.x for b in epoch]), torch.cat([b.y for b in epoch])
        assert x.dtype == torch.float32
        keys = {
            (tuple(image.flatten().tolist()), label.item())
            for image, label in zip(x, y, strict=True)
        }
        pixels = zip(split.pixels, split.labels, strict=True)
        assert keys == {(tuple(i.flatten().tolist()), label.item()) for i, label in pixels}
    assert not torch.equal(seen[0].x, seen[4].x)  # another order in the second epoch


def test_the_model_is_in_training_mode_while_it_trains():
    modes = []

    def watch(model, batch):
        modes.append(model.training)
        return squared(model, batch)

    fit(net(), watch, validation=images(5, seed=1), epochs=1)
    assert modes == [True] * 3 + [False]


@pytest.mark.parametrize("kind", ["split", "images", "vectors", "sequences", "pair"])
def test_kinds_of_data(kind):
    if kind == "split":
        x, model = images(), net()
    elif kind == "images":
        x, model = images().pixels, net()
    elif kind == "vectors":
        x, model = torch.randn(40, 5) * 100, net(shape=(5,), output=nn.Identity)
    elif kind == "sequences":
        x, model = torch.randn(40, 3, 2), net(shape=(3, 2), output=nn.Identity)
    else:
        x, model = (torch.randn(40, 5), torch.randn(40, 2)), nn.Linear(5, 2)

    def objective(model, batch):
        target = batch.y if kind == "pair" else batch.x
        assert batch.y.shape[0] == batch.x.shape[0]
        return (model(batch.x) - target).square().mean()

    assert math.isfinite(fit(model, objective, x)["loss"][-1])


def test_data_are_not_changed():
    split = images()
    before = split.images.clone()

    def spoil(model, batch):
        batch.x.zero_()
        return squared(model, batch)

    fit(net(), spoil, split)
    assert torch.equal(split.images, before)


def test_data_with_a_history_of_gradients_are_taken_as_they_are():
    codes = net().encode(images().pixels)
    assert codes.requires_grad
    history = fit(net(shape=(2,), output=nn.Identity), squared, codes)
    assert len(history) == 2


def test_double_precision():
    x = images().pixels.double()
    model = net().double()
    fit(model, data=x)
    assert weights(model).dtype == torch.float64


# ----------------------------------------------------------------------------------- randomness
@pytest.mark.parametrize("objective", [squared, noisy])
def test_the_same_seed_gives_the_same_weights(objective):
    runs = []
    for global_seed in (1, 2):
        model = net()
        torch.manual_seed(global_seed)  # of no consequence
        history = fit(model, objective, seed=7)
        runs.append((weights(model), history["loss"]))
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    other = net()
    fit(other, objective, seed=8)
    assert not torch.equal(runs[0][0], weights(other))


def test_global_random_numbers_are_left_alone():
    model = net()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    fit(model, noisy, validation=images(5), on_epoch=lambda *_: torch.rand(3))
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])


def test_random_numbers_are_left_alone_after_an_error():
    model = net()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        fit(model, lambda *_: 1 / 0)
    assert torch.equal(torch.get_rng_state(), state)


def test_looking_on_does_not_change_training():
    """Validation and ``on_epoch`` may draw random numbers; the training takes the same course."""
    plain, watched = net(), net()
    fit(plain, noisy)
    fit(watched, noisy, validation=images(9), on_epoch=lambda *_: torch.randn(10))
    assert torch.equal(weights(plain), weights(watched))


# --------------------------------------------------------------------------------- the history
def test_the_history_records_the_mean_over_the_images():
    """Weighted by the size of the batch: the last one has 8 images, the others 16."""
    history = fit(net(), lambda model, batch: squared(model, batch) * 0 + batch.x.mean(), epochs=1)
    assert history["loss"][0] == pytest.approx(images().pixels.mean().item(), rel=1e-6)


def test_named_parts_and_their_sum():
    def objective(model, batch):
        return {
            "reconstruction": squared(model, batch),
            "size": model.encode(batch.x).square().sum(1).mean(),
        }

    history = fit(net(), objective, epochs=3, validation=images(7, seed=1))
    assert len(history) == 3
    assert set(history.names) == {"loss", "reconstruction", "size", "validation loss"}
    for total, a, b in zip(
        history["loss"], history["reconstruction"], history["size"], strict=True
    ):
        assert total == pytest.approx(a + b)
    assert all(len(history[name]) == 3 for name in history.names)
    assert history.seconds > 0
    assert history.interrupted is False


def test_the_sum_of_the_parts_is_what_is_minimised():
    """Two parts of one loss each move the weights exactly as the loss does."""
    whole, parts = net(), net()
    fit(whole, squared)
    fit(parts, lambda m, b: {"a": 0.25 * squared(m, b), "b": 0.75 * squared(m, b)})
    torch.testing.assert_close(weights(whole), weights(parts), rtol=1e-4, atol=1e-6)


def test_the_history_describes_itself_in_a_line():
    history = fit(net(), epochs=3)
    assert "\n" not in repr(history)
    assert "3 epochs" in repr(history)
    assert f"{history['loss'][-1]:.4g}" in repr(history)
    assert repr(training.History())


def test_the_history_plots_itself():
    from matplotlib import pyplot

    figure = fit(net(), validation=images(7)).plot()
    assert len(figure.axes[0].lines) >= 2
    pyplot.close(figure)


def test_validation_is_measured_after_each_epoch_without_training_on_it():
    alone, validated = net(), net()
    fit(alone)
    history = fit(validated, validation=images(7, seed=1))
    assert torch.equal(weights(alone), weights(validated))
    expected = training.evaluate(validated, squared, images(7, seed=1))["loss"]
    assert history["validation loss"][-1] == pytest.approx(expected)


def test_on_epoch_sees_the_model_before_training_and_after_each_epoch():
    seen, model = [], net()

    def look(epoch, model):
        assert not model.training
        seen.append((epoch, weights(model)))

    start = weights(model)
    fit(model, epochs=3, on_epoch=look)
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert torch.equal(seen[0][1], start)
    assert torch.equal(seen[-1][1], weights(model))
    assert not torch.equal(seen[1][1], seen[2][1])


# ------------------------------------------------------------------- optimisers and schedules
def test_an_optimiser_of_ones_own():
    model, by_hand = net(), net()
    fit(model, optimiser=lambda p: torch.optim.SGD(p, lr=0.1), epochs=1, batch_size=40)
    squared(by_hand, Batch(images().pixels, None)).backward()
    for p, q in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q - 0.1 * q.grad, atol=1e-6, rtol=1e-5)


def test_the_schedule_sets_the_rate_of_every_step():
    progress, rates = [], []

    def schedule(part):
        progress.append(part)
        return 1 - part

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    fit(net(), optimiser=lambda p: Watched(p, lr=0.5), schedule=schedule, epochs=2)
    assert len(progress) == len(rates) == 6
    assert progress == sorted(progress)
    assert 0 <= progress[0] < 1 / 6
    assert 5 / 6 < progress[-1] <= 1
    np.testing.assert_allclose(rates, 0.5 * (1 - np.array(progress)))


@given(st.floats(0, 0.99), st.floats(0, 1))
def test_warmup_cosine_stays_between_0_and_1(warmup, progress):
    assert 0 <= training.warmup_cosine(warmup)(progress) <= 1


def test_warmup_cosine_rises_and_falls():
    factor = training.warmup_cosine(0.2)
    assert factor(0.0) == 0
    assert factor(0.1) == pytest.approx(0.5)
    assert factor(0.2) == pytest.approx(1)
    assert factor(0.6) == pytest.approx(0.5)
    assert factor(1.0) == pytest.approx(0)
    curve = [factor(p) for p in np.linspace(0.2, 1, 50)]
    assert curve == sorted(curve, reverse=True)
    assert training.warmup_cosine(0)(0.0) == 1


# ------------------------------------------------------------------------------------- players
class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(3, 1), nn.Linear(3, 1)


def pair(seed=0):
    torch.manual_seed(seed)
    return Pair()


def entangled(model, batch):
    """Depends on the parameters of both sides."""
    return (model.left(batch.x) * model.right(batch.x)).square().mean()


def side(name, objective=entangled, **options):
    return Player(name, objective, lambda model: getattr(model, name).parameters(), **options)


def test_each_player_changes_its_own_parameters_alone():
    x = torch.randn(40, 3)
    for moving, resting in (("left", "right"), ("right", "left")):
        model, fresh = pair(), pair()
        fit(model, [side(moving)], x)
        assert torch.equal(weights(getattr(model, resting)), weights(getattr(fresh, resting)))
        assert not torch.equal(weights(getattr(model, moving)), weights(getattr(fresh, moving)))
        assert all(p.grad is None for p in getattr(model, resting).parameters())


def test_players_move_in_turn():
    """Against a game written out by hand, with gradients taken from scratch at every move."""
    x, model, by_hand = torch.randn(40, 3), pair(), pair()
    players = [side("left", lr=0.1), side("right", lambda m, b: -entangled(m, b), lr=0.01)]
    history = fit(model, players, x, epochs=2, optimiser=None)
    optimisers = [
        torch.optim.Adam(by_hand.left.parameters(), lr=0.1, fused=True),
        torch.optim.Adam(by_hand.right.parameters(), lr=0.01, fused=True),
    ]
    torch.manual_seed(0)
    for _ in range(2):
        for index in torch.randperm(40).split(16):
            for sign, optimiser in zip((1, -1), optimisers, strict=True):
                loss = sign * entangled(by_hand, Batch(x[index], None))
                by_hand.zero_grad()
                loss.backward()
                optimiser.step()
    torch.testing.assert_close(weights(model), weights(by_hand))
    assert {"left loss", "right loss"} <= set(history.names)
    assert history["left loss"][0] > 0 > history["right loss"][0]


def test_players_names_that_begin_alike_are_kept_apart():
    def parts(model, batch):
        return {"near": entangled(model, batch), "far": entangled(model, batch)}

    players = [
        Player("critic", parts, lambda m: m.left.parameters(), lr=1e-9),
        Player("critic two", parts, lambda m: m.right.parameters(), lr=1e-9),
    ]
    history = fit(pair(), players, torch.randn(40, 3), validation=torch.randn(9, 3))
    for name in ("critic", "critic two"):
        parts_sum = history[f"{name} near"][0] + history[f"{name} far"][0]
        assert history[f"{name} loss"][0] == pytest.approx(parts_sum)
        assert f"validation {name} loss" in history.names


def test_players_have_optimisers_of_their_own():
    model = pair()
    fit(
        model,
        [
            side("left", optimiser=lambda p: torch.optim.SGD(p, lr=0.0)),
            side("right", lr=0.1),
        ],
        torch.randn(40, 3),
    )
    assert torch.equal(weights(model.left), weights(pair().left))
    assert not torch.equal(weights(model.right), weights(pair().right))


# ----------------------------------------------------------------------------- clear, early errors
def raises(match, error=ValueError, **options):
    """Training must fail with this message, before the weights have changed."""
    model = options.pop("model", None) or net()
    before = weights(model)
    with pytest.raises(error, match=match) as caught:
        fit(model, **options)
    assert torch.equal(weights(model), before)
    return caught


def test_nan_is_named_with_its_place_and_what_to_do():
    calls = []

    def breaks(model, batch):
        calls.append(1)
        return squared(model, batch) * (math.nan if len(calls) == 5 else 1)

    model = net()
    with pytest.raises(
        FloatingPointError, match=r"(?s)loss is nan.*epoch 2, step 2.*learning rate"
    ):
        fit(model, breaks)
    assert weights(model).isfinite().all()
    reference, left = net(), iter(range(4))

    def stops(m, b):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return squared(m, b)

    fit(reference, stops)
    assert torch.equal(weights(model), weights(reference))  # those before the step that failed
    assert not model.training


def test_infinity_is_named_with_the_part_it_is_in():
    def objective(model, batch):
        return {"near": squared(model, batch), "far": squared(model, batch) * math.inf}

    raises("far is inf in epoch 1, step 1", FloatingPointError, objective=objective)


def test_a_diverged_network_under_cross_entropy():
    """NaN weights give a NaN reconstruction; the message speaks of that, and of where."""
    model = net()
    with torch.no_grad():
        model.decoder[0].weight.fill_(math.nan)
    with pytest.raises(FloatingPointError, match=r"(?s)NaN.*learning rate.*epoch 1, step 1"):
        fit(model, lambda m, b: losses.cross_entropy(m(b.x), b.x).mean())


def test_wrong_shape_says_which_shape_came():
    raises(r"(?s)epoch 1, step 1.*x of shape \(16, 5\)", RuntimeError, data=torch.rand(40, 5))


def test_wrong_shape_of_a_reconstruction():
    raises(
        r"(?s)\(16, 9\).*\(16, 1, 4, 4\)",
        objective=lambda m, b: losses.squared_error(torch.zeros(len(b.x), 9), b.x).mean(),
    )


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (torch.rand(8, 1, 4, 4) * 255, r"\[0, 1\].*255"),
        (torch.rand(8, 1, 4, 4) - 0.5, r"\[0, 1\].*-0\."),
        (torch.zeros(0, 1, 4, 4), "empty"),
        (torch.tensor(1.0), "empty"),
        (torch.full((8, 1, 4, 4), math.nan), "NaN"),
        (torch.tensor([[0.0], [math.inf]]), "infinity.*1"),
        (torch.ones(8, 1, 4, 4, dtype=torch.int64), "int64"),
        (torch.rand(8, 1, 4, 4).double(), "float64.*float32"),
        (np.zeros((8, 1, 4, 4), np.float32), "ndarray"),
        ([torch.zeros(1, 4, 4)], "list"),
        (None, "NoneType"),
        ((torch.rand(8, 1, 4, 4), torch.zeros(7)), "8 inputs but 7"),
        ((torch.rand(8, 1, 4, 4), torch.tensor(7)), "one for each"),
        ((torch.rand(8, 1, 4, 4),), "pair"),
    ],
)
def test_bad_data(x, match):
    model = net()
    for call in (
        lambda: training.fit(model, squared, x, epochs=1, progress=False),
        lambda: (
            training.fit(model, squared, images(), epochs=1, validation=x, progress=False)
            if x is not None
            else training.fit(model, squared, x, epochs=1, progress=False)
        ),
        lambda: training.evaluate(model, squared, x),
        lambda: training.predict(model, x),
    ):
        with pytest.raises(ValueError, match=f"(?s){match}"):
            call()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"epochs": 0}, "epochs.*at least 1"),
        ({"epochs": 1.5}, "epochs.*whole"),
        ({"epochs": True}, "epochs.*whole"),
        ({"batch_size": 0}, "batch_size.*at least 1"),
        ({"lr": 0}, "lr.*positive"),
        ({"lr": -1e-3}, "lr.*positive"),
        ({"lr": math.nan}, "lr.*positive"),
        ({"device": "banana"}, "banana.*leave device out"),
        ({"device": "xpu"}, "xpu.*leave device out"),
        ({"checkpoint": "weights.pt"}, "safetensors"),
        ({"checkpoint": "nowhere/at/all.safetensors"}, "folder.*nowhere"),
        ({"objective": 5}, "function of \\(model, batch\\)"),
        ({"objective": None}, "function of \\(model, batch\\)"),
        ({"objective": []}, "function of \\(model, batch\\)"),
        ({"objective": [squared]}, "list of Players"),
    ],
)
def test_bad_options(options, match):
    raises(f"(?s){match}", **options)


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (lambda m, b: losses.squared_error(m(b.x), b.x), r"scalar.*\(16,\).*mean"),
        (lambda m, b: 3.0, "scalar.*float"),
        (lambda m, b: None, "scalar.*NoneType"),
        (lambda m, b: {"a": squared(m, b), "b": 1.0}, "'b'.*float"),
        (lambda m, b: {}, "no losses"),
        (lambda m, b: {"loss": squared(m, b), "b": squared(m, b)}, "loss.*sum"),
        (lambda m, b: squared(m, b).detach(), "(?i)not depend.*no_grad.*detach"),
        (lambda m, b: torch.tensor(1.0), "not depend"),
        (lambda m, b: torch.tensor(1.0, requires_grad=True) * 2, "not depend"),
    ],
)
def test_bad_objectives(objective, match):
    raises(f"(?s){match}", objective=objective)


def test_a_player_whose_loss_misses_its_parameters():
    model = pair()
    with pytest.raises(ValueError, match=r"(?s)left.*not depend"):
        fit(model, [side("left", lambda m, b: m.right(b.x).mean())], torch.randn(40, 3))


def test_a_loss_may_use_a_part_of_the_network():
    """Some parameters without a gradient are fine; all of them are not."""
    model, fresh = net(), net()
    fit(model, lambda m, b: m.encode(b.x).square().mean())
    assert torch.equal(weights(model.decoder), weights(fresh.decoder))
    assert not torch.equal(weights(model.encoder), weights(fresh.encoder))


def test_a_frozen_part_stays_as_it_is():
    model = net()
    model.encoder.requires_grad_(False)
    before = weights(model.encoder)
    fit(model)
    assert torch.equal(weights(model.encoder), before)


def test_nothing_to_train():
    model = net().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters to train"):
        fit(model)
    with pytest.raises(ValueError, match="same name"):
        fit(pair(), [side("left"), side("left")], torch.randn(4, 3))
    with pytest.raises(ValueError, match=r"lr.*positive"):
        fit(pair(), [side("left", lr=-1.0)], torch.randn(4, 3))


def test_an_unknown_name_in_the_history():
    with pytest.raises(KeyError, match=r"kl.*loss"):
        fit(net())["kl"]


# ---------------------------------------------------------------------------------- interrupts
def test_an_interrupt_keeps_the_model_and_the_history(capsys):
    steps = []

    def stops(model, batch):
        steps.append(weights(model))
        if len(steps) == 8:  # in the third epoch of three steps
            raise KeyboardInterrupt
        return squared(model, batch)

    model = net()
    history = fit(model, stops, epochs=9)
    assert history.interrupted is True
    assert len(history) == 2
    assert len(history["loss"]) == 2
    assert history.seconds > 0
    assert torch.equal(weights(model), steps[-1])  # including the step of the broken epoch
    assert not model.training
    assert "epoch 3 of 9" in capsys.readouterr().err
    assert "interrupted" in repr(history)


def test_an_interrupt_by_the_real_signal():
    count, before = iter(range(100)), signal.signal(signal.SIGINT, signal.default_int_handler)

    def objective(model, batch):
        if next(count) == 5:  # in the second epoch of three steps
            signal.raise_signal(signal.SIGINT)
        return squared(model, batch)

    try:
        history = fit(net(), objective, epochs=9)
    finally:
        signal.signal(signal.SIGINT, before)
    assert history.interrupted
    assert len(history) == 1


# ------------------------------------------------------------------------------- checkpoints
def stop_after(epochs):
    """Called as ``on_epoch``: stops training as a user would."""

    def stop(epoch, model):
        if epoch == epochs:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("optimiser", [None, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)])
@pytest.mark.parametrize("at", [1, 3])
def test_resuming_ends_where_an_uninterrupted_run_ends(tmp_path, optimiser, at):
    """Weights, history and random numbers, to the last bit, whatever looked on in between."""
    options = {
        "epochs": 4,
        "optimiser": optimiser,
        "schedule": training.warmup_cosine(),
        "validation": images(7, seed=1),
    }
    whole = net()
    history = fit(whole, noisy, **options, on_epoch=lambda *_: torch.rand(5))

    file = tmp_path / "run.safetensors"
    broken = fit(net(), noisy, **options, checkpoint=file, on_epoch=stop_after(at))
    assert broken.interrupted
    assert len(broken) == at
    model, epochs = net(seed=9), []  # other weights, which the checkpoint replaces
    resumed = fit(
        model,
        noisy,
        **options,
        checkpoint=file,
        on_epoch=lambda epoch, _: epochs.append(epoch),
    )
    assert epochs == list(range(at + 1, 5))
    assert torch.equal(weights(model), weights(whole))
    assert resumed.epochs == history.epochs
    assert resumed.interrupted is False
    assert resumed.seconds > 0


def test_resuming_after_an_interrupt_within_an_epoch(tmp_path):
    whole, model = net(), net()
    fit(whole, noisy, epochs=3)
    count = iter(range(100))

    def stops(m, b):
        if next(count) == 4:
            raise KeyboardInterrupt
        return noisy(m, b)

    fit(model, stops, epochs=3, checkpoint=tmp_path / "a.safetensors")
    fit(model, noisy, epochs=3, checkpoint=tmp_path / "a.safetensors")
    assert torch.equal(weights(model), weights(whole))


def test_resuming_a_game(tmp_path):
    x = torch.randn(40, 3)
    players = [side("left", lr=0.1), side("right", lambda m, b: -entangled(m, b))]
    whole, model = pair(), pair()
    fit(whole, players, x, epochs=3)
    fit(pair(), players, x, epochs=3, checkpoint=tmp_path / "a.safetensors", on_epoch=stop_after(2))
    fit(model, players, x, epochs=3, checkpoint=tmp_path / "a.safetensors")
    assert torch.equal(weights(model), weights(whole))


def test_a_finished_run_is_read_and_not_trained_again(tmp_path):
    file = tmp_path / "a.safetensors"
    model, again = net(), net(seed=1)
    history = fit(model, checkpoint=file)
    before = file.read_bytes()
    read = fit(again, checkpoint=file)
    assert read.epochs == history.epochs
    assert torch.equal(weights(again), weights(model))
    assert file.read_bytes() == before


def test_a_checkpoint_is_safetensors_and_leaves_nothing_beside_it(tmp_path):
    file = tmp_path / "a.safetensors"
    model = net()
    fit(model, checkpoint=str(file))
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    tensors = load_file(file)
    for name, value in model.state_dict().items():
        assert torch.equal(tensors[f"model.{name}"], value)
    with safe_open(file, "pt") as opened:
        assert json.loads(opened.metadata()["aelib"])["epochs"]


def test_writing_that_is_cut_off_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    file = tmp_path / "a.safetensors"
    fit(net(), epochs=1, checkpoint=file)
    whole = file.read_bytes()

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut)
    fit(net(), epochs=2, checkpoint=file)
    assert file.read_bytes() == whole


def damage(file, kind):
    content = file.read_bytes()
    if kind == "half":
        file.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "text":
        file.write_text("not a checkpoint at all, but a long enough text to be read as one")
    elif kind == "foreign":
        save_file({"weight": torch.zeros(3)}, file)
    elif kind == "pickle":
        torch.save({"model": net().state_dict()}, file)
    elif kind == "incomplete":
        tensors = load_file(file)
        del tensors["random_state"]
        with safe_open(file, "pt") as opened:
            about = opened.metadata()
        save_file(tensors, file, metadata=about)


@pytest.mark.parametrize("kind", ["half", "empty", "text", "foreign", "pickle", "incomplete"])
def test_a_damaged_checkpoint_is_a_clear_error(tmp_path, kind):
    file = tmp_path / "a.safetensors"
    fit(net(), checkpoint=file)
    damage(file, kind)
    before = file.read_bytes()
    raises(r"(?s)a\.safetensors.*no whole checkpoint.*move it away", checkpoint=file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (net(hidden=(9,)), {}),
        (net(code=3), {}),
        (net(hidden=()), {}),
        (net(hidden=(8, 8)), {}),
        (net(), {"optimiser": lambda p: torch.optim.SGD(p, lr=0.1)}),
        (net(), {"objective": [Player("a", squared, lambda m: m.parameters())]}),
        (net(), {"objective": [Player("", squared, lambda m: m.encoder.parameters())]}),
    ],
    ids=["width", "code", "fewer layers", "more layers", "optimiser", "player", "parameters"],
)
def test_a_checkpoint_of_another_run_is_a_clear_error(tmp_path, model, options):
    file = tmp_path / "a.safetensors"
    fit(net(), checkpoint=file)
    raises(r"(?s)a\.safetensors.*another.*move it away", model=model, checkpoint=file, **options)


def test_a_checkpoint_with_other_buffers_is_a_clear_error(tmp_path):
    """The parameters to train are the same; what differs is a buffer beside them."""
    file = tmp_path / "a.safetensors"
    fit(net(), checkpoint=file)
    model = net()
    model.register_buffer("scale", torch.ones(3))
    raises(r"(?s)another.*scale.*move it away", model=model, checkpoint=file)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    """No pickle is opened on the way, and the source of the library never asks for one."""

    def refuse(*_arguments, **_keywords):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    fit(net(), epochs=1, checkpoint=tmp_path / "a.safetensors")
    fit(net(), epochs=2, checkpoint=tmp_path / "a.safetensors")
    data.mnist()
    for source in (ROOT / "aelib").rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        found = re.search(r"torch\.(load|save)\b|\b(pickle|joblib|dill)\b|allow_pickle=True", text)
        assert found is None, f"{source.name}: {found}"


# ------------------------------------------------------------------------- evaluate and predict
def test_evaluate_is_the_mean_over_the_data():
    model, split = net(), images(37)
    expected = losses.squared_error(model(split.pixels), split.pixels).mean().item()
    for batch_size in (1, 10, 37, 1000):
        assert training.evaluate(model, squared, split, batch_size)["loss"] == pytest.approx(
            expected
        )
    parts = training.evaluate(model, lambda m, b: {"a": squared(m, b), "b": squared(m, b)}, split)
    assert parts == pytest.approx({"loss": 2 * expected, "a": expected, "b": expected})


class Modes(nn.Module):
    """Notes the mode it is used in; half of it is kept in evaluation mode by its owner."""

    def __init__(self):
        super().__init__()
        self.frozen, self.linear, self.seen = nn.Dropout(0.5), nn.Linear(16, 2), []
        self.train()
        self.frozen.eval()

    def encode(self, x):
        self.seen.append((self.training, self.frozen.training, torch.is_grad_enabled()))
        return self.linear(self.frozen(x.flatten(1)))

    forward = encode


@pytest.mark.parametrize("way", ["evaluate", "predict", "method", "error"])
def test_evaluation_restores_the_mode_of_every_part(way):
    model = Modes()
    if way == "evaluate":
        training.evaluate(model, lambda m, b: m(b.x).mean(), images())
    elif way == "predict":
        training.predict(model, images())
    elif way == "method":
        training.predict(model.encode, images())
    else:
        with pytest.raises(ZeroDivisionError):
            training.evaluate(model, lambda m, b: m(b.x).mean() / (1 // 0), images())
    assert set(model.seen) <= {(False, False, False)}
    assert (model.training, model.frozen.training, model.linear.training) == (True, False, True)


def test_predict_is_the_function_on_everything():
    model, split = net().eval(), images(37)
    with torch.no_grad():
        z = model.encode(split.pixels)
        x_hat = model(split.pixels)
    for batch_size in (1, 10, 37, 1000):
        torch.testing.assert_close(training.predict(model.encode, split, batch_size), z)
        torch.testing.assert_close(training.predict(model, split.pixels, batch_size), x_hat)
        torch.testing.assert_close(training.predict(model.decode, z, batch_size), x_hat)
    labels = training.predict(lambda x: x.flatten(1).argmax(1), split, 10)
    assert torch.equal(labels, split.pixels.flatten(1).argmax(1))


def test_predictions_can_be_used_in_training_again():
    z = training.predict(net().encode, images())
    assert not z.requires_grad
    layer = nn.Linear(2, 1)
    layer(z).sum().backward()
    z.add_(1)
    assert z.requires_grad_().requires_grad


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x.mean(), "as many rows"),
        (lambda x: x[:3], "as many rows"),
        (lambda x: (x, x), "tuple"),
        (lambda x: None, "NoneType"),
    ],
)
def test_predict_needs_one_result_an_item(function, match):
    with pytest.raises(ValueError, match=match):
        training.predict(function, images())


def test_bad_arguments_of_evaluate_and_predict():
    for call in (
        lambda: training.evaluate(net(), squared, images(), batch_size=0),
        lambda: training.predict(net(), images(), batch_size=-1),
    ):
        with pytest.raises(ValueError, match=r"batch_size.*at least 1"):
            call()
    with pytest.raises(TypeError, match="one objective"):
        training.evaluate(pair(), [side("left")], torch.randn(4, 3))
    with pytest.raises(ValueError, match="scalar"):
        training.evaluate(net(), lambda m, b: m(b.x), images())
    with pytest.raises(ValueError, match="warmup"):
        training.warmup_cosine(1.0)
    with pytest.raises(ValueError, match="warmup"):
        training.warmup_cosine(-0.1)


# ---------------------------------------------------------------------------------- the bar
def test_the_bar_is_quiet_in_a_log_and_silent_when_asked(monkeypatch):
    # tqdm read the environment when it was imported: say here what TQDM_DISABLE would leave open
    monkeypatch.setattr(training, "tqdm", partial(training.tqdm, disable=False))
    for progress in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        training.fit(net(), squared, images(), epochs=30, batch_size=4, progress=progress)
        lines = re.split(r"[\r\n]+", stream.getvalue())
        assert len(lines) < 10
        assert ("300" in stream.getvalue()) == progress
