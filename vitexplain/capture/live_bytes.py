"""LiveBytes: the most memory that tensors made while it is active hold at a time."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_NUMBERS = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.item.default,
    torch.ops.aten.is_nonzero.default,
)
"""What makes a number of a tensor."""


class LiveBytes(TorchDispatchMode):
    """While active, counts the bytes of every storage from when an operation returns it until nothing holds it.

    What autograd keeps for a backward pass counts, too. `peak`: the most at a time, in bytes. On torch's meta device,
    where tensors have shapes and no numbers, that is what the same code would take: a number that decides something
    there is 1. Memory that an operation needs for itself only is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._now = 0
        self._held: dict[int, weakref.ref[UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return what the operation returns."""
        if func in _NUMBERS and args[0].is_meta:
            return args[0].dtype == torch.bool or 1
        given = {each.untyped_storage()._cdata for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                if storage._cdata not in given:
                    self._hold(storage)
        return result

    def _hold(self, storage: UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._held:
            return

        def gone(_: object) -> None:
            del self._held[key]
            self._now -= size

        self._held[key] = weakref.ref(storage, gone)
        self._now += size
        self.peak = max(self.peak, self._now)
