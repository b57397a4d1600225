"""Relevance: rollout's question, how much reaches the readout, with attention weighted by the target's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from vitexplain.attention import RULES, Fusion, resolve_source
from vitexplain.capture import AT_ATTENTION, Rules, over_all_tokens
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need, token_scores
from vitexplain.options import choice


@dataclass(frozen=True)
class Relevance(EveryMethod):
    """How much attention to it spoke for the class.

    Chefer, Gur & Wolf 2021, "Generic Attention-model Explainability", section 3: the readout's row of R - I, where R =
    I and then R += mean_h relu(A * dy/dA) R, layer by layer from the image up. No row is normalised: a layer whose
    attention does not matter to the target adds nothing. Our choice for models without class token: an attention pool
    is one more layer; other readouts take the rows they read, by weight. I is left out: to a class token's row it adds
    nothing on the patches, to a mean of patches the same on each. `rules`: libra, the gradients are LibraGrad's (see
    libra.py).
    """

    name: ClassVar[str] = "relevance"
    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    rules: str = choice("plain", words=RULES)

    @property
    def gradient_rules(self) -> Rules | None:
        """The rules of the gradients."""
        return AT_ATTENTION[self.rules]

    @property
    def fusions(self) -> tuple[Fusion, ...]:
        """The fusion by gradient."""
        return (Fusion("gradient", rules=self.rules),)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch."""
        (by_gradient,) = self.fusions
        attention = [forward_pass.fused(by_gradient, layer) for layer in range(1, forward_pass.layers + 1)]
        if forward_pass.pool is not None:
            added = over_all_tokens(forward_pass.fused(by_gradient, forward_pass.layers + 1), forward_pass.grid)
            start = torch.zeros_like(added)
        else:
            grid, readout = forward_pass.levels[-1], forward_pass.model.network.readout
            start = resolve_source("readout", grid, readout).rows(attention[-1][..., 0])[:, None]
            added = torch.zeros_like(start)
        # From the top down, as vector times matrix: the row of the product is all that is asked for.
        for fused in reversed(attention):
            added = added + (start + added) @ fused
        unit, layers = f"relevance to the {forward_pass.quantity}", (1, forward_pass.layers)
        return token_scores(added[:, 0], forward_pass.grid, unit=unit, layers=layers, source="readout")
