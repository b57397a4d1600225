"""FusedAttention: receives attention as it passes, and keeps it fused, N x N numbers a layer and image."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vitexplain.attention import EVERY_HEAD, Fusion
from vitexplain.errors import ModelError
from vitexplain.tokens import TokenLayout


class FusedAttention:
    """What a forward pass attended to: for every layer and fusion (B, N, N), and the rows of an attention pool (B, N).

    To be given to `capture`. ModelError for attention that does not match the layout.
    """

    def __init__(self, layout: TokenLayout, fusions: frozenset[Fusion], batch: int, model: str) -> None:
        self.layers: list[dict[Fusion, Tensor]] = []
        self.heads = 0
        self.pool: Tensor | None = None
        self._layout, self._fusions, self._batch, self._model = layout, fusions, batch, model

    def __call__(self, weights: Tensor, images: slice) -> None:
        """Take weights (b, H, Q, N) of some images of the batch."""
        heads, queries, keys = weights.shape[1:]
        tokens = self._layout.tokens
        if (queries, keys) == (tokens, tokens):
            self._keep_layer(weights, images, heads)
        elif queries == 1 and keys in (tokens, self._layout.patches):
            self._keep_pool(weights, images)
        else:
            raise ModelError(
                f"model '{self._model}' attends from {queries} to {keys} tokens where its layout has {tokens}: "
                "attention within windows or between pooled tokens is not supported; choose a plain ViT"
            )

    def _keep_layer(self, weights: Tensor, images: slice, heads: int) -> None:
        if images.start == 0:
            self.heads = heads
            tokens = self._layout.tokens
            shape = (self._batch, tokens, tokens)
            wanted = set(self._fusions)
            if EVERY_HEAD in wanted:
                wanted = wanted - {EVERY_HEAD} | {Fusion(head=head) for head in range(heads)}
            self.layers.append({fusion: weights.new_empty(shape) for fusion in wanted})
        for fusion, kept in self.layers[-1].items():
            fusion(weights, out=kept[images])

    def _keep_pool(self, weights: Tensor, images: slice) -> None:
        if self.pool is None:
            self.pool = weights.new_empty(self._batch, self._layout.tokens)
        self.pool[images] = over_all_tokens(weights.mean(1)[:, 0], self._layout)

    def check_complete(self) -> None:
        """Raise ModelError if no attention was seen."""
        if not self.layers:
            raise ModelError(f"model '{self._model}' made no attention call that could be seen; choose a plain ViT")


def over_all_tokens(rows: Tensor, layout: TokenLayout) -> Tensor:
    """Return rows (..., N) of an attention pool from rows (..., N), or (..., P) of one that reads the patches only."""
    return functional.pad(rows, (layout.tokens - rows.size(-1), 0))
