"""A network whose inner outputs are seen or replaced, without hooks: the network itself is never touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from vitexplain.networks import Network
from vitexplain.networks.twin import twin_of

OnOutput = Callable[[Tensor], Tensor]
"""Receives a module's output and returns its replacement."""


def observed(network: Network, on_outputs: Mapping[str, OnOutput]) -> Network:
    """Return a network with the same weights in which the outputs of the named modules pass through functions.

    `on_outputs` maps names such as "patch_embed" or "blocks.3" to functions. The network itself is shared, not copied,
    and stays as it is (see `twin_of`).
    """
    on_calls = {name: partial(_then, function) for name, function in on_outputs.items()}
    return network.with_module(twin_of(network.module, on_calls))


def _then(function: OnOutput, forward: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    return function(forward(*args, **kwargs))
