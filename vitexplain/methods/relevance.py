"""Relevance: rollout's question, how much reaches the readout, with attention weighted by the target's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from vitexplain.attention import RULES, Fusion, resolve_source
from vitexplain.capture import AT_ATTENTION, Rules, over_all_tokens
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need
from vitexplain.methods.token_scores import token_scores
from vitexplain.options import choice


@dataclass(frozen=True)
class Relevance(EveryMethod):
    """How much attention to it spoke for the class.

    Chefer, Gur & Wolf 2021, "Generic Attention-model Explainability", section 3: the readout's row of R - I, where R =
    I and then R += mean_h relu(A * dy/dA) R, layer by layer from the image up. No row is normalised: a layer whose
    attention does not matter to the target adds nothing. Our choice for models without class token: an attention pool
    is one more layer; other readouts take the rows they read, by weight. I is left out: to a class token's row it adds
    nothing on the patches, to a mean of patches the same on each. What reaches merged tokens is shared among their
    parts. `rules`: libra, the gradients are LibraGrad's (see libra.py).
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
        grid, places = forward_pass.levels[-1], forward_pass.between.places
        fused = [forward_pass.fused(by_gradient, layer) for layer in range(1, forward_pass.layers + 1)]
        if forward_pass.pool is not None:
            pool = forward_pass.fused(by_gradient, forward_pass.layers + 1)
            added = over_all_tokens(pool, grid)[:, 0]
            start = torch.zeros_like(added)
        else:
            like = fused[-1].new_empty(len(forward_pass.pixels), grid.tokens)
            start = resolve_source("readout", grid, forward_pass.model.network.readout).rows(like)
            added = torch.zeros_like(start)
        # From the top down, as vector times matrix: the row of the product is all that is asked for.
        for place, of_layer in zip(reversed(places), reversed(fused), strict=True):
            if place.call is None:
                start, added = place.share(start), place.share(added)
            else:
                read = place.attention(of_layer).pass_down(start + added)
                on = place.share(start), place.share(added)
                start, added = (on[0], on[1] + read) if place.continues else (torch.zeros_like(on[0]), read)
        unit, layers = f"relevance to the {forward_pass.quantity}", forward_pass.all_layers
        return token_scores(added, forward_pass, unit=unit, layers=layers, source="readout")
