"""Input times gradient at the inputs of the blocks, under rules of their own: what AttnLRP and LibraGrad add up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import RelevanceRules, Rules, entered, with_gradients
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.dimensions import check_layers
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need
from vitexplain.options import LayerRange, layer_range


@dataclass(frozen=True)
class BlockInputs(EveryMethod):
    """A method that sums token times gradient, under its `rules`, over the inputs of blocks A to B (`layers`); signed.

    The input of block 1 are the embeddings with their positions.
    """

    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    runs_alone: ClassVar[bool] = True
    layers: LayerRange | None = layer_range(
        None,
        "summed over the inputs of layers A to B (libra: of all by default; attn-lrp: the patch embeddings alone).",
        check=check_layers,
    )

    @property
    def rules(self) -> Rules:
        """The rules of the gradients."""
        raise NotImplementedError

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from a forward pass of its own and one backward pass."""
        layers = forward_pass.layer_range(self.layers)
        return _summed(forward_pass, torch.stack(by_block(forward_pass, layers, self.rules)).sum(0), layers)

    def by_layer(self, forward_pass: ForwardPass) -> dict[int, MethodScores]:
        """Return for every layer k of `layers` (A, B) the sum over the inputs of blocks A to k."""
        first, last = forward_pass.layer_range(self.layers)
        sums = accumulate(by_block(forward_pass, (first, last), self.rules))
        return {
            layer: self.smoothed(_summed(forward_pass, values, (first, layer)), forward_pass.grid)
            for layer, values in enumerate(sums, first)
        }


def _summed(forward_pass: ForwardPass, values: Tensor, layers: LayerRange) -> MethodScores:
    unit = f"part of the {forward_pass.quantity}, summed over the layers' inputs"
    return MethodScores(values=values.cpu().numpy(), unit=unit, layers=layers, signed=True)


def by_block(forward_pass: ForwardPass, layers: LayerRange, rules: Rules) -> list[Tensor]:
    """Return for each of layers A to B the scores (B, P) at its input: the patches' tokens times their gradients.

    One forward pass under the rules, whose graph begins at the input of block A, and one backward pass.
    """
    first, last = layers
    entering, output = forward_pass.once((by_block, first, rules), partial(through_blocks, forward_pass, first, rules))
    with with_gradients():
        explained = forward_pass.of_target(output).sum()
    chosen = entering[: last - first + 1]
    gradients = torch.autograd.grad(explained, chosen, retain_graph=True)
    found = []
    for layer, tokens, gradient in zip(range(first, last + 1), chosen, gradients, strict=True):
        grid = forward_pass.levels[layer - 1]
        scores = (tokens.detach() * gradient).sum(-1)
        # Some towers run with the batch in second place.
        scores = scores if scores.size(1) == grid.tokens else scores.T
        found.append(scores[:, grid.prefix :])
    return found


def through_blocks(forward_pass: ForwardPass, first: int, rules: Rules) -> tuple[list[Tensor], Tensor]:
    """Return the inputs of the blocks from `first` on, and what the network returns, under the rules."""
    entering: list[Tensor] = []

    def enter(tokens: Tensor) -> Tensor:
        entering.append(tokens if entering else tokens.detach().clone().requires_grad_())
        return entering[-1]

    model = forward_pass.model
    blocks = model.network.blocks[first - 1 :]
    pixels = forward_pass.pixels
    watched = entered(model.network, dict.fromkeys(blocks, enter))
    with with_gradients():
        given = pixels.clone() if pixels.is_inference() else pixels
        output = RelevanceRules(model.name, rules).run(watched, given)
    if len(entering) != len(blocks):
        raise ModelError("the model's forward does not run the modules that it is made of: give it as it was built")
    return entering, output
