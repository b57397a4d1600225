"""AttnLRP: the target's logit traced back through the model, layer by layer, to what each patch contributed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import RelevanceRules, observed, with_gradients
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.block_inputs import by_block
from vitexplain.methods.dimensions import check_layers
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need
from vitexplain.options import LayerRange, layer_range


@dataclass(frozen=True)
class AttnLrp(EveryMethod):
    """The part of the target's logit that is traced back to each patch; signed: for or against (Achtibat et al. 2024).

    "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers", section 3: the epsilon rule with
    epsilon 0 for linear functions, propositions 3.1 to 3.4 for softmax, products and norms, the identity rule for GELU.
    Positive: spoke for the target. The contributions of biases, positions and prefix tokens are not part
    of the patches' scores. ModelError for a model with a function that has no rule.

    Without `layers`, the relevance of the patch embeddings. With `layers` (A, B), the sum of the relevance of the
    patches' tokens at the inputs of blocks A to B; the input of block 1 are the embeddings with their positions. The
    sum is ours.
    """

    name: ClassVar[str] = "attn-lrp"
    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    layers: LayerRange | None = layer_range(
        None, "summed over the inputs of layers A to B (attn-lrp; the patch embeddings alone).", check=check_layers
    )

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from a separate forward pass and one backward pass."""
        if self.layers is None:
            return self._scores(forward_pass, _of_embeddings(forward_pass), (1, forward_pass.layers))
        layers = forward_pass.layer_range(self.layers)
        return self._scores(forward_pass, torch.stack(by_block(forward_pass, layers, RelevanceRules)).sum(0), layers)

    def by_layer(self, forward_pass: ForwardPass) -> dict[int, MethodScores]:
        """Return for every layer k of `layers` (A, B) the sum over the inputs of blocks A to k."""
        first, last = forward_pass.layer_range(self.layers)
        sums = accumulate(by_block(forward_pass, (first, last), RelevanceRules))
        return {
            layer: self.smoothed(self._scores(forward_pass, values, (first, layer)), forward_pass.grid)
            for layer, values in enumerate(sums, first)
        }

    def _scores(self, forward_pass: ForwardPass, values: Tensor, layers: LayerRange) -> MethodScores:
        summed = "" if self.layers is None else ", summed over the layers' inputs"
        return MethodScores(
            values=values.cpu().numpy(), unit=f"part of the {forward_pass.quantity}{summed}", layers=layers, signed=True
        )


def _of_embeddings(forward_pass: ForwardPass) -> Tensor:
    """Return the relevance (B, P) of the patch embeddings."""
    leaf, output = forward_pass.once(("attn-lrp",), lambda: _run(forward_pass))
    with with_gradients():
        logit = forward_pass.of_target(output).sum()
    (gradient,) = torch.autograd.grad(logit, leaf, retain_graph=True)
    relevance: Tensor = forward_pass.model.network.by_patch(leaf.detach() * gradient).sum(-1)
    return relevance


def _run(forward_pass: ForwardPass) -> tuple[Tensor, Tensor]:
    """Return the patch embeddings and what the network returns for them, under the rules."""
    leaves: list[Tensor] = []

    def begin(embeddings: Tensor) -> Tensor:
        leaves.append(embeddings.detach().clone().requires_grad_())
        return leaves[0]

    model = forward_pass.model
    with with_gradients(), RelevanceRules(model.name):
        output = observed(model.network, {model.network.embedding: begin})(forward_pass.pixels)
    return leaves[0], output
