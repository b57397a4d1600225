"""What a module's forward returned, as the outputs (B, C): one reader for the modules of all libraries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_EXPECTED = (
    "expected one row of outputs per picture: a tensor (B, C), a tuple or list whose first item is it, or a mapping or "
    "object with `logits`"
)
_DEEPEST = 4


def read_output(raw: object, batch: int, names: Sequence[str] = ("logits",)) -> Tensor:
    """Return the outputs (B, C) in what forward returned for `batch` pictures.

    A tensor (B, C), also (B,) for one output and (B, C, 1, 1), a tuple or list whose first item is it, or a mapping or
    object that has it under one of `names`. Where a batch of one picture was squeezed away, it is put back. ModelError,
    with what was returned: anything else.
    """
    import torch

    found: Any = raw
    for _ in range(_DEEPEST):
        if isinstance(found, torch.Tensor):
            break
        found = _inside(found, names)
    outputs = _as_rows(found, batch) if isinstance(found, torch.Tensor) else None
    if outputs is None or not outputs.is_floating_point() or outputs.size(-1) == 0:
        pictures = f"{batch} picture{'s' * (batch != 1)}"
        raise ModelError(f"the model returned {_words(raw)} for {pictures}, {_EXPECTED}: give a module that does")
    return outputs


def _inside(found: Any, names: Sequence[str]) -> Any:
    """Return what a mapping or object has under the first of the names that it has, or a sequence's first item."""
    for name in names:
        if isinstance(found, Mapping):
            if found.get(name) is not None:
                return found[name]
        elif getattr(found, name, None) is not None:
            return getattr(found, name)
    return found[0] if isinstance(found, tuple | list) and found else None


def _as_rows(outputs: Tensor, batch: int) -> Tensor | None:
    """Return the tensor as (B, C), None if it is no such one."""
    if outputs.ndim >= 2:
        rows = outputs.flatten(1)
        return rows if outputs.size(0) == batch and rows.size(1) == outputs.size(1) else None
    if outputs.ndim == 1 and outputs.size(0) == batch:
        return outputs[:, None]
    return outputs.reshape(1, -1) if batch == 1 else None


def _words(raw: object, depth: int = 0) -> str:
    """Return what an object is, in words short enough for one line."""
    import torch

    kind = type(raw).__name__
    if isinstance(raw, torch.Tensor):
        numbers = "" if raw.is_floating_point() else f" of {str(raw.dtype).removeprefix('torch.')}"
        return f"a tensor ({', '.join(map(str, raw.shape))}){numbers}"
    if raw is None or depth > 1:
        return "nothing" if raw is None else f"a {kind}"
    if isinstance(raw, tuple | list):
        return f"a {kind} of {len(raw)}" + (f", the first {_words(raw[0], depth + 1)}" if raw else "")
    if isinstance(raw, Mapping):
        return f"a {kind} with {', '.join(repr(str(key)[:40]) for key in list(raw)[:4]) or 'nothing in it'}"
    if dataclasses.is_dataclass(raw):
        return f"a {kind} with {', '.join(field.name for field in dataclasses.fields(raw)[:4])}"
    return f"a {kind}"
