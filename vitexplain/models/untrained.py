"""Whether a module still has the numbers that it was created with: then its maps say nothing of any training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitexplain.networks import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

UNTRAINED = (
    "every norm has the numbers that it was created with, as in a network that was never trained: then its predictions "
    "and maps mean nothing; load trained weights into it first"
)


def untrained_notices(network: Network) -> tuple[str, ...]:
    """Return the notice for a network of random weights, nothing for one that is trained or cannot be told.

    Every norm in its layers has the weight 1 and the bias 0 throughout: one step of training changes them all.
    """
    found = False
    for name in network.blocks:
        for module in network.module.get_submodule(name).modules():
            if "Norm" not in type(module).__name__:
                continue
            weight, bias = _vector(module, "weight"), _vector(module, "bias")
            if weight is None:
                continue
            found = True
            if not bool((weight == 1).all()) or (bias is not None and bool(bias.any())):
                return ()
    return (UNTRAINED,) if found else ()


def _vector(module: nn.Module, name: str) -> Tensor | None:
    import torch

    found = getattr(module, name, None)  # quantised layers have a method of this name
    return found if isinstance(found, torch.Tensor) and found.ndim == 1 and not found.is_meta else None
