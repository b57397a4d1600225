"""FusedAttention: receives attention layer by layer and keeps it fused, N x N numbers per layer and image."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vitexplain.attention import EVERY_HEAD, Fusion
from vitexplain.errors import ModelError
from vitexplain.tokens import TokenGrid


class FusedAttention:
    """What a forward pass attended to: for every layer and fusion (B, N above, N below), and an attention pool (B, N).

    It is the receiver that `capture` takes. `levels` are the tokens below and above each layer; level 0 enters layer 1.
    ModelError for attention that does not match them.
    """

    def __init__(self, levels: tuple[TokenGrid, ...], fusions: frozenset[Fusion], batch: int, model: str) -> None:
        self.layers: list[dict[Fusion, Tensor]] = []
        self.heads = 0
        self.pool: Tensor | None = None
        self._levels, self._fusions, self._batch, self._model = levels, fusions, batch, model

    def __call__(self, weights: Tensor, images: slice) -> None:
        """Take weights (b, H, Q, N) of some images of the batch."""
        queries, keys = weights.shape[2:]
        # The first image of a call begins a layer, the others belong to the same one.
        layer = len(self.layers) + (images.start == 0)
        top = self._levels[-1]
        if layer < len(self._levels) and (queries, keys) == self._shape(layer):
            self._keep_layer(weights, images, layer)
        elif queries == 1 and keys in (top.tokens, top.patches):
            self._keep_pool(weights, images)
        else:
            expected = " x ".join(map(str, self._shape(min(layer, len(self._levels) - 1))))
            raise ModelError(
                f"model '{self._model}' attends from {queries} to {keys} tokens where its layers have {expected}: "
                "attention within windows or between pooled tokens is not supported; choose a plain ViT"
            )

    def _shape(self, layer: int) -> tuple[int, int]:
        """Return how many tokens read, and how many are read, in `layer`."""
        return self._levels[layer].tokens, self._levels[layer - 1].tokens

    def _keep_layer(self, weights: Tensor, images: slice, layer: int) -> None:
        if images.start == 0:
            self.heads = heads = weights.size(1)
            shape = (self._batch, *self._shape(layer))
            wanted = set(self._fusions)
            if EVERY_HEAD in wanted:
                wanted = wanted - {EVERY_HEAD} | {Fusion(head=head) for head in range(heads)}
            self.layers.append({fusion: weights.new_empty(shape) for fusion in wanted})
        for fusion, kept in self.layers[-1].items():
            fusion(weights, out=kept[images])

    def _keep_pool(self, weights: Tensor, images: slice) -> None:
        if self.pool is None:
            self.pool = weights.new_empty(self._batch, self._levels[-1].tokens)
        self.pool[images] = over_all_tokens(weights.mean(1)[:, 0], self._levels[-1])

    def check_complete(self) -> None:
        """Raise ModelError if not every layer was seen."""
        if not self.layers:
            raise ModelError(f"model '{self._model}' made no attention call that could be seen; choose a plain ViT")
        if len(self.layers) != len(self._levels) - 1:
            raise ModelError(
                f"model '{self._model}' made attention calls for {len(self.layers)} of its {len(self._levels) - 1} "
                "layers that could be seen; choose a plain ViT"
            )


def over_all_tokens(rows: Tensor, grid: TokenGrid) -> Tensor:
    """Return rows (..., N) of an attention pool from rows (..., N), or (..., P) of one that reads the patches only."""
    return functional.pad(rows, (grid.tokens - rows.size(-1), 0))
