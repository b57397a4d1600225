"""Run: what a batch of views gives whatever is explained: outputs, attention, traces; each computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from vitexplain.attention import Fusion, Levels
from vitexplain.capture import (
    AT_ATTENTION,
    FusedAttention,
    RelevanceRules,
    Rules,
    TokenNorms,
    Trace,
    capture_network,
    trace,
)
from vitexplain.errors import ModelError
from vitexplain.models.loaded import LoadedModel
from vitexplain.networks import Network


def levels_of(network: Network, height: int, width: int) -> Levels:
    """Return the network's levels for pixels (B, 3, height, width), and the places of the edges between them."""
    grids = network.levels(height, width)
    return Levels(grids, tuple(network.place(layer, grids) for layer in range(1, len(grids))))


class Run:
    """The pixels (B, 3, H, W) through a model, shared by the views of a forward pass for several targets.

    `fusions` and `lowest` are what was announced: head fusions, and for each set of rules the lowest layer whose
    gradients will be asked for (see `ForwardPass`).
    """

    def __init__(
        self, model: LoadedModel, pixels: Tensor, fusions: Iterable[Fusion], lowest: Mapping[Rules | None, int]
    ) -> None:
        self.model, self.pixels, self.lowest = model, pixels, lowest
        self.levels = levels_of(model.network, pixels.size(-2), pixels.size(-1))
        asked = frozenset(fusions)
        self._fusions = frozenset(fusion for fusion in asked if fusion.name != "gradient")
        self.rules_at_attention = {AT_ATTENTION[fusion.rules] for fusion in asked - self._fusions}
        self.norms = TokenNorms()
        layers = len(self.levels.places)
        self._network = self.norms.watch(model.network, *range(max(1, layers - 1), layers))
        self._traces: dict[Rules | None, Trace] = {}
        self._found: tuple[Tensor, FusedAttention] | None = None

    @property
    def output(self) -> Tensor:
        """What the model returns, (B, C) in float32."""
        return self._ran()[0]

    @property
    def attention(self) -> FusedAttention:
        """What it attended to."""
        return self._ran()[1]

    def _ran(self) -> tuple[Tensor, FusedAttention]:
        if self._found is None:
            if self.lowest:
                rules = None if None in self.lowest else next(iter(self.lowest))
                _ = self.traced(self.lowest[rules], rules)
            else:
                attention = self._receiver()
                with torch.inference_mode():
                    self._keep(capture_network(self._network, self._network, self.pixels, attention), attention)
        assert self._found is not None
        return self._found

    def traced(self, first: int, rules: Rules | None = None) -> Trace:
        """Return the differentiable forward pass from layer `first` on, or from a lower one, under `rules`."""
        traces = self._traces
        first = min(first, self.lowest.get(rules, first))
        if rules not in traces or traces[rules].first > first:
            self.model.require_gradients("the trace")
            attention = self._receiver()
            applied = None if rules is None else RelevanceRules(self.model.name, rules, self.model.network.layout)
            traces[rules] = trace(self._network, self.pixels, attention, first, applied)
            if self._found is None:
                self._keep(traces[rules].output.detach(), attention)
        return traces[rules]

    def _receiver(self) -> FusedAttention:
        levels = self.levels
        return FusedAttention(levels.grids, levels.places, self._fusions, self.pixels.size(0), self.model.name)

    def _keep(self, output: Tensor, attention: FusedAttention) -> None:
        if not self.model.network.graphless:
            attention.check_complete()
        if not torch.isfinite(output).all():
            raise ModelError(
                f"model '{self.model.name}' returned numbers that are not finite: its weights hold NaN or "
                f"{str(self.model.dtype).removeprefix('torch.')} overflowed; try `dtype=float32`, or other weights"
            )
        self._found = output.float(), attention
