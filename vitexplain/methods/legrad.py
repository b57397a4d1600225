"""LeGrad: what each layer's own readout of the target would gain from more attention to each patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import capture, over_all_tokens, with_gradients
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import CLASS_GRADIENTS, EveryMethod, MethodScores, Need, token_scores

_SEVERAL = {"logit": "logits", "value": "values", "similarity": "similarities"}


@dataclass(frozen=True)
class LeGrad(EveryMethod):
    """How strongly each layer's logit of the target responds to attention to each patch (Bousselham et al. 2025).

    "LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity", section 3: the sum
    over the layers of mean_h,i relu(ds/dA[h, i]), s being the logit read off that layer's own tokens. The tokens that
    leave layer l go through the model's last norm, pooling and classifier. For an attention pool it is the pool's
    attention over those tokens.
    """

    name: ClassVar[str] = "legrad"
    needs: ClassVar[frozenset[Need]] = CLASS_GRADIENTS
    fusions: ClassVar[tuple[Fusion, ...]] = ()

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; each layer costs the backward pass of one block."""
        total: Tensor | None = None
        for layer in range(forward_pass.layers):
            sensitivity = _gradient(forward_pass, layer).clamp(min=0).mean((1, 2))
            total = sensitivity if total is None else total + sensitivity
        assert total is not None
        unit = f"gain of the layers' {_SEVERAL[forward_pass.quantity]} by attention"
        return token_scores(total, forward_pass.grid, unit=unit, layers=(1, forward_pass.layers), source="readout")


def _gradient(forward_pass: ForwardPass, layer: int) -> Tensor:
    """Return the gradient of the layer's own target logit with respect to its attention (B, H, Q, N)."""
    tokens = forward_pass.trace.blocks[layer]
    pooled: list[Tensor] = []
    with with_gradients():
        outputs = capture(forward_pass.model.network.classify, tokens, lambda weights, _: pooled.append(weights))
        reads_pool = forward_pass.model.network.readout == "pool"
        weights = pooled[0] if reads_pool else forward_pass.trace.calls[layer]
        (gradient,) = torch.autograd.grad(forward_pass.of_target(outputs).sum(), weights, retain_graph=True)
    return over_all_tokens(gradient, forward_pass.grid)
