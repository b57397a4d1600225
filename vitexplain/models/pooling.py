"""The pooling that a classifier was trained with, where the names of the weights do not tell it."""

from __future__ import annotations

from vitexplain.errors import UsageError
from vitexplain.models.checkpoint import Checkpoint
from vitexplain.networks import Network

_READOUTS = {"token": ("cls",), "avg": ("mean", "mean-all")}
_WORDS = {
    "cls": "the class token",
    "mean": "the mean of the patches",
    "mean-all": "the mean of all tokens",
    "pool": "an attention pool",
    "distilled": "the class and distillation tokens",
}


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


def pool_as_said(network: Network, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Set the pooling that the file's own settings name, where its tensors leave it open; return a notice of it."""
    said, before = checkpoint.settings.pooling, network.readout
    if said not in _READOUTS or (checkpoint.looks and checkpoint.looks.pooling):
        return ()
    try:
        set_pooling(network, said)
    except UsageError:  # a setting of something else
        return ()
    if network.readout == before:
        return ()
    return (f"the classifier reads {_WORDS[network.readout]}, as the settings in the weights' file say",)
