"""Libra: token times gradient, with the parts of a transformer that unbalance gradients held constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.capture import LIBRA, Rules
from vitexplain.methods.attn_lrp import no_rule
from vitexplain.methods.block_inputs import BlockInputs
from vitexplain.models import LoadedModel


@dataclass(frozen=True)
class Libra(BlockInputs):
    """Its tokens times a balanced gradient, for or against.

    Mehri et al. 2025, "LibraGrad: Balancing Gradient Flow for Universally Better Vision Transformer Attributions":
    attention weights, the gates of GELU and SiLU and the deviation of LayerNorm are held constant, and the product of
    two variables shares its gradient between them. The scores are the sum over the inputs of blocks A to B (`layers`,
    all by default). ModelError for a model with a function that has no rule.
    """

    name: ClassVar[str] = "libra"

    @property
    def gradient_rules(self) -> Rules:
        """LibraGrad's."""
        return LIBRA

    def why_not(self, model: LoadedModel) -> str | None:
        """Return which function of the model has no rule, and what to use instead; None: each has one."""
        return super().why_not(model) or no_rule(model, LIBRA)
