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


def about_flow(graph: LayeredGraph, flow: PatchFlow) -> str:
    """Return what one sees of a flow: its value, the cut that proves it, and which layers limit it."""
    name = _patch(graph, flow)
    if flow.value <= 0:
        return f"Nothing flows to {name}: no path leads there."
    found, edges = f"At most {flow.value:.4g} can flow from the source to {name}.", len(flow.cut)
    if flow.cut_layers == (graph.first,) and graph.first < graph.last:
        return (
            f"{found} Layer {graph.first} limits it: the {_edges(edges)} that lead to the patch there carry just as "
            "much (the minimum cut), whatever the layers above do."
        )
    if flow.cut_layers in {(graph.last,), (graph.last + 1,)}:
        return (
            f"{found} The source limits it: the {_edges(edges)} that lead away from it carry just as much (the minimum "
            "cut), and all patches that it limits have the same flow."
        )
    return f"{found} {_layers(graph, flow)}: the {_edges(edges)} of the minimum cut there carry just as much."


def about_drawn(flow: PatchFlow, paths: Sequence[Path]) -> str:
    """Return what the drawn paths carry of a flow."""
    share = sum(path.weight for path in paths) / flow.value if flow.value > 0 else 0.0
    return f"Drawn: {_paths(paths).lower()} with {_fine(share)} of the flow."


def _patch(graph: LayeredGraph, flow: PatchFlow) -> str:
    where = graph.grid.patch_of_token(flow.token)
    return f"patch {where[0]},{where[1]}" if where else f"token {flow.token}"


def _paths(paths: Sequence[Path]) -> str:
    return "One path" if len(paths) == 1 else f"{len(paths):,} paths"


def _edges(count: int) -> str:
    return "one edge" if count == 1 else f"{count:,} edges"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e6 else f"about {number:.0e}"


def _fine(share: float) -> str:
    """Return a share as a percentage, small ones with two digits."""
    return percent(share) if share >= 0.1 else f"{100 * share:.2g}%"


def _layers(graph: LayeredGraph, flow: PatchFlow) -> str:
    """Return which layers limit a flow, as the start of a sentence."""
    names = [str(layer) for layer in flow.cut_layers if layer <= graph.last]
    several = len(names) > 1
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if several else "".join(names)
    found = [f"layer{'s' * several} {listed}"] if names else []
    found += ["the source"] * (len(names) < len(flow.cut_layers))
    said = " and ".join(found)
    return f"{said[:1].upper()}{said[1:]} limit{'s' * (len(flow.cut_layers) == 1)} it"


def title_of(result: Result, graph: LayeredGraph, flow: PatchFlow | None, count: int) -> str:
    """Return the figure's title: the picture's name and what is drawn."""
    spec = result.explanations[0].spec
    options = f" ({spec.partition(':')[2]})" if ":" in spec else ""
    if flow is None:
        paths = "the strongest path" if count == 1 else f"the {count:,} strongest paths"
        return f"{name_of(result)}: {paths} of rollout{options}"
    row, col = graph.grid.patch_of_token(flow.token) or (0, 0)
    return f"{name_of(result)}: attention flow to patch {row},{col}{options}"
