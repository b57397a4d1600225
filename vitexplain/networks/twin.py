"""A module some of whose parts are watched, without hooks: the module itself is never touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any

from torch import nn

OnCall = Callable[..., Any]
"""Receives a part's own forward and the arguments of a call, and returns what goes on as the part's output."""


def twin_of(module: nn.Module, on_calls: Mapping[str, OnCall]) -> nn.Module:
    """Return a module with the same weights in which the calls of the named parts pass through functions.

    `on_calls` maps names such as "patch_embed" or "blocks.3" to functions. Only the modules on the way to a named one
    are new, shallow copies that share everything with the original, which other threads may run meanwhile. Gradient
    checkpointing is off in the copies: it would compute attention a second time, unseen. Of a part that returns a tuple
    functions see the first item, and what they return takes its place; the others go on as they are.

    A watched part is two copies, the outer one calling the inner: were it one that calls itself, what the functions
    keep would lie in a reference cycle and stay in memory until the garbage collector comes.
    """
    twin: Any = copy.copy(module)
    twin._modules = dict(module._modules)
    vars(twin).update({name: _rebound(value, module, twin) for name, value in vars(twin).items()})
    if hasattr(twin, "grad_checkpointing"):
        twin.grad_checkpointing = False
    inner: dict[str, dict[str, OnCall]] = {}
    for name, function in on_calls.items():
        if name:
            child, _, rest = name.partition(".")
            inner.setdefault(child, {})[rest] = function
    for child, functions in inner.items():
        twin._modules[child] = twin_of(module.get_submodule(child), functions)
    if "" in on_calls:
        outer: Any = copy.copy(twin)
        outer.forward = _through(twin.forward, on_calls[""])
        twin = outer
    return twin  # type: ignore[no-any-return]


def _rebound(value: Any, module: nn.Module, twin: nn.Module) -> Any:
    """Return an attribute of a module's twin: a method put in the place of the class's own belongs to the twin."""
    if isinstance(value, MethodType) and value.__self__ is module:
        return MethodType(value.__func__, twin)
    if isinstance(value, partial) and value.args and value.args[0] is module:
        return partial(value.func, twin, *value.args[1:], **value.keywords)
    return value


def _through(forward: Callable[..., Any], function: OnCall) -> Callable[..., Any]:
    def seen(*args: Any, **kwargs: Any) -> Any:
        others: list[tuple[Any, ...]] = []

        def first(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            if isinstance(output, tuple):
                others.append(output[1:])
                return output[0]
            return output

        output = function(first, *args, **kwargs)
        return (output, *others[0]) if others else output

    return seen
