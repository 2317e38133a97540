"""One training loop for every model of the course.

An *objective* says what is minimised: it takes the model and a batch, and returns one scalar or
several by name, whose sum is minimised::

    def objective(model, batch):
        return losses.squared_error(model(batch.x), batch.x).mean()

    history = training.fit(model, objective, digits.train, epochs=10)

A game of two players (chapter 08, 11) is a list of :class:`Player`, each with its own objective and
parameters, which take their steps in turn on every batch.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from aelib.data import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Batch",
    "History",
    "Player",
    "evaluate",
    "fit",
    "predict",
    "warmup_cosine",
]


class Batch(NamedTuple):
    """What an objective sees.

    Attributes:
        x: inputs, shape (N, ...), of the model's type, ``float32`` as a rule; images are
            (N, C, H, W) in [0, 1].
        y: labels or targets, shape (N, ...); an empty tensor of shape (N, 0) if there are none.
    """

    x: Tensor
    y: Tensor


Objective: TypeAlias = Callable[[nn.Module, Batch], Tensor | Mapping[str, Tensor]]
Data: TypeAlias = Split | Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Player:
    """One side of a game: what it minimises, and by changing which parameters.

    Attributes:
        name: goes before the names of its losses in the history, e.g. ``"critic loss"``.
        objective: as for :func:`fit`.
        parameters: takes the model, returns the parameters that this player may change.
        lr: learning rate; that of :func:`fit` by default.
        optimiser: makes the optimiser; that of :func:`fit` by default.
    """

    name: str
    objective: Objective
    parameters: Callable[[nn.Module], Iterable[nn.Parameter]]
    lr: float | None = None
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None = None


@dataclass
class History:
    """What was measured in each epoch: ``history["loss"]`` is a list with one number an epoch.

    Attributes:
        epochs: one dictionary an epoch.
        seconds: from the start to the end of the last epoch, with all that was done between.
        interrupted: whether a keyboard interrupt ended it early.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, name: str) -> list[float]:
        if self.epochs and name not in self.names:
            raise KeyError(f"{name!r} was not recorded; there are {', '.join(self.names)}")
        return [epoch.get(name, math.nan) for epoch in self.epochs]

    @property
    def names(self) -> list[str]:
        """What was recorded, in the order in which it came up."""
        return list(dict.fromkeys(chain.from_iterable(self.epochs)))

    def plot(self) -> "Figure":
        """Draw every recorded number against the epoch; show it with :func:`aelib.plots.show`."""
        from aelib import plots

        return plots.history(self)

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(no epochs)"
        ends = (f"{n} {self[n][0]:.4g} → {self[n][-1]:.4g}" for n in self.names)
        stopped = ", interrupted" if self.interrupted else ""
        return f"History({len(self)} epochs, {', '.join(ends)}, {self.seconds:.0f} s{stopped})"


def fit(
    model: nn.Module,
    objective: Objective | Sequence[Player],
    data: Data,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 1e-3,
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None = None,
    schedule: Callable[[float], float] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    validation: Data | None = None,
    on_epoch: Callable[[int, nn.Module], object] | None = None,
    progress: bool = True,
    checkpoint: str | Path | None = None,
) -> History:
    """Train ``model`` in place, and return what was measured on the way.

    Args:
        model: any module; it ends on ``device``, in evaluation mode.
        objective: takes (model, batch), returns a scalar or named scalars; their sum is minimised.
            Or a list of players, who move in turn on every batch.
        data: a :class:`aelib.data.Split`; or inputs x of shape (N, ...) in the model's type,
            ``float32`` as a rule; or a pair (x, y). Inputs of four dimensions are images and must
            lie in [0, 1].
        epochs: passes over the data, at least 1.
        batch_size: images a step; the last batch of an epoch may be smaller.
        lr: learning rate of the default optimiser, Adam.
        optimiser: takes the parameters, returns an optimiser; then ``lr`` is not used.
        schedule: takes the part of training that is done, from 0 to 1, and returns a factor for
            the learning rate, as :func:`warmup_cosine` does.
        seed: of the order of the data and of all randomness in the objective. The global random
            state is left as it was, and what validation and ``on_epoch`` draw changes nothing.
        device: where to train; by default where the model is.
        validation: data for ``"validation loss"``, measured after each epoch in evaluation mode.
        on_epoch: called as ``on_epoch(epoch, model)`` in evaluation mode before training, with
            epoch 0, and after each epoch.
        progress: whether to show a progress bar.
        checkpoint: a ``.safetensors`` file, written after each epoch. If it is there, training goes
            on from it, and ends where an uninterrupted one would have ended. If it holds ``epochs``
            or more, it is read and nothing is trained.

    Returns:
        The history. A keyboard interrupt ends training early: the model keeps its weights, the
        history its epochs, and ``history.interrupted`` is true.

    Raises:
        ValueError: if the data are empty, not finite, or out of range; if a number makes no sense;
            if the objective does not return scalars, or does not depend on any parameter; if the
            checkpoint is damaged, or of another model or game.
        FloatingPointError: if a loss is NaN or infinite. The weights are those before that step.
        Exception: what the objective raises, with a note of the step and the batch's shape.
    """
    _positive("epochs", epochs)
    _positive("batch_size", batch_size)
    device = _device(device, model)
    arrays = _Arrays(data, device, model)
    held_out = _Arrays(validation, device, model) if validation is not None else None
    path = _checkpoint_path(checkpoint)
    model.to(device)
    players, history = _players(model, objective, lr, optimiser), History()
    own_random_state = partial(
        torch.random.fork_rng, devices=[device] if device.type == "cuda" else []
    )

    with own_random_state():
        torch.manual_seed(seed)
        if path is not None and path.exists():
            _load_checkpoint(path, model, players, history, device)
        steps = math.ceil(len(arrays) / batch_size)
        bar = tqdm(
            total=epochs * steps,
            initial=min(len(history), epochs) * steps,
            **({} if progress else {"disable": True}),  # else tqdm looks at TQDM_DISABLE
            mininterval=0.5 if _watched() else 10,
            leave=False,
            unit="step",
        )
        started = time.perf_counter() - history.seconds
        try:
            with bar:
                if on_epoch is not None and not history.epochs:
                    with own_random_state():
                        on_epoch(0, model.eval())
                for epoch in range(len(history), epochs):
                    record = _epoch(
                        model, players, arrays, batch_size, schedule, epoch, epochs, bar
                    )
                    if held_out is not None:
                        for player in players:
                            with own_random_state():
                                parts = _measure(model, player.objective, held_out, 1000)
                            record[f"validation {player.prefix}loss"] = sum(parts.values())
                    history.epochs.append(record)
                    history.seconds = time.perf_counter() - started
                    if path is not None:
                        _save_checkpoint(path, model, players, history, device)
                    bar.set_postfix({n: f"{v:.4g}" for n, v in record.items()}, refresh=False)
                    if on_epoch is not None:
                        with own_random_state():
                            on_epoch(epoch + 1, model.eval())
        except KeyboardInterrupt:
            history.interrupted = True
            history.seconds = time.perf_counter() - started
            at = min(len(history) + 1, epochs)
            print(
                f"Interrupted in epoch {at} of {epochs}. The model keeps the weights it has now, "
                f"the history its {len(history)} full epochs.",
                file=sys.stderr,
            )
        finally:
            model.eval()
    return history


def evaluate(
    model: nn.Module, objective: Objective, data: Data, batch_size: int = 1000
) -> dict[str, float]:
    """Mean of an objective over data, in evaluation mode, without gradients.

    Args:
        model: any module; it keeps its mode.
        objective: as for :func:`fit`; a batch's mean is weighted by the size of the batch.
        data: as for :func:`fit`.
        batch_size: images at a time.

    Returns:
        The named parts, and their sum as ``"loss"``.

    Raises:
        TypeError: if the objective is no function, as a list of players is not.
        ValueError: as :func:`fit` does.
    """
    _positive("batch_size", batch_size)
    if not callable(objective):
        raise TypeError("evaluate takes one objective; of a player, take player.objective")
    arrays = _Arrays(data, _device(None, model), model)
    parts = _measure(model, objective, arrays, batch_size)
    return {"loss": sum(parts.values()), **parts}


def predict(function: Callable[[Tensor], Tensor], data: Data, batch_size: int = 1000) -> Tensor:
    """Apply a model, or a method such as ``model.encode``, to all data, batch by batch.

    Args:
        function: takes x of shape (N, ...), returns a tensor whose first dimension is N. If it is
            a module or a module's method, that module is in evaluation mode meanwhile.
        data: as for :func:`fit`.
        batch_size: images at a time.

    Returns:
        The results in one tensor on the CPU, without gradients.

    Raises:
        ValueError: as :func:`fit` does; or if the function returns no tensor with one row an item.
    """
    _positive("batch_size", batch_size)
    owner = function if isinstance(function, nn.Module) else getattr(function, "__self__", None)
    module = owner if isinstance(owner, nn.Module) else nn.Module()
    arrays = _Arrays(data, _device(None, module), module)
    results = []
    with _evaluation(module), torch.no_grad():
        for batch in arrays.in_order(batch_size):
            result = function(batch.x)
            if not isinstance(result, Tensor) or result.shape[:1] != batch.x.shape[:1]:
                got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
                raise ValueError(
                    "the function must return one tensor with as many rows as x; x has shape "
                    f"{tuple(batch.x.shape)}, the result {got}"
                )
            results.append(result.cpu())
    return torch.cat(results)


def warmup_cosine(warmup: float = 0.1) -> Callable[[float], float]:
    """A schedule: the learning rate rises linearly, then falls to 0 along half a cosine.

    Loshchilov & Hutter, *SGDR* (2017), without restarts; the warm-up is Goyal et al. (2017).

    Args:
        warmup: part of training in which the rate rises, from 0 to below 1.

    Returns:
        A function from progress in [0, 1] to a factor in [0, 1].

    Raises:
        ValueError: if ``warmup`` is not in [0, 1).
    """
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup is a part of training, from 0 to below 1; got {warmup}")

    def factor(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))

    return factor


class _Arrays:
    """Checked data on a device, given out in batches of the type that the model computes in."""

    def __init__(self, data: Any, device: torch.device, model: nn.Module) -> None:
        if isinstance(data, Split):
            x, y = data.images, data.labels
        elif isinstance(data, Tensor):
            x, y = data, torch.empty(len(data) if data.dim() else 0, 0)
        elif isinstance(data, tuple) and len(data) == 2 and all(torch.is_tensor(d) for d in data):
            x, y = data
        else:
            raise ValueError(
                "data must be a set such as digits.train, a tensor x, or a pair of tensors (x, y); "
                f"got {type(data).__name__}"
            )
        if x.dim() == 0 or len(x) == 0:
            raise ValueError(f"the data are empty: shape {tuple(x.shape)}")
        if y.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"{len(x)} inputs but {len(y) if y.dim() else 'no'} labels; there must be one for "
                "each"
            )
        first = next(model.parameters(), None)
        self.dtype = first.dtype if first is not None else torch.float32
        if x.dtype != torch.uint8:
            _check_values(x)
            if first is not None and x.dtype != first.dtype:
                raise ValueError(
                    f"the inputs are {x.dtype}, the model's weights {self.dtype}; convert the "
                    f"inputs by x.to({self.dtype})"
                )
        self.x, self.y = x.detach().to(device), y.detach().to(device)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor | slice) -> Batch:
        x = self.x[index]
        return Batch(x.to(self.dtype).div_(255) if x.dtype == torch.uint8 else x, self.y[index])

    def shuffled(self, batch_size: int) -> Iterator[Batch]:
        order = torch.randperm(len(self)).to(self.x.device)
        return (self.take(index) for index in order.split(batch_size))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        return (self.take(slice(i, i + batch_size)) for i in range(0, len(self), batch_size))


def _check_values(x: Tensor) -> None:
    if not x.is_floating_point():
        raise ValueError(f"inputs must be uint8 images or floating point; got {x.dtype}")
    if not x.isfinite().all():
        first = int(
            (~x.isfinite().flatten(1).all(1) if x.dim() > 1 else ~x.isfinite()).nonzero()[0]
        )
        raise ValueError(f"the data hold NaN or infinity, first in item {first}")
    if x.dim() == 4 and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"pixels must lie in [0, 1]; these go from {x.min():.3g} to {x.max():.3g}. "
            "Divide by 255, or pass data that are no images in two dimensions, x.flatten(1)."
        )


class _Side:
    """A player with its parameters and optimiser at hand."""

    def __init__(
        self,
        model: nn.Module,
        player: Player,
        prefix: str,
        lr: float,
        optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None,
    ) -> None:
        self.name, self.objective, self.prefix = player.name, player.objective, prefix
        self.parameters = [p for p in player.parameters(model) if p.requires_grad]
        if not self.parameters:
            raise ValueError(f"{prefix or 'the model '}has no parameters to train")
        make = player.optimiser or optimiser
        rate = lr if player.lr is None else player.lr
        if make is None and not (rate > 0 and math.isfinite(rate)):
            raise ValueError(f"the learning rate lr must be a positive number; got {rate}")
        self.optimiser = (
            make(self.parameters)
            if make is not None
            else torch.optim.Adam(self.parameters, lr=rate, fused=True)
        )
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    def scale_rate(self, factor: float) -> None:
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def step(self, model: nn.Module, batch: Batch, where: Callable[[], str]) -> dict[str, float]:
        parts = _parts(self.objective, model, batch, where)
        total = sum(parts.values())
        values = {name: part.item() for name, part in parts.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"{self.prefix}{name} is {value} in {where()}; the weights are those before "
                    "this step. "
                    "Try a smaller learning rate, and look for a logarithm or a division of 0."
                )
        self.optimiser.zero_grad()
        if total.requires_grad:
            total.backward(inputs=self.parameters)
        if all(p.grad is None for p in self.parameters):
            raise ValueError(
                f"{self.prefix or 'the '}loss does not depend on any parameter to train. Was it "
                "computed under no_grad, from a detached tensor, or not from the model at all?"
            )
        self.optimiser.step()
        return values


def _players(
    model: nn.Module,
    objective: Objective | Sequence[Player],
    lr: float,
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] | None,
) -> list[_Side]:
    if callable(objective):
        alone = Player("", objective, lambda m: m.parameters())
        return [_Side(model, alone, "", lr, optimiser)]
    if not isinstance(objective, list | tuple) or not all(isinstance(p, Player) for p in objective):
        raise ValueError("the objective must be a function of (model, batch), or a list of Players")
    if not objective:
        raise ValueError("the objective must be a function of (model, batch), or a list of Players")
    if len({p.name for p in objective}) < len(objective):
        raise ValueError("two players have the same name")
    return [_Side(model, p, f"{p.name} ", lr, optimiser) for p in objective]


def _parts(
    objective: Objective, model: nn.Module, batch: Batch, where: Callable[[], str]
) -> dict[str, Tensor]:
    """The named losses of a batch, checked; one without a name is called "loss"."""
    try:
        result = objective(model, batch)
    except Exception as error:
        x, y = tuple(batch.x.shape), tuple(batch.y.shape)
        error.add_note(f"In {where()}: the batch has x of shape {x} and y of shape {y}.")
        raise
    parts = dict(result) if isinstance(result, Mapping) else {"loss": result}
    for name, part in parts.items():
        if not isinstance(part, Tensor) or part.dim() != 0:
            got = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(
                f"the objective must return a scalar tensor for {name!r}; got {got}. A loss an "
                "image becomes a scalar by .mean()."
            )
    if not parts:
        raise ValueError("the objective returned no losses")
    if len(parts) > 1 and "loss" in parts:
        raise ValueError('give the part called "loss" another name: that is the sum of all parts')
    return parts


def _epoch(
    model: nn.Module,
    players: list[_Side],
    arrays: _Arrays,
    batch_size: int,
    schedule: Callable[[float], float] | None,
    epoch: int,
    epochs: int,
    bar: tqdm,
) -> dict[str, float]:
    """One pass over the data; returns the mean of every named loss."""
    model.train()
    sums: list[dict[str, float]] = [{} for _ in players]
    steps = math.ceil(len(arrays) / batch_size)
    for step, batch in enumerate(arrays.shuffled(batch_size)):
        where = partial("epoch {}, step {}".format, epoch + 1, step + 1)
        if schedule is not None:
            # The middle of the step: neither the first nor the last is spent at a rate of 0.
            factor = schedule((epoch + (step + 0.5) / steps) / epochs)
            for player in players:
                player.scale_rate(factor)
        for player, own in zip(players, sums, strict=True):
            for name, value in player.step(model, batch, where).items():
                own[name] = own.get(name, 0.0) + value * len(batch.x)
        bar.update()
    record = {}
    for player, own in zip(players, sums, strict=True):
        record[f"{player.prefix}loss"] = sum(own.values()) / len(arrays)
        record |= {f"{player.prefix}{name}": value / len(arrays) for name, value in own.items()}
    return record


def _measure(
    model: nn.Module, objective: Objective, arrays: _Arrays, batch_size: int
) -> dict[str, float]:
    """Mean of every named part over the data, in evaluation mode."""
    sums: dict[str, float] = {}
    with _evaluation(model), torch.no_grad():
        for batch in arrays.in_order(batch_size):
            for name, part in _parts(objective, model, batch, lambda: "evaluation").items():
                sums[name] = sums.get(name, 0.0) + part.item() * len(batch.x)
    return {name: value / len(arrays) for name, value in sums.items()}


class _evaluation:
    """Evaluation mode for a while; every submodule gets its own mode back."""

    def __init__(self, model: nn.Module) -> None:
        self.modes = [(m, m.training) for m in model.modules()]
        self.model = model

    def __enter__(self) -> None:
        self.model.eval()

    def __exit__(self, *exception: object) -> None:
        for module, training in self.modes:
            module.training = training


def _positive(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; got {value!r}")


def _device(device: str | torch.device | None, model: nn.Module) -> torch.device:
    if device is None:
        first = next(chain(model.parameters(), model.buffers()), None)
        return first.device if first is not None else torch.device("cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"the device {device!r} cannot be used here ({error}); leave device out to train where "
            "the model is"
        ) from error
    return torch.device(device)


def _watched() -> bool:
    """Whether somebody sees the bar move: a notebook or a terminal, and not a log file."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _checkpoint_path(checkpoint: str | Path | None) -> Path | None:
    if checkpoint is None:
        return None
    path = Path(checkpoint).expanduser()
    if path.suffix != ".safetensors":
        raise ValueError(f"a checkpoint is a .safetensors file; got {path}")
    if not path.parent.is_dir():
        raise ValueError(f"the folder of the checkpoint does not exist: {path.parent}")
    return path


def _save_checkpoint(
    path: Path,
    model: nn.Module,
    players: list[_Side],
    history: History,
    device: torch.device,
) -> None:
    """Model, optimisers, random state and history; written beside it first, then moved over it."""
    from safetensors.torch import save_file

    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors["random_state"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["random_state.cuda"] = torch.cuda.get_rng_state(device)
    for i, player in enumerate(players):
        for j, state in player.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{j}.{k}": v for k, v in state.items() if torch.is_tensor(v)}
    about = {
        "epochs": history.epochs,
        "seconds": history.seconds,
        "players": [_signature(player) for player in players],
    }
    partial_file = path.with_suffix(".partial")
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    save_file(tensors, partial_file, metadata={"aelib": json.dumps(about)})
    partial_file.replace(path)


def _load_checkpoint(
    path: Path,
    model: nn.Module,
    players: list[_Side],
    history: History,
    device: torch.device,
) -> None:
    """Read all, compare all, and only then change the model."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["aelib"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        epochs, seconds, saved = about["epochs"], about["seconds"], about["players"]
        random_state = tensors["random_state"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no whole checkpoint of aelib ({error}); move it away to start again"
        ) from error

    weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    there = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    here = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    problem = ""
    for name in here | there:
        if here.get(name) != there.get(name):
            problem = f"a model with {name} {there.get(name, 'missing')}, not {here.get(name)}"
            break
    if not problem and saved != [_signature(player) for player in players]:
        problem = "other players, optimisers or parameters to train"
    if problem:
        raise ValueError(
            f"{path} is of another run: it holds {problem}; move it away or name another file"
        )

    model.load_state_dict(weights)
    for i, player in enumerate(players):
        entries: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimiser.{i}."):
                _, _, j, key = name.split(".", 3)
                entries.setdefault(int(j), {})[key] = tensor
        groups = player.optimiser.state_dict()["param_groups"]
        player.optimiser.load_state_dict({"state": entries, "param_groups": groups})
    torch.set_rng_state(random_state)
    if device.type == "cuda" and "random_state.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random_state.cuda"], device)
    history.epochs, history.seconds = epochs, seconds


def _signature(player: _Side) -> list[Any]:
    """What must be the same for a checkpoint to fit: name, optimiser, shapes of the parameters."""
    shapes = [list(parameter.shape) for parameter in player.parameters]
    return [player.name, type(player.optimiser).__name__, shapes]
