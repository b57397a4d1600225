"""FusedAttention: receives attention layer by layer and keeps it fused, N x N numbers per layer and image, or fewer."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vitexplain.attention import EVERY_HEAD, Fusion, Place
from vitexplain.errors import ModelError
from vitexplain.tokens import TokenGrid


class FusedAttention:
    """What a forward pass attended to: by the number of its layer, for every fusion, and an attention pool (B, N).

    A layer's is (B * windows, queries, keys) as its place says, (B, N above, N below) in a plain ViT. It is the
    receiver that `capture` takes. `levels` are the tokens below and above each layer; level 0 enters layer 1.
    ModelError for attention that does not match them.
    """

    def __init__(
        self,
        levels: tuple[TokenGrid, ...],
        places: tuple[Place, ...],
        fusions: frozenset[Fusion],
        batch: int,
        model: str,
    ) -> None:
        self.layers: dict[int, dict[Fusion, Tensor]] = {}
        self.heads = 0
        self.pool: Tensor | None = None
        self._top, self._fusions, self._batch, self._model = levels[-1], fusions, batch, model
        self._calls = [(layer, place.call) for layer, place in enumerate(places, 1) if place.call]

    def __call__(self, weights: Tensor, images: slice) -> None:
        """Take weights (b, H, Q, N) of some images, or some windows of images, of the batch."""
        queries, keys = weights.shape[2:]
        # The first image of a call begins a layer, the others belong to the same one.
        seen = len(self.layers) - (images.start != 0)
        if seen < len(self._calls) and (queries, keys) == self._calls[seen][1][1:]:
            self._keep_layer(weights, images, *self._calls[seen])
        elif queries == 1 and keys in (self._top.tokens, self._top.patches):
            self._keep_pool(weights, images)
        else:
            expected = " x ".join(map(str, self._calls[min(seen, len(self._calls) - 1)][1][1:]))
            raise ModelError(
                f"model '{self._model}' attends from {queries} to {keys} tokens where its layers have {expected}: "
                "attention within windows or between pooled tokens is not supported; choose a plain ViT"
            )

    def _keep_layer(self, weights: Tensor, images: slice, layer: int, call: tuple[int, int, int]) -> None:
        if images.start == 0:
            heads = weights.size(1)
            self.heads = min(heads, self.heads or heads)
            shape = (self._batch * call[0], *call[1:])
            wanted = set(self._fusions)
            if EVERY_HEAD in wanted:
                wanted = wanted - {EVERY_HEAD} | {Fusion(head=head) for head in range(heads)}
            self.layers[layer] = {fusion: weights.new_empty(shape) for fusion in wanted}
        for fusion, kept in self.layers[layer].items():
            fusion(weights, out=kept[images])

    def _keep_pool(self, weights: Tensor, images: slice) -> None:
        if self.pool is None:
            self.pool = weights.new_empty(self._batch, self._top.tokens)
        self.pool[images] = over_all_tokens(weights.mean(1)[:, 0], self._top)

    def check_complete(self) -> None:
        """Raise ModelError if not every layer was seen."""
        if not self.layers:
            raise ModelError(f"model '{self._model}' made no attention call that could be seen; choose a plain ViT")
        if len(self.layers) != len(self._calls):
            raise ModelError(
                f"model '{self._model}' made attention calls for {len(self.layers)} of its {len(self._calls)} "
                "layers that could be seen; choose a plain ViT"
            )


def over_all_tokens(rows: Tensor, grid: TokenGrid) -> Tensor:
    """Return rows (..., N) of an attention pool from rows (..., N), or (..., P) of one that reads the patches only."""
    return functional.pad(rows, (grid.tokens - rows.size(-1), 0))
