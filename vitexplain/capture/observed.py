"""A network whose inner outputs are seen or replaced, without hooks: the network itself is never touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from vitexplain.networks import Network

OnOutput = Callable[[Tensor], Tensor]
"""Receives a module's output and returns its replacement."""


def observed(network: Network, on_outputs: Mapping[str, OnOutput]) -> Network:
    """Return a network with the same weights in which the outputs of the named modules pass through functions.

    `on_outputs` maps names such as "patch_embed" or "blocks.3" to functions. Only the modules on the way to a named one
    are new, shallow copies that share everything with the original, which other threads may run meanwhile. Gradient
    checkpointing is off in the copies: it would compute attention a second time, unseen.

    A watched module is two copies, the outer one calling the inner. One copy that calls itself would put what the
    functions keep into a reference cycle, and so into memory until the garbage collector runs.
    """
    return network.with_module(_observed(network.module, on_outputs))


def _observed(module: nn.Module, on_outputs: Mapping[str, OnOutput]) -> nn.Module:
    twin: Any = copy.copy(module)
    twin._modules = dict(module._modules)
    if hasattr(twin, "grad_checkpointing"):
        twin.grad_checkpointing = False
    inner: dict[str, dict[str, OnOutput]] = {}
    for name, function in on_outputs.items():
        if name:
            child, _, rest = name.partition(".")
            inner.setdefault(child, {})[rest] = function
    for child, functions in inner.items():
        twin._modules[child] = _observed(module.get_submodule(child), functions)
    if "" in on_outputs:
        outer: Any = copy.copy(twin)
        outer.forward = _through(twin.forward, on_outputs[""])
        twin = outer
    return twin  # type: ignore[no-any-return]


def _through(forward: Callable[..., Tensor], function: OnOutput) -> Callable[..., Tensor]:
    def seen(*args: Any, **kwargs: Any) -> Tensor:
        return function(forward(*args, **kwargs))

    return seen
