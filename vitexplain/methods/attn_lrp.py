"""AttnLRP: the target's logit traced back through the model, layer by layer, to what each patch contributed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from vitexplain.capture import ATTN_LRP, RelevanceRules, Rules, trace
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.block_inputs import BlockInputs
from vitexplain.methods.method import MethodScores
from vitexplain.models import LoadedModel
from vitexplain.options import number


@dataclass(frozen=True)
class AttnLrp(BlockInputs):
    """The part of the logit traced back to it, for or against.

    Achtibat et al. 2024, "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers", section 3: the
    epsilon rule with epsilon 0 for linear functions, propositions 3.1 to 3.4 for softmax, products and norms, the
    identity rule for GELU and SiLU. Positive: spoke for the target. The contributions of biases, positions and prefix
    tokens are not part of the patches' scores. ModelError for a model with a function that has no rule.

    Without `layers`, the relevance of the patch embeddings. With `layers` (A, B), the sum of the relevance of the
    patches' tokens at the inputs of blocks A to B; the sum is ours. `residual`: gamma of ResLRP (2026) at the residual
    connections, whose relevance leans towards what has the sign of the sum; 0 is the epsilon rule.
    """

    name: ClassVar[str] = "attn-lrp"
    residual: float = number(0.0, low=0, high=100)

    @property
    def reads_layers(self) -> bool:
        """Only where layers were given: otherwise the relevance is that of the patch embeddings."""
        return self.layers is not None

    @property
    def gradient_rules(self) -> Rules:
        """AttnLRP's, with gamma at residual connections."""
        return replace(ATTN_LRP, residual=self.residual)

    def why_not(self, model: LoadedModel) -> str | None:
        """Return which function of the model has no rule, and what to use instead; None: each has one."""
        return super().why_not(model) or no_rule(model, self.gradient_rules)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from one backward pass."""
        if self.layers is not None:
            return super().scores(forward_pass)
        begin = forward_pass.traced(1, self.gradient_rules).begin.detach()
        gradient = forward_pass.gradients_from(1, self.gradient_rules, at_attention=False).begin
        assert gradient is not None
        values = forward_pass.model.network.by_patch(begin * gradient).sum(-1)
        return MethodScores(
            values=values.cpu().numpy(),
            unit=f"part of the {forward_pass.quantity}",
            layers=forward_pass.all_layers,
            signed=True,
        )


def no_rule(model: LoadedModel, rules: Rules = ATTN_LRP) -> str | None:
    """Return which function of the model has no rule, and what to use instead, None where each has one.

    Tried on an empty picture.
    """
    pixels = model.preprocess
    height, width = pixels.size
    if pixels.flexible and len(set(model.network.levels(height, width))) == 1:
        height, width = (2 * side for side in pixels.patch)
    empty = torch.zeros(1, 3, height, width, dtype=model.dtype, device=model.device)
    try:
        trace(model.network, empty, lambda *_: None, rules=RelevanceRules(model.name, rules))
    except ModelError as error:
        return str(error)
    return None
