"""A copy of the user's module that shares its weights and what is no part of the network; compiled for nothing."""

from __future__ import annotations

import copy
from types import MethodType
from typing import Any

from torch import Tensor, nn

from vitexplain.errors import ModelError

_INNER = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Where wrappers of torch keep the module that they run: torch.compile's, FSDP's, activation checkpointing's."""


def sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy of the tree of modules whose parameters and buffers are the same memory, without gradients.

    torch's own wrappers (DataParallel, DistributedDataParallel, FSDP, torch.compile, activation checkpointing) are
    taken off at every depth: they run the same function. Objects that are no modules (a trainer, a logger) are shared.
    ModelError: the module cannot be copied.
    """
    whole = _run_by(module)
    parts = list(whole.modules())
    memo: dict[int, Any] = {}
    for parameter in whole.parameters():
        memo[id(parameter)] = nn.Parameter(_own(parameter), requires_grad=False)
    for buffer in whole.buffers():
        memo[id(buffer)] = _own(buffer)
    for part in parts:
        for value in vars(part).values():
            if isinstance(value, Tensor):
                memo.setdefault(id(value), value.detach())
            elif _foreign(value):
                memo[id(value)] = value
        for hook in (*part._forward_hooks.values(), *part._forward_pre_hooks.values()):
            if isinstance(hook, MethodType) and not isinstance(hook.__self__, nn.Module):
                memo[id(hook.__self__)] = hook.__self__
    try:
        for part in reversed(parts):
            if _run_by(part) is not part:
                memo[id(part)] = copy.deepcopy(_run_by(part), memo)
        copied: nn.Module = copy.deepcopy(whole, memo)
    except Exception as error:  # modules may hold anything
        raise ModelError(
            f"{type(module).__name__}: the module cannot be copied ({' '.join(str(error).split())[:100]}): "
            "give a module that copy.deepcopy copies"
        ) from None
    for part in copied.modules():
        part._compiled_call_impl = None
        vars(part).update({name: _uncompiled(value, part) for name, value in vars(part).items()})
    return copied


def _uncompiled(value: Any, part: nn.Module) -> Any:
    """Return a module's attribute; the function as it was written where it is a compiled one."""
    function = getattr(value, "_torchdynamo_orig_callable", None)
    if isinstance(function, MethodType) and type(function.__self__) is type(part):
        return MethodType(function.__func__, part)
    return value if function is None else function


def _run_by(module: nn.Module) -> nn.Module:
    """Return the module that torch's own wrappers around it run; without any, the module itself."""
    while True:
        inner = next((part for name in _INNER if (part := module._modules.get(name)) is not None), None)
        if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if inner is None:
            return module
        module = inner


def _own(tensor: Tensor) -> Tensor:
    """Return the same memory without gradients; a copy of a tensor made in inference mode, which never has any."""
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def _foreign(value: object) -> bool:
    """Return whether an attribute of a module is an object of its own: no module, no container, no function."""
    plain = type(value).__module__ in ("builtins", "collections", "functools", "types")
    return not plain and not isinstance(value, nn.Module | Tensor)
