"""Variants: what stands for each method of a request: it as it is, by layer, by head, verified, or with more kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from vitexplain.attention import EVERY_HEAD, Fusion, LayeredGraph
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method, MethodScores, cut_off, has_layers, scores_by_layer, single_heads
from vitexplain.methods.deletion import Deletion, deletion_of
from vitexplain.methods.fills import FillName
from vitexplain.methods.flow import Flow
from vitexplain.methods.method import GraphOptions
from vitexplain.pipeline.checks import require_flow

Scored = tuple[Method, MethodScores]


def _suits_any(_methods: Sequence[Method]) -> None:
    pass


@dataclass(frozen=True)
class Variants:
    """What stands for each method: `of` returns variants of it with their scores, all from one forward pass.

    `fusions` are the head fusions that variants ask for beside those of the methods. `check` raises UsageError where
    they have no effect on any of the methods.
    """

    of: Callable[[Method, ForwardPass], list[Scored]]
    fusions: frozenset[Fusion] = frozenset()
    check: Callable[[Sequence[Method]], None] = _suits_any


def keeping_graphs(graphs: list[LayeredGraph]) -> Variants:
    """Return what leaves each method as it is, and adds the graph that it is computed on to `graphs`.

    For methods on the whole graph (rollout, flow), and for one image at a time.
    """
    return Variants(partial(_keep_graph, graphs))


def keeping_deletions(found: list[Deletion], steps: int, fill: FillName, seed: int) -> Variants:
    """Return what leaves each method as it is, and adds to `found` what the model answers without its patches.

    For one image at a time; a method that explains no class is asked about the most probable one.
    """
    return Variants(partial(_keep_deletion, found, steps, fill, seed))


def _as_it_is(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    return [(method, method(forward_pass))]


def _by_layer(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    if not has_layers(method):
        return _as_it_is(method, forward_pass)
    scores = scores_by_layer(method, forward_pass)
    return [(cut, scores[layer]) for layer, cut in cut_off(method, forward_pass).items()]


def _by_head(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    return [(single, single(forward_pass)) for single in single_heads(method, forward_pass)]


def _verified(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    return [(method, method.verified(forward_pass))] if isinstance(method, Flow) else _as_it_is(method, forward_pass)


def _keep_graph(graphs: list[LayeredGraph], method: Method, forward_pass: ForwardPass) -> list[Scored]:
    assert isinstance(method, GraphOptions)
    device = "cpu" if forward_pass.pixels.device.type == "mps" else None
    graphs.append(method.graph(forward_pass, dtype=torch.float64, device=device).of_image())
    return _as_it_is(method, forward_pass)


def _keep_deletion(
    found: list[Deletion], steps: int, fill: FillName, seed: int, method: Method, forward_pass: ForwardPass
) -> list[Scored]:
    scores = method(forward_pass)
    found.append(deletion_of(forward_pass, 0, scores.values[0], steps, fill, seed))
    return [(method, scores)]


AS_THEY_ARE = Variants(_as_it_is)
"""Every method itself."""

BY_LAYER = Variants(_by_layer)
"""Every method on the graph cut off after each of its layers, in their order; a method without layers once."""

BY_HEAD = Variants(_by_head, frozenset({EVERY_HEAD}))
"""Every method with every single head, raw attention also for every layer: by layers, then by heads."""

VERIFIED = Variants(_verified, check=partial(require_flow, "verify"))
"""Every method itself, each flow built edge by edge and checked against its cut."""
