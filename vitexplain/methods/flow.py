"""Attention flow: how much could be carried from the source to each patch through pipes of the graph's capacities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vitexplain.attention import LayeredGraph
from vitexplain.errors import LimitError
from vitexplain.forward_pass import ForwardPass
from vitexplain.maxflow import LayeredFlow, layered_max_flow, layered_max_flow_by_layer
from vitexplain.methods.method import GraphOptions, MethodScores, Statistics
from vitexplain.methods.token_scores import merged_notice

OUTER_CUTS_SAY_ALL = 0.9
"""A notice says that a flow shows little else if the two outermost cuts limit more than this share of the patches."""
_BYTES_A_PAIR = 115
"""Memory of a flow for each pair of tokens at the bottom: measured, 1,073 MiB for 3,136 tokens of a Swin."""
STRONG_DISCARD = 0.97
"""With this share of the edges discarded, flow is limited elsewhere, too (measured: guide/flow.md)."""


@dataclass(frozen=True)
class Flow(GraphOptions):
    """How much could be carried to it if attention were pipes.

    Exact maximum flows. Abnar & Zuidema 2020, section 3.2: one flow per patch, in float64, proved by its minimum cut.
    """

    name: ClassVar[str] = "flow"

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch: capacities of minimum cuts on the original graph."""
        return self._found(forward_pass, verify=False)

    def verified(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores, each patch's flow built edge by edge and checked against its cut."""
        return self.smoothed(self._found(forward_pass, verify=True), forward_pass.grid)

    def _found(self, forward_pass: ForwardPass, *, verify: bool) -> MethodScores:
        graph = self._graph(forward_pass)
        flows = []
        for image in range(len(forward_pass.pixels)):
            capacities = graph.capacities(image)
            flows.append(layered_max_flow(capacities, _start(graph, image), verify=verify))
        return self._scores(forward_pass, graph, flows)

    def by_layer(self, forward_pass: ForwardPass) -> dict[int, MethodScores]:
        """Return for every layer k the scores on the graph cut off after it, each a flow problem of its own."""
        graph = self._graph(forward_pass)
        cut = [graph.upto(layer) for layer in range(graph.first, graph.last + 1)]
        flows: list[list[LayeredFlow]] = [[] for _ in cut]
        for image in range(len(forward_pass.pixels)):
            capacities = graph.capacities(image)
            starts = [_start(at, image) for at in cut]
            # Graphs that start at the same place are solved together: all of them, or all but that whose source is an
            # attention pool above the last layer.
            together = next((end for end in (len(cut), len(cut) - 1) if _all_same(starts[:end])), 0)
            found = layered_max_flow_by_layer(capacities[:together], starts[0]) if together else ()
            rest = [layered_max_flow(capacities[: end + 1], starts[end]) for end in range(together, len(cut))]
            for layer, flow in enumerate((*found, *rest)):
                flows[layer].append(flow)
        return {
            at.last: self.smoothed(self._scores(forward_pass, at, of_layer), forward_pass.grid)
            for at, of_layer in zip(cut, flows, strict=True)
        }

    def _graph(self, forward_pass: ForwardPass) -> LayeredGraph:
        first, _ = forward_pass.layer_range(self.layers)
        _require_memory(forward_pass.levels[first - 1].tokens)
        device = "cpu" if forward_pass.pixels.device.type == "mps" else None
        return self.graph(forward_pass, dtype=torch.float64, device=device)

    def _scores(self, forward_pass: ForwardPass, graph: LayeredGraph, flows: Sequence[LayeredFlow]) -> MethodScores:
        prefix, level = graph.grid.prefix, graph.first - 1
        holders = forward_pass.between.holders(level).tolist()
        merged = merged_notice(forward_pass, level, "have its flow each")
        return MethodScores(
            values=np.stack([flow.value.cpu().numpy()[prefix:][holders] for flow in flows]),
            unit="capacity of the minimum cut",
            layers=(graph.first, graph.last),
            source=self.source,
            statistics=tuple(_statistics(flow, prefix) for flow in flows),
            notices=tuple((*graph.notices, *merged, *self._outer_cut_notice(flow, graph)) for flow in flows),
            cut_layers=tuple(_cut_layers(flow, graph, holders) for flow in flows),
        )

    def _outer_cut_notice(self, flow: LayeredFlow, graph: LayeredGraph) -> tuple[str, ...]:
        """Return a notice, with what to try, if the two outermost cuts limit nearly every patch."""
        at_source = flow.source_limited[graph.grid.prefix :]
        at_sink = flow.sink_limited[graph.grid.prefix :]
        if graph.first == graph.last or float((at_source | at_sink).double().mean()) <= OUTER_CUTS_SAY_ALL:
            return ()
        middle = (graph.first + graph.last) // 2 + 1
        settings = [f"discard={STRONG_DISCARD}"] if self.discard < STRONG_DISCARD else []
        settings += [f"layers={middle}:{graph.last}"] if graph.first == 1 and middle > 2 else []
        beside = ", too" if len(settings) == 1 and (self.discard > 0 or graph.first > 1) else ""
        advice = [" with ".join(settings) + beside] if settings else []
        advice += ["fusion=gradient"] if self.fusion != "gradient" else []
        column, tied = float(at_sink.double().mean()), float((at_source & ~at_sink).double().mean())
        return (
            f"this flow shows layer {graph.first} only: {column:.0%} of the patches are limited by their column of "
            f"layer {graph.first}, {tied:.0%} tie at the source{'; try ' if advice else ''}{', or '.join(advice)}",
        )


def _require_memory(tokens: int) -> None:
    """Raise LimitError where a flow to so many tokens would take more than half of the machine's memory."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return
    needed = _BYTES_A_PAIR * tokens**2
    if needed > memory // 2:
        raise LimitError(
            f"flow to {tokens:,} tokens takes about {needed / 1e9:.1f} GB, more than half of this machine's "
            f"{memory / 1e9:.1f} GB: use rollout, a smaller picture or layers above a merging"
        )


def _start(graph: LayeredGraph, image: int) -> int | Tensor:
    """Return the source of one image: a token, or weights (N,)."""
    source = graph.source
    return source.node if source.node is not None else source.rows(graph.layers[-1].own)[image]


def _all_same(starts: Sequence[int | Tensor]) -> bool:
    first = starts[0] if starts else 0
    return all(
        type(start) is type(first) and torch.equal(torch.as_tensor(start), torch.as_tensor(first)) for start in starts
    )


def _statistics(flow: LayeredFlow, prefix: int) -> Statistics:
    at_source, at_sink = flow.source_limited[prefix:], flow.sink_limited[prefix:]
    total, of_prefix = float(flow.value.sum()), float(flow.value[:prefix].sum())
    return {
        "prefix_share": of_prefix / total if total > 0 else None,
        "source_limited": float(at_source.double().mean()),
        "sink_limited": float(at_sink.double().mean()),
        "between": float((~(at_source | at_sink)).double().mean()),
        "gap": flow.gap,
        **({"verified": len(at_sink)} if flow.verified else {}),
    }


def _cut_layers(flow: LayeredFlow, graph: LayeredGraph, holders: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return for each patch the layers that its cut passes, numbered as in the model, the largest part first."""
    prefix = graph.grid.prefix
    found = []
    for layers, shares in zip(flow.cut_layers[prefix:], flow.layer_share[prefix:].tolist(), strict=True):
        by_share = sorted(layers, key=lambda layer: -shares[layer - 1])
        found.append(tuple(layer + graph.first - 1 for layer in by_share))
    return tuple(found[patch] for patch in holders)
