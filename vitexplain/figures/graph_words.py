"""What a drawn graph says in words: how much of the whole the drawn paths are, and what the minimum cut means."""

from __future__ import annotations

from collections.abc import Sequence

from vitexplain.attention import LayeredGraph
from vitexplain.figures.words import name_of, percent
from vitexplain.graph import PatchFlow, Path, path_count
from vitexplain.result import Result


def about_paths(result: Result, graph: LayeredGraph, paths: Sequence[Path]) -> str:
    """Return what the strongest paths carry of the rollout on the patches, and of how many paths."""
    whole = float(result.explanations[0].scores.astype("float64").sum())
    if whole <= 0 or not paths:
        return "No path leads from the source to a patch."
    share = sum(path.weight for path in paths) / whole
    return (
        f"{_paths(paths)} of {_count(path_count(graph))}, together {_fine(share)} of the rollout on all patches: the "
        "rest is spread over weaker ones."
    )


def about_flow(graph: LayeredGraph, flow: PatchFlow, paths: Sequence[Path]) -> list[str]:
    """Return the flow's value, what the drawn paths carry of it, and where its minimum cut lies."""
    where = graph.grid.patch_of_token(flow.token)
    name = f"patch {where[0]},{where[1]}" if where else f"token {flow.token}"
    if flow.value <= 0 or not paths:
        return [f"Nothing flows to {name}: no path leads there."]
    share = sum(path.weight for path in paths) / flow.value
    found = [
        f"The flow to {name} is {flow.value:.4g}; drawn: {_paths(paths).lower()} with {_fine(share)} of it.",
        f"The minimum cut has that capacity: {_edges(len(flow.cut))} of {_layers(graph, flow)}.",
    ]
    if flow.cut_layers == (graph.first,) and graph.first < graph.last:
        found.append(f"The patch is limited by its own column: this flow shows layer {graph.first} and little else.")
    elif flow.cut_layers in {(graph.last,), (graph.last + 1,)}:
        found.append("The patch is limited by the source: all such patches have the same flow.")
    return found


def _paths(paths: Sequence[Path]) -> str:
    return "One path" if len(paths) == 1 else f"{len(paths):,} paths"


def _edges(count: int) -> str:
    return "one edge" if count == 1 else f"{count:,} edges"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e6 else f"about {number:.0e}"


def _fine(share: float) -> str:
    """Return a share as a percentage, small ones with two digits."""
    return percent(share) if share >= 0.1 else f"{100 * share:.2g} %"


def _layers(graph: LayeredGraph, flow: PatchFlow) -> str:
    names = [str(layer) for layer in flow.cut_layers if layer <= graph.last]
    found = ["the source"] if len(names) < len(flow.cut_layers) else []
    if names:
        found.insert(0, f"layer{'s' * (len(names) > 1)} {', '.join(names)}")
    return " and ".join(found)


def title_of(result: Result, graph: LayeredGraph, flow: PatchFlow | None, count: int) -> str:
    """Return the figure's title: the picture's name and what is drawn."""
    spec = result.explanations[0].spec
    options = f" ({spec.partition(':')[2]})" if ":" in spec else ""
    if flow is None:
        paths = "the strongest path" if count == 1 else f"the {count:,} strongest paths"
        return f"{name_of(result)}: {paths} of rollout{options}"
    row, col = graph.grid.patch_of_token(flow.token) or (0, 0)
    return f"{name_of(result)}: attention flow to patch {row},{col}{options}"
