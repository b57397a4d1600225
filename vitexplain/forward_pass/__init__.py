"""A batch of views through the model once; attention, gradients and the graph computed when first asked for."""

from vitexplain.forward_pass.forward_pass import ForwardPass, layers_within
from vitexplain.forward_pass.run import levels_of

__all__ = ["ForwardPass", "layers_within", "levels_of"]
