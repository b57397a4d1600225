"""ForwardPass: what methods ask of a run of the model for one target: gradients, fused attention, the graph."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion, Layer, LayeredGraph, Levels, Mixing
from vitexplain.capture import AT_ATTENTION, Gradients, Rules, Trace, gradients_of, with_gradients
from vitexplain.errors import UsageError
from vitexplain.forward_pass.run import Run
from vitexplain.models.asked import Asked
from vitexplain.models.loaded import LoadedModel
from vitexplain.tokens import TokenGrid

Shared = TypeVar("Shared")


def layers_within(layers: tuple[int, int] | None, count: int) -> tuple[int, int]:
    """Return the range of layers that is meant, all `count` of them by default; UsageError outside the model's."""
    first, last = layers or (1, count)
    if not 1 <= first <= last <= count:
        raise UsageError(f"layers {first}:{last} do not exist: the model has layers 1 to {count}")
    return first, last


class ForwardPass:
    """The forward pass of pixels (B, 3, H, W) through a model, with the attention that was asked for.

    `fusions` are the head fusions that methods will ask for: heads are fused as each layer passes, so that N x N
    numbers per layer and image are kept, not H x N x N. `image_keys` identify the images (their SHA-256).

    `gradients` is the lowest layer whose gradients a method will ask for (1 also for those of the patch embeddings, 0
    for none), or says so for each set of rules that gradients are taken by (None: autograd's own). The forward pass
    then keeps what they are computed from, and each target costs one backward pass. Each further set of rules, and
    whatever was not announced, costs a forward pass of its own when first asked for.
    """

    def __init__(
        self,
        model: LoadedModel,
        pixels: Tensor,
        fusions: Iterable[Fusion] = (),
        image_keys: tuple[str, ...] = (),
        *,
        gradients: int | Mapping[Rules | None, int] = 0,
    ) -> None:
        self.model, self.pixels, self.image_keys = model, pixels, image_keys
        plain: Mapping[Rules | None, int] = {None: gradients} if isinstance(gradients, int) and gradients else {}
        self._run = Run(model, pixels, fusions, gradients if isinstance(gradients, Mapping) else plain)
        self._layers: dict[tuple[object, ...], Layer] = {}
        self._results: dict[tuple[object, ...], Any] = {}
        self._asked = Asked(model)
        self._gradients: dict[Rules | None, Gradients] = {}
        self._gradient_layers: dict[tuple[object, ...], Layer] = {}

    def for_target(self, target: Tensor, against: Tensor | None = None) -> ForwardPass:
        """Return the same pass for other classes to explain, sharing all that does not depend on them.

        `target` and `against` hold one class per image (B,); a number below 0, -1 - k, is what lowers class k. With
        `against`, the difference of the two logits is explained.
        """
        return self._asking(Asked(self.model, target, against))

    def for_reference(self, embedding: Tensor) -> ForwardPass:
        """Return the same pass for the likeness to an embedding (1, C): the cosine similarity is explained."""
        return self._asking(Asked(self.model, reference=embedding))

    def _asking(self, asked: Asked) -> ForwardPass:
        view = copy.copy(self)
        view._asked = asked
        view._gradients, view._gradient_layers = {}, {}
        return view

    @property
    def output(self) -> Tensor:
        """What the model returns: logits (B, C) in float32, or features where it has no classifier."""
        return self._run.output

    @property
    def logits(self) -> Tensor | None:
        """Logits or values of the classes (B, C), or None for a model without classifier."""
        return self.model.of_classes(self.output) if self.model.num_classes else None

    @property
    def target(self) -> Tensor:
        """The class explained of every image (B,): the most probable one unless another was asked for."""
        if self._asked.target is None:
            self.model.require_classifier()
            self._asked = replace(self._asked, target=self.model.of_classes(self.output).argmax(-1))
        assert self._asked.target is not None
        return self._asked.target

    @property
    def quantity(self) -> str:
        """What is explained, in a word: logit, value or similarity."""
        return self._asked.quantity

    def of_target(self, outputs: Tensor, image: int | None = None) -> Tensor:
        """Return what is explained (B,), for outputs (B, O); with `image`, for (K, O) of that one."""
        return self._known().of(outputs, image)

    def answer(self, outputs: Tensor, image: int | None = None) -> Tensor:
        """Return the target's probability, or what it has in place of one, for outputs as in `of_target`."""
        return self._known().answer(outputs, image)

    def _known(self) -> Asked:
        """Return what is asked, the most probable class where nothing was."""
        if self._asked.reference is None:
            _ = self.target
        return self._asked

    @property
    def trace(self) -> Trace:
        """The differentiable forward pass, from the patch embeddings on; UsageError in half precision."""
        return self.traced(1)

    def traced(self, first: int, rules: Rules | None = None) -> Trace:
        """Return the differentiable forward pass from layer `first` on, or from a lower one, under `rules`."""
        return self._run.traced(first, rules)

    @property
    def gradients(self) -> Gradients:
        """The gradients of the target's logit down to the patch embeddings, from one backward pass."""
        return self.gradients_from(1)

    def gradients_from(self, first: int, rules: Rules | None = None, *, at_attention: bool = True) -> Gradients:
        """Return the gradients of the target's logit at layers from `first` on, or from a lower one, under `rules`.

        `at_attention` False: those at the inputs of the layers are enough, as rules of methods that add these up have.
        """
        found = self._gradients.get(rules)
        if found is None or found.first > first or (at_attention and not found.attention):
            traced = self.traced(first, rules)
            with with_gradients():
                logit = self.of_target(traced.output).sum()
            found = self._gradients[rules] = gradients_of(
                logit,
                traced,
                at_attention=at_attention or rules in self._run.rules_at_attention,
                at_inputs=rules is not None and rules.attention != "seen",
            )
        return found

    @property
    def late_norms(self) -> Tensor | None:
        """The norms (B, N) of the tokens that enter the last layer; None where they could not be seen."""
        _ = self.output
        return self._run.norms.get(self.layers - 1)

    @property
    def between(self) -> Levels:
        """The levels of tokens with the places of the edges between them."""
        return self._run.levels

    @property
    def levels(self) -> tuple[TokenGrid, ...]:
        """The tokens of levels 0 to L."""
        return self._run.levels.grids

    @property
    def grid(self) -> TokenGrid:
        """The tokens that enter layer 1: its patches are those that scores belong to."""
        return self.levels[0]

    @property
    def layers(self) -> int:
        """Number of layers L; an attention pool is not counted."""
        return len(self.levels) - 1

    @property
    def all_layers(self) -> tuple[int, int]:
        """The range of all layers, 1 to L; (0, 0) where no graph describes the network."""
        return min(1, self.layers), self.layers

    @property
    def heads(self) -> int:
        """Number of attention heads H, of the layer with the fewest."""
        return self._run.attention.heads

    @property
    def pool(self) -> Tensor | None:
        """What an attention pool read (B, N), mean of its heads; None where the classifier reads none."""
        return self._run.attention.pool if self.model.network.readout == "pool" else None

    def fused(self, fusion: Fusion, layer: int) -> Tensor:
        """Return the fused attention of `layer` (from 1), float32: (B, N, N), or (B * windows, queries, keys).

        Of a layer without attention nothing, (B, 0, 0).
        """
        if layer <= self.layers and self.between.places[layer - 1].call is None:
            return self.pixels.new_empty(len(self.pixels), 0, 0)
        if fusion.name == "gradient":
            rules = AT_ATTENTION[fusion.rules]
            return self.gradients_from(min(layer, self._run.lowest.get(rules, 1)), rules).attention[layer]
        kept = self._run.attention.layers[layer]
        if fusion not in kept:
            raise ValueError(f"{fusion} was not asked for when this forward pass was made")
        return kept[fusion]

    def graph(
        self,
        fusion: Fusion,
        *,
        residual: float,
        discard: float,
        source: str,
        layers: tuple[int, int] | None = None,
        kept: bool = False,
        dtype: torch.dtype = torch.float32,
        device: str | None = None,
    ) -> LayeredGraph:
        """Return the attention graph of layers A to B (both included; all by default), in `dtype` on `device`.

        `kept`: rows keep their sums (see `Mixing`).
        """
        first, last = self.layer_range(layers)
        by_target = fusion.name == "gradient"
        known = self._gradient_layers if by_target else self._layers
        mixing = Mixing(residual, discard, by_target, kept, dtype, device)
        made = []
        for layer in range(first, last + 1):
            key = (fusion, mixing, layer)
            if key not in known:
                known[key] = self.between.places[layer - 1].layer(self.fused(fusion, layer), mixing)
            made.append(known[key])
        pool = self.pool if last == self.layers else None
        return LayeredGraph(
            tuple(made), self.levels[first - 1 : last + 1], first, source, self.model.network.readout, pool
        )

    def layer_range(self, layers: tuple[int, int] | None) -> tuple[int, int]:
        """Return the range of layers that is meant, all of them by default; UsageError outside the model's."""
        return layers_within(layers, self.layers)

    def once(self, key: tuple[object, ...], compute: Callable[[], Shared]) -> Shared:
        """Return what `compute` returns, computed once for each key, for all targets."""
        if key not in self._results:
            self._results[key] = compute()
        found: Shared = self._results[key]
        return found
