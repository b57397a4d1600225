"""Input times gradient at the inputs of the blocks, under rules of their own: what AttnLRP and Libra add up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor

from vitexplain.capture import entered, with_gradients
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.options import LayerRange

Rules = Callable[[str], AbstractContextManager[object]]
"""Makes the mode in which the forward pass runs, from the model's name; equal ones share one pass."""


def by_block(forward_pass: ForwardPass, layers: LayerRange, rules: Rules) -> list[Tensor]:
    """Return for each of layers A to B the scores (B, P) at its input: the patches' tokens times their gradients.

    One forward pass under the rules, whose graph begins at the input of block A, and one backward pass.
    """
    first, last = layers
    entering, output = forward_pass.once((by_block, first, rules), partial(_run, forward_pass, first, rules))
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


def _run(forward_pass: ForwardPass, first: int, rules: Rules) -> tuple[list[Tensor], Tensor]:
    """Return the inputs of the blocks from `first` on, and what the network returns, under the rules."""
    entering: list[Tensor] = []

    def enter(tokens: Tensor) -> Tensor:
        entering.append(tokens if entering else tokens.detach().clone().requires_grad_())
        return entering[-1]

    model = forward_pass.model
    blocks = model.network.blocks[first - 1 :]
    pixels = forward_pass.pixels
    with with_gradients(), rules(model.name):
        watched = entered(model.network, dict.fromkeys(blocks, enter))
        output = watched(pixels.clone() if pixels.is_inference() else pixels)
    if len(entering) != len(blocks):
        raise ModelError("the model's forward does not run the modules that it is made of: give it as it was built")
    return entering, output
