"""LeGrad: what each layer's own readout of the target would gain from more attention to each patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import TracedCall, capture, over_all_tokens, with_gradients
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass, levels_of
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need
from vitexplain.methods.token_scores import token_scores
from vitexplain.models import LoadedModel

_SEVERAL = {"logit": "logits", "value": "values", "similarity": "similarities"}


@dataclass(frozen=True)
class LeGrad(EveryMethod):
    """How strongly the class responds to attention to it.

    Bousselham et al. 2025, "LeGrad: An Explainability Method for Vision Transformers via Feature Formation
    Sensitivity", section 3: the sum over the layers of mean_h,i relu(ds/dA[h, i]), s being the logit read off that
    layer's own tokens. The tokens that leave layer l go through the model's last norm, pooling and classifier. For an
    attention pool it is the pool's attention over those tokens.
    """

    name: ClassVar[str] = "legrad"
    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    reads_layers: ClassVar[bool] = True

    def why_not(self, model: LoadedModel) -> str | None:
        """Return why not for a model in stages, whose classifier reads nothing but the tokens of the last one."""
        if reason := super().why_not(model):
            return reason
        if levels_of(model.network, *model.preprocess.size).plain:
            return None
        return (
            f"legrad reads the tokens of every layer with the classifier, but that of '{model.name}' takes those of "
            "its last layers only: use relevance, attn-lrp or rollout:fusion=gradient"
        )

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; each layer costs the backward pass of one block.

        ModelError for a model in stages.
        """
        if reason := self.why_not(forward_pass.model):
            raise ModelError(reason)
        total = torch.stack([_sensitivity(forward_pass, layer) for layer in range(forward_pass.layers)]).sum(0)
        unit = f"gain of the layers' {_SEVERAL[forward_pass.quantity]} by attention"
        return token_scores(total, forward_pass, unit=unit, layers=forward_pass.all_layers, source="readout")


def _sensitivity(forward_pass: ForwardPass, layer: int) -> Tensor:
    """Return what each token of a layer (B, N) adds: mean_h,i relu(ds/dA[h, i]), for the layer's own target logit s."""
    tokens = forward_pass.trace.blocks[layer]
    found: list[Tensor] = []
    pooled: list[TracedCall] = []
    with with_gradients():
        outputs = capture(forward_pass.model.network.classify, tokens, lambda *_: None, pooled.append)
        call = pooled[0] if forward_pass.model.network.readout == "pool" else forward_pass.trace.calls[layer + 1]
        (gradient,) = torch.autograd.grad(forward_pass.of_target(outputs).sum(), call.node, retain_graph=True)
    call.hand_over(gradient, lambda _, at_weights, __: found.append(at_weights.clamp(min=0).mean((1, 2))))
    return over_all_tokens(torch.cat(found), forward_pass.grid)
