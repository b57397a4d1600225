"""TracedCall: one attention call in autograd's graph, and how the gradient at its weights is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vitexplain.capture.attend import OnGradient, Watch, hand_over


@dataclass(frozen=True, eq=False)
class TracedCall:
    """An attention call of a pass with gradients.

    node: the tensor of the graph that the gradient at the weights follows from: the call's output (B, H, Q, D) where
    `attend` answered it, with the `watch` it was given, or the weights (B, H, Q, N) themselves.
    """

    node: Tensor
    watch: Watch | None = None

    @contextmanager
    def watched(self, receiver: OnGradient) -> Iterator[None]:
        """Hand the gradient at the weights over whenever a backward pass comes by, until the end of the block."""
        if self.watch is None:
            hook: Any = self.node.register_hook(lambda found: self.hand_over(found, receiver))  # type: ignore[no-untyped-call]
            try:
                yield
            finally:
                hook.remove()
        else:
            self.watch.receiver = receiver
            try:
                yield
            finally:
                self.watch.receiver = None

    def hand_over(self, gradient: Tensor, receiver: OnGradient) -> None:
        """Hand the gradient at the weights over, for a gradient at `node`."""
        if self.watch is None:
            receiver(self.node.detach(), gradient, slice(0, len(gradient)))
        else:
            hand_over(self.node, gradient, receiver)
