"""A network whose inner outputs or inputs are seen or replaced, without hooks: the network itself is never touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from vitexplain.networks import Network
from vitexplain.networks.twin import twin_of

OnOutput = Callable[[Tensor], Tensor]
"""Receives a module's output, or its first input, and returns its replacement."""


def observed(network: Network, on_outputs: Mapping[str, OnOutput]) -> Network:
    """Return a network with the same weights in which the outputs of the named modules pass through functions.

    `on_outputs` maps names such as "patch_embed" or "blocks.3" to functions. The network itself is shared, not copied,
    and stays as it is (see `twin_of`).
    """
    on_calls = {name: partial(_then, function) for name, function in on_outputs.items()}
    return network.with_module(twin_of(network.module, on_calls))


def entered(network: Network, on_inputs: Mapping[str, OnOutput]) -> Network:
    """Return a network as `observed` does, in which the inputs of the named modules pass through functions."""
    on_calls = {name: partial(_before, function) for name, function in on_inputs.items()}
    return network.with_module(twin_of(network.module, on_calls))


def _before(function: OnOutput, forward: Callable[..., Any], entering: Tensor, *args: Any, **kwargs: Any) -> Any:
    return forward(function(entering), *args, **kwargs)


def _then(function: OnOutput, forward: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    return function(forward(*args, **kwargs))
