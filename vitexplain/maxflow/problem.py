"""The problem that a flow solves: the caller's capacities and source, checked and brought to one form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import UsageError

Array: TypeAlias = Any
"""A numpy array or a torch tensor; what comes back is of the kind that went in."""
_SMALL = 1e-20
"""Where less than this leaves a source, or more than its inverse, capacities are given in another unit than 1: nearer
to 1, ordinary graphs would be scaled for nothing; further off, products of capacities would be lost."""


@dataclass(frozen=True)
class FlowProblem:
    """A source, L layers of edges, and N_0 tokens at the bottom, each of which is the sink of its own flow.

    `layers[l - 1]` (N_l, N_{l-1}) float64 holds the capacities of layer l, from tokens above to tokens below; layer 1
    is nearest the image. `start` (N_L,) holds the capacities of the virtual source's edges into the top level.

    A source that is a single token is unbounded: its level then holds that token alone (N_L = 1), and `start` is all
    that the token can pass on, so that its virtual edge never binds.

    `unit`: all capacities are given in this unit, a power of two, which is 1 but for extremely small or large ones.
    """

    start: Tensor
    layers: tuple[Tensor, ...]
    source_is_token: bool
    unit: float = 1.0

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.layers)

    @property
    def sinks(self) -> int:
        """Number of tokens at the bottom N_0."""
        return self.layers[0].shape[1]

    @property
    def source_capacity(self) -> Tensor:
        """Return the capacity () of the cut around the source."""
        return self.start.sum()

    @property
    def column_capacity(self) -> Tensor:
        """Return the capacity (N_0,) of the cut around each sink: its column of layer 1."""
        return self.layers[0].sum(0)

    @property
    def source_layer(self) -> int:
        """The layer that the cut around the source passes: L for a token, L + 1 for a virtual source's own edges."""
        return self.depth if self.source_is_token else self.depth + 1


def build_problem(capacities: Sequence[Array] | Array, source: Array) -> FlowProblem:
    """Return the problem of `capacities` [L arrays (N_l, N_{l-1}), the first nearest the image] below `source`.

    `source` is the number of a token of level L, or the weights (N_L,) of a virtual source's edges into level L.
    Raises UsageError where shapes do not fit, a number is negative or not finite, or the token does not exist.
    """
    return _below(_checked(capacities), source)


def build_problems_by_depth(capacities: Sequence[Array] | Array, source: Array) -> list[FlowProblem]:
    """Return the problems of layers 1 .. k of `capacities` below `source`, for k = 1 .. L; arguments as above."""
    layers = _checked(capacities)
    return [_below(layers[:depth], source) for depth in range(1, len(layers) + 1)]


def _checked(capacities: Sequence[Array] | Array) -> tuple[Tensor, ...]:
    layers = tuple(as_float64(layer, f"layer {number}") for number, layer in enumerate(capacities, 1))
    if not layers:
        raise UsageError("no layers of capacities given: a flow needs at least one")
    for number, layer in enumerate(layers, 1):
        if layer.ndim != 2 or 0 in layer.shape:
            raise UsageError(f"layer {number} has shape {tuple(layer.shape)}: expected (tokens above, tokens below)")
        if number > 1 and layer.shape[1] != layers[number - 2].shape[0]:
            raise UsageError(
                f"layer {number} ends in {layer.shape[1]} tokens but layer {number - 1} "
                f"starts from {layers[number - 2].shape[0]}: they must be the same"
            )
    return layers


def _below(layers: tuple[Tensor, ...], source: Array) -> FlowProblem:
    """Return the problem of `layers` below `source`, which is checked here."""
    top = layers[-1]
    if is_token(source):
        token = int(source)
        if not 0 <= token < top.shape[0]:
            raise UsageError(f"source token {token} does not exist: the top level has tokens 0 to {top.shape[0] - 1}")
        row = top[token : token + 1]
        return _in_a_unit(FlowProblem(row.sum(1), (*layers[:-1], row), True))
    start = as_float64(source, "source").to(top.device)
    if start.shape != top.shape[:1]:
        raise UsageError(f"source weights have shape {tuple(start.shape)}: expected ({top.shape[0]},)")
    return _in_a_unit(FlowProblem(start, layers, False))


def _in_a_unit(problem: FlowProblem) -> FlowProblem:
    """Return `problem` in a unit in which what leaves its source is neither too small nor too large to compute with.

    Edges much wider than the source never bind, and are made narrower.
    """
    total = float(problem.source_capacity)
    if total == 0 or _SMALL <= total <= 1 / _SMALL:
        return problem
    unit = 2.0 ** min(max(math.frexp(total)[1], -1000), 1000)

    def scaled(capacities: Tensor) -> Tensor:
        return (capacities / unit).clamp(max=1 / _SMALL)

    return FlowProblem(
        scaled(problem.start), tuple(scaled(layer) for layer in problem.layers), problem.source_is_token, unit
    )


def is_token(source: Array) -> bool:
    """Return whether `source` names one token (a whole number) rather than weights (a vector)."""
    if isinstance(source, (int, np.integer)) and not isinstance(source, bool):
        return True
    return isinstance(source, (np.ndarray, Tensor)) and source.ndim == 0 and "int" in str(source.dtype)


def as_float64(values: Array, what: str) -> Tensor:
    """Return `values` as a detached float64 tensor where it lies (on the CPU if its device has no float64).

    Raises UsageError, naming `what`, for numbers that are negative or not finite.
    """
    tensor = values.detach() if isinstance(values, Tensor) else torch.from_numpy(_numpy_float64(values, what))
    tensor = (tensor.cpu() if tensor.device.type == "mps" else tensor).to(torch.float64)
    if tensor.numel() and not bool((tensor.amin() >= 0) & torch.isfinite(tensor.sum())):
        raise UsageError(f"the capacities of {what} are not all finite and at least 0")
    return tensor


def is_torch(capacities: Sequence[Array] | Array) -> bool:
    """Return whether the caller's capacities are torch tensors."""
    return isinstance(capacities, Tensor) or any(isinstance(layer, Tensor) for layer in capacities)


def _numpy_float64(values: Array, what: str) -> npt.NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64, order="C", copy=None)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the capacities of {what} are not an array of numbers: {error}") from None
