"""AttnLRP: the target's logit traced back through the model, layer by layer, to what each patch contributed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import RelevanceRules, observed, with_gradients
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import CLASS_GRADIENTS, MethodScores, Need


@dataclass(frozen=True)
class AttnLrp:
    """The part of the target's logit that is traced back to each patch; signed: for or against (Achtibat et al. 2024).

    "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers", section 3: the epsilon rule with
    epsilon 0 for linear functions, propositions 3.1 to 3.4 for softmax, products and norms, the identity rule for GELU.
    Positive: spoke for the target. The contributions of biases, positions and prefix tokens are not part
    of the patches' scores. ModelError for a model with a function that has no rule.
    """

    name: ClassVar[str] = "attn-lrp"
    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from a separate forward pass and one backward pass."""
        leaf, output = forward_pass.once(("attn-lrp",), lambda: _run(forward_pass))
        with with_gradients():
            logit = forward_pass.of_target(output).sum()
        (gradient,) = torch.autograd.grad(logit, leaf, retain_graph=True)
        values = forward_pass.model.network.by_patch(leaf.detach() * gradient).sum(-1)
        return MethodScores(
            values=values.cpu().numpy(),
            unit=f"part of the {forward_pass.quantity}",
            layers=(1, forward_pass.layers),
            signed=True,
        )


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
