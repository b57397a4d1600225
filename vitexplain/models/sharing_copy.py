"""A copy of the user's module that shares its weights and what is no part of the network; compiled for nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from vitexplain.errors import ModelError
from vitexplain.models.found_network import find_network

_INNER = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Where wrappers of torch keep the module that they run: torch.compile's, FSDP's, activation checkpointing's."""

_PLAIN = ("builtins", "collections", "functools", "types")


def sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy of the tree of modules whose parameters and buffers are the same memory, without gradients.

    torch's own wrappers (DataParallel, DistributedDataParallel, FSDP, torch.compile, activation checkpointing) are
    taken off at every depth: they run the same function. Objects that are no modules (a trainer, a logger) are shared.
    ModelError: the module cannot be copied, or its parts cannot be seen.
    """
    whole = _run_by(module)
    _refuse_traced(whole)
    if any(type(parameter).__name__ == "DTensor" for parameter in whole.parameters()):
        raise ModelError(
            f"{type(module).__name__}: its parameters are in pieces (FSDP2's fully_shard, tensor parallelism): load "
            "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)) of "
            "torch.distributed.checkpoint.state_dict into a plain module and give that"
        )
    parts = list(whole.modules())
    memo: dict[int, Any] = {}
    for parameter in whole.parameters():
        memo[id(parameter)] = nn.Parameter(_own(parameter), requires_grad=False)
    for buffer in whole.buffers():
        memo[id(buffer)] = _own(buffer)
    for part in parts:
        for value in vars(part).values():
            for held in _held(value):
                memo.setdefault(id(held), held.detach() if isinstance(held, Tensor) else held)
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


def place_of(path: str) -> str:
    """Return how the part at `path` is written in Python: model, model.net, model[1]."""
    names = path.split(".") if path else []
    return "model" + "".join(f"[{name}]" if name.isdigit() else f".{name}" for name in names)


def _refuse_traced(module: nn.Module) -> None:
    """Refuse a program made of a vision transformer, alone or inside, with what to give in its place."""
    for path, part in module.named_modules():
        if not isinstance(part, torch.jit.ScriptModule | torch.fx.GraphModule):
            continue
        if path and find_network(part.state_dict()) is None:
            continue
        kind = "TorchScript module" if isinstance(part, torch.jit.ScriptModule) else "traced graph"
        place = place_of(path)
        raise ModelError(
            f"{place} is a {kind}, whose parts cannot be seen: give the module that it was made of, or its weights, "
            f"torch.save({place}.state_dict(), 'weights.pth'), as `weights=` with their `model=`"
        )


def _uncompiled(value: Any, part: nn.Module) -> Any:
    """Return a module's attribute; the function as it was written where it is a compiled one."""
    function = getattr(value, "_torchdynamo_orig_callable", None)
    if isinstance(function, MethodType) and type(function.__self__) is type(part):
        return MethodType(function.__func__, part)
    return value if function is None else function


def _run_by(module: nn.Module) -> nn.Module:
    """Return the module that torch's own wrappers around it run; without any, the module itself."""
    while True:
        inner = next((part for name, part in module.named_children() if name in _INNER), None)
        if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if inner is None:
            return module
        module = inner


def _own(tensor: Tensor) -> Tensor:
    """Return the same memory without gradients; a copy of a tensor made in inference mode, which never has any."""
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def _held(value: object) -> Iterator[object]:
    """Yield what an attribute of a module holds that is neither module nor container nor function, tensors and more."""
    if isinstance(value, list | tuple | set | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _held(each)
    elif isinstance(value, Tensor) or (type(value).__module__ not in _PLAIN and not isinstance(value, nn.Module)):
        yield value
