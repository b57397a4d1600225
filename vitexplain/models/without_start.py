"""Networks built without their random start: weights that are overwritten at once need not be drawn first.

Drawing them takes most of the time in which timm builds a vision transformer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_IN_PLACE = {
    torch.Tensor.uniform_,
    torch.Tensor.normal_,
    torch.Tensor.erfinv_,
    torch.Tensor.mul_,
    torch.Tensor.div_,
    torch.Tensor.add_,
    torch.Tensor.clamp_,
}


class WithoutRandomStart(TorchFunctionMode):
    """While active, parameters keep whatever their memory held: only for a network all of whose weights are loaded.

    Buffers and the copying of weights are as always, and the random generators stay where they were.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return the parameter untouched for a random start, and let everything else pass."""
        kwargs = kwargs or {}
        if func in _IN_PLACE or getattr(func, "__module__", None) == "torch.nn.init":
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, torch.nn.Parameter):
                return target
        return func(*args, **kwargs)
