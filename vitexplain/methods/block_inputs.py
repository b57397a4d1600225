"""Input times gradient at the inputs of the blocks, under rules of their own: what AttnLRP and LibraGrad add up."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import Rules
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.dimensions import check_layers
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need
from vitexplain.networks import by_token
from vitexplain.options import LayerRange, layer_range


@dataclass(frozen=True)
class BlockInputs(EveryMethod):
    """A method that sums token times gradient over the inputs of blocks A to B (`layers`); signed.

    The gradients are taken by its `gradient_rules`. The input of block 1 are the embeddings with their positions.
    """

    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    layers: LayerRange | None = layer_range(
        None,
        "summed over the inputs of layers A to B (libra: of all by default; attn-lrp: the patch embeddings alone).",
        check=check_layers,
    )

    @property
    def reads_layers(self) -> bool:
        """Whether the layers' inputs are looked at."""
        return True

    @property
    def gradient_rules(self) -> Rules:
        """The rules of the gradients."""
        raise NotImplementedError

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from one backward pass."""
        layers = forward_pass.layer_range(self.layers)
        return _summed(forward_pass, torch.stack(by_block(forward_pass, layers, self.gradient_rules)).sum(0), layers)

    def by_layer(self, forward_pass: ForwardPass) -> dict[int, MethodScores]:
        """Return for every layer k of `layers` (A, B) the sum over the inputs of blocks A to k."""
        first, last = forward_pass.layer_range(self.layers)
        sums = accumulate(by_block(forward_pass, (first, last), self.gradient_rules))
        return {
            layer: self.smoothed(_summed(forward_pass, values, (first, layer)), forward_pass.grid)
            for layer, values in enumerate(sums, first)
        }


def _summed(forward_pass: ForwardPass, values: Tensor, layers: LayerRange) -> MethodScores:
    unit = f"part of the {forward_pass.quantity}, summed over the layers' inputs"
    return MethodScores(values=values.cpu().numpy(), unit=unit, layers=layers, signed=True)


def by_block(forward_pass: ForwardPass, layers: LayerRange, rules: Rules) -> list[Tensor]:
    """Return for each of layers A to B the scores (B, P) at its input: the patches' tokens times their gradients.

    One forward pass under the rules, from layer A on, and one backward pass. A merged token's score is shared among
    the patches that it was merged from.
    """
    first, last = layers
    traced = forward_pass.traced(first, rules)
    gradients = forward_pass.gradients_from(first, rules, at_attention=False)
    found = []
    for layer in range(first, last + 1):
        tokens, gradient = traced.entering[layer - traced.first], gradients.inputs[layer - gradients.first]
        layout = forward_pass.model.network.layout_at(layer - 1)
        scores = by_token(tokens.detach() * gradient, layout).sum(-1)
        found.append(forward_pass.between.on_image(scores, layer - 1)[:, forward_pass.grid.prefix :])
    return found
