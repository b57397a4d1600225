"""Integrated gradients: gradients summed along the way from an empty picture to this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.capture import observed, with_gradients
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.fills import CHUNK, FILLS, FillName, filling
from vitexplain.methods.method import EveryMethod, MethodScores, Need, Statistics
from vitexplain.options import choice, count


@dataclass(frozen=True)
class IntegratedGradients(EveryMethod):
    """What it adds to the logit, coming from an empty picture.

    Signed. Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", section 3, over patch embeddings:
    the change of the embedding times the logit's mean gradient on the straight line from the empty picture's embedding,
    by `steps` gradients at the middles of equal steps. `fill`: mean, blur or black, what the empty picture shows. The
    scores add up to the change of the logit, up to the error of the steps.
    """

    name: ClassVar[str] = "integrated-gradients"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "gradients", "model"})
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    runs_alone: ClassVar[bool] = True
    sums_to_change: ClassVar[bool] = True
    """The scores add up to the change of the logit from the empty picture: `evaluate` measures it (completeness)."""
    steps: int = count(
        32,
        "Number of gradients on the way from the empty picture to this one, 32 by default (integrated-gradients).",
        low=1,
        expected="a number of steps from 1",
    )
    fill: FillName = choice(
        "mean", "what the empty picture shows: mean, blur or black (integrated-gradients).", words=FILLS
    )

    def __post_init__(self) -> None:
        if self.fill == "drop":
            raise UsageError("integrated-gradients: fill=drop gives no picture to start from: use mean, blur or black")

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from `steps` forward and backward passes each."""
        found = [self._image(forward_pass, image) for image in range(len(forward_pass.pixels))]
        return MethodScores(
            values=np.stack([scores for scores, _ in found]),
            unit=f"part of the change of the {forward_pass.quantity}",
            layers=forward_pass.all_layers,
            statistics=tuple(statistics for _, statistics in found),
            signed=True,
        )

    def _image(
        self, forward_pass: ForwardPass, image: int
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], Statistics]:
        pixels = forward_pass.pixels[image]
        pair = torch.stack((filling(forward_pass, pixels, self.fill), pixels))
        way = _Way(forward_pass, image, pixels)
        ends = way.embeddings_of(pair)
        places = (torch.arange(self.steps, device=pixels.device, dtype=ends.dtype) + 0.5) / self.steps
        total = torch.zeros_like(ends[0])
        for chunk in torch.split(places, CHUNK):
            shares = chunk.view(-1, *(1,) * (ends.ndim - 1))
            total += way.gradients(ends[0] + shares * (ends[1] - ends[0])).sum(0)
        change = (ends[1] - ends[0]) * total / self.steps
        scores = forward_pass.model.network.by_patch(change[None])[0].sum(-1)
        start, end = way.logits(ends).tolist()
        return scores.cpu().numpy(), {"logit_change": end - start, "sum": float(scores.sum())}


class _Way:
    """The model from the patch embeddings on, for one image's target."""

    def __init__(self, forward_pass: ForwardPass, image: int, pixels: Tensor) -> None:
        self._forward_pass, self._image, self._pixels = forward_pass, image, pixels
        self._network = forward_pass.model.network

    def embeddings_of(self, pixels: Tensor) -> Tensor:
        """Return the patch embeddings of pixels (b, 3, H, W), in the model's own form."""
        found: list[Tensor] = []

        def keep(embeddings: Tensor) -> Tensor:
            found.append(embeddings.clone())  # positions may be added in place
            return embeddings

        with torch.no_grad():
            observed(self._network, {self._network.embedding: keep})(pixels)
        return found[0]

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return the target's logit (b,) for patch embeddings."""
        network = observed(self._network, {self._network.embedding: lambda _: embeddings.clone()})
        outputs = network(self._pixels.expand(len(embeddings), -1, -1, -1))
        return self._forward_pass.of_target(outputs, self._image)

    def gradients(self, embeddings: Tensor) -> Tensor:
        """Return the gradient of the target's logit at each of the embeddings."""
        with with_gradients():
            leaf = embeddings.detach().clone().requires_grad_()
            return torch.autograd.grad(self.logits(leaf).sum(), leaf)[0]
