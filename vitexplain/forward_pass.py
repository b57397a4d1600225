"""ForwardPass: a batch of views through the model once; what methods need of it, computed when first asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import torch
from torch import Tensor

from vitexplain.attention import AttentionGraph, Fusion, discard_smallest, mix_residual
from vitexplain.capture import capture
from vitexplain.errors import ModelError, UsageError
from vitexplain.models.loaded import LoadedModel
from vitexplain.tokens import TokenLayout


class ForwardPass:
    """The forward pass of pixels (B, 3, H, W) through a model, with the attention that was asked for.

    `fusions` are the head fusions that methods will ask for: heads are fused as each layer passes, so that N x N
    numbers a layer and image are kept, not H x N x N. `image_keys` identify the images (their SHA-256).
    """

    def __init__(
        self, model: LoadedModel, pixels: Tensor, fusions: Iterable[Fusion] = (), image_keys: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.pixels = pixels
        self.image_keys = image_keys
        self.layout: TokenLayout = model.layout(pixels.size(-2), pixels.size(-1))
        self._fusions = frozenset(fusions)
        self._graph_layers: dict[tuple[object, ...], Tensor] = {}

    @cached_property
    def _attention(self) -> _FusedAttention:
        return _FusedAttention(self.layout, self._fusions, self.pixels.size(0), self.model.name)

    @cached_property
    def output(self) -> Tensor:
        """What the model returns: logits (B, C) in float32, or features where it has no classifier."""
        with torch.inference_mode():
            output = capture(self.model.network, self.pixels, self._attention)
        self._attention.check_complete()
        return output.float()

    @property
    def logits(self) -> Tensor | None:
        """Logits (B, C), or None for a model without classifier."""
        return self.output if self.model.num_classes else None

    @property
    def layers(self) -> int:
        """Number of layers L; an attention pool is not counted."""
        return len(self._done().layers)

    @property
    def heads(self) -> int:
        """Number of attention heads H."""
        return self._done().heads

    @property
    def pool(self) -> Tensor | None:
        """What an attention pool read (B, N), mean of its heads; None where the model has none."""
        return self._done().pool

    def fused(self, fusion: Fusion, layer: int) -> Tensor:
        """Return the fused attention (B, N, N) of `layer` (from 1), float32."""
        if fusion not in self._fusions:
            raise ValueError(f"{fusion} was not asked for when this forward pass was made")
        return self._done().layers[layer - 1][fusion]

    def graph(
        self,
        fusion: Fusion,
        *,
        residual: float,
        discard: float,
        source: str,
        layers: tuple[int, int] | None = None,
        dtype: torch.dtype = torch.float32,
        device: str | None = None,
    ) -> AttentionGraph:
        """Return the attention graph of layers A to B (both included; all by default), in `dtype` on `device`."""
        first, last = self.layer_range(layers)
        made = []
        for layer in range(first, last + 1):
            key = (fusion, residual, discard, dtype, device, layer)
            if key not in self._graph_layers:
                kept = discard_smallest(self.fused(fusion, layer), discard)
                self._graph_layers[key] = mix_residual(kept.to(device=device, dtype=dtype), residual)
            made.append(self._graph_layers[key])
        return AttentionGraph(tuple(made), first, self.layout, source, self.pool if last == self.layers else None)

    def layer_range(self, layers: tuple[int, int] | None) -> tuple[int, int]:
        """Return the range of layers that is meant, all of them by default; UsageError outside the model's."""
        first, last = layers or (1, self.layers)
        if not 1 <= first <= last <= self.layers:
            raise UsageError(f"layers {first}:{last} do not exist: the model has layers 1 to {self.layers}")
        return first, last

    def _done(self) -> _FusedAttention:
        _ = self.output
        return self._attention


class _FusedAttention:
    """Receives attention as it passes and keeps it fused."""

    def __init__(self, layout: TokenLayout, fusions: frozenset[Fusion], batch: int, model: str) -> None:
        self.layers: list[dict[Fusion, Tensor]] = []
        self.heads = 0
        self.pool: Tensor | None = None
        self._layout, self._fusions, self._batch, self._model = layout, fusions, batch, model

    def __call__(self, weights: Tensor, images: slice) -> None:
        heads, queries, keys = weights.shape[1:]
        tokens = self._layout.tokens
        if (queries, keys) == (tokens, tokens):
            self._keep_layer(weights, images, heads)
        elif queries == 1 and keys == tokens:
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
            self.layers.append({fusion: weights.new_empty(shape) for fusion in self._fusions})
        for fusion, kept in self.layers[-1].items():
            fusion(weights, out=kept[images])

    def _keep_pool(self, weights: Tensor, images: slice) -> None:
        if self.pool is None:
            self.pool = weights.new_empty(self._batch, self._layout.tokens)
        self.pool[images] = weights.mean(1)[:, 0]

    def check_complete(self) -> None:
        """Raise ModelError if no attention was seen."""
        if not self.layers:
            raise ModelError(f"model '{self._model}' made no attention call that could be seen; choose a plain ViT")
