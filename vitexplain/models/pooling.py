"""The pooling that a classifier was trained with, where the names of the weights do not tell it."""

from __future__ import annotations

from vitexplain.errors import UsageError
from vitexplain.networks import Network

_READOUTS = {"token": ("cls",), "avg": ("mean", "mean-all")}


def set_pooling(network: Network, pooling: str | None) -> None:
    """Let the network's classifier read the class token ("token") or the mean of the patches ("avg"); None: as it is.

    UsageError: the network cannot be read that way; it is left as it was.
    """
    if pooling is None or network.readout in _READOUTS[pooling]:
        return
    module = network.module
    before = getattr(module, "global_pool", None)
    if before in ("token", "avg") and (pooling == "avg" or getattr(module, "cls_token", None) is not None):
        module.global_pool = pooling  # type: ignore[assignment]
        if network.readout in _READOUTS[pooling]:
            return
        module.global_pool = before
    raise UsageError(
        f"pool {pooling}: this model's classifier reads {_WORDS[network.readout]} and nothing else: leave `pool=` out"
    )


_WORDS = {
    "cls": "the class token",
    "mean": "the mean of the patches",
    "mean-all": "the mean of all tokens",
    "pool": "an attention pool",
    "distilled": "the class and distillation tokens",
}
