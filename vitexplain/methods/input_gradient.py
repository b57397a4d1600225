"""Input gradient: how strongly the target's logit responds to a small change of each patch; a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.attention import Fusion
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import EveryMethod, MethodScores, Need
from vitexplain.options import choice, yes_or_no


@dataclass(frozen=True)
class InputGradient(EveryMethod):
    """How strongly the logit responds to it: its gradient.

    After Simonyan et al. 2013, section 3, and the input gradients of Abnar & Zuidema 2020, section 4. `reduce`: norm
    (Euclidean, over the channels) or sum, the absolute value of the sum, as in the latter's script. `times_input`:
    the gradient times the embedding, channel by channel, instead of the gradient.
    """

    name: ClassVar[str] = "input-gradient"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "gradients"})
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    reduce: str = choice("norm", words=("norm", "sum"))
    times_input: bool = yes_or_no(False)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch."""
        found = forward_pass.gradients.begin
        assert found is not None
        if self.times_input:
            found = found * forward_pass.trace.begin.detach()
        found = forward_pass.model.network.by_patch(found)
        values = found.norm(dim=-1) if self.reduce == "norm" else found.sum(-1).abs()
        what = "gradient x embedding" if self.times_input else "gradient"
        return MethodScores(
            values=values.cpu().numpy(),
            unit=f"{'norm' if self.reduce == 'norm' else 'absolute sum'} of the {forward_pass.quantity}'s {what}",
            layers=forward_pass.all_layers,
        )
