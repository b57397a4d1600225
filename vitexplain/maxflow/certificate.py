"""The judge of flows and cuts: checks one sink's flow and cut on the original capacities, trusting nobody.

This code shares nothing with the sweeps or the solver. It reads a flow edge by edge: nothing below zero or above its
capacity, and every token passes on exactly what it receives. It reads a cut edge by edge: what leads from the source's
side to the sink's side. A feasible flow of value f and a cut of capacity c prove that the maximum lies in [f, c].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FlowCheck:
    """What a flow delivers, and by how much it breaks the rules, in the unit of the capacities.

    `value`: what arrives at the sink. `overflow`: the most by which an edge carries less than 0 or more than its
    capacity. `imbalance`: the most by which a token passes on more or less than it receives; a flow into a token of
    the bottom level other than the sink counts here too.
    """

    value: float
    overflow: float
    imbalance: float

    @property
    def violation(self) -> float:
        """The larger of the two breaches."""
        return max(self.overflow, self.imbalance)


def check_flow(
    layers: Sequence[Floats], start: Floats, sink: int, flow: Sequence[Floats], source_flow: Floats
) -> FlowCheck:
    """Return what `flow` [L arrays (N_l, N_{l-1})] with `source_flow` (N_L,) delivers to `sink` and what it breaks.

    `layers`: the capacities, shaped like `flow`, the first nearest the image; `start` (N_L,): those of the source's
    edges.
    """
    overflow = _overflow(source_flow, start)
    imbalance = 0.0
    arriving = source_flow
    for edges, capacity in zip(reversed(flow), reversed(layers), strict=True):
        overflow = max(overflow, _overflow(edges, capacity))
        imbalance = max(imbalance, float(np.abs(arriving - edges.sum(axis=1)).max()))
        arriving = edges.sum(axis=0)
    elsewhere = np.delete(arriving, sink)
    if elsewhere.size:
        imbalance = max(imbalance, float(np.abs(elsewhere).max()))
    return FlowCheck(float(arriving[sink]), overflow, imbalance)


def cut_capacity(layers: Sequence[Floats], start: Floats, sink: int, source_side: Sequence[Bools]) -> float:
    """Return the capacity of the cut with `source_side` [levels 1 .. L, (N_l,)]; at level 0 all but `sink` are near.

    Arguments otherwise as in `check_flow`.
    """
    bottom = np.ones(layers[0].shape[1], dtype=bool)
    bottom[sink] = False
    sides = [bottom, *source_side]
    inside = sum(
        float(capacity[upper][:, ~lower].sum())
        for capacity, lower, upper in zip(layers, sides[:-1], sides[1:], strict=True)
    )
    return inside + float(start[~sides[-1]].sum())


def _overflow(flow: Floats, capacity: Floats) -> float:
    if flow.shape != capacity.shape:
        raise ValueError(f"a flow of shape {flow.shape} does not fit capacities of shape {capacity.shape}")
    return float(max(np.max(flow - capacity), np.max(-flow), 0.0))
