"""Files of the graph give the same graph when they are read, and networkx finds the tool's flow on it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import networkx as nx
import numpy as np
import pytest

from tests.graph.small import graph, of_arrays
from vitexplain.errors import LimitError
from vitexplain.graph import (
    FORMATS,
    ExportFormat,
    edge_count,
    export,
    flow_to,
    require_exportable,
    strongest_paths,
    to_networkx,
)

SHA = "0123456789abcdef" * 4
HEADER = {"schema": "vitexplain/graph-1", "image": {"sha256": SHA}}


def read(data: bytes, form: ExportFormat) -> nx.DiGraph[str]:
    if form == "json":
        return nx.node_link_graph(json.loads(data)["graph"], edges="edges")
    return nx.read_graphml(io.BytesIO(data)) if form == "graphml" else read_dot(data.decode("utf-8"))


def read_dot(text: str) -> nx.DiGraph[str]:
    """Read the DOT that is written here: one statement a line, every name and value in quotes."""
    made: nx.DiGraph[str] = nx.DiGraph()
    kinds: dict[str, Callable[[str], object]] = {
        "layer": int,
        "token": int,
        "patch": str,
        "cut": lambda value: value == "true",
    }
    for line in text.splitlines()[2:-1]:
        values = {key: kinds.get(key, float)(value) for key, value in re.findall(r'(\w+)="([^"]*)"', line)}
        names = re.findall(r'"([^"]*)"', line.partition("[")[0])
        if "->" in line:
            made.add_edge(*names, **values)
        elif "[" in line:
            made.add_node(names[0], **values)
        else:
            made.graph[names[0]] = names[1]
    return made


def parts(made: nx.DiGraph[str]) -> tuple[Mapping[str, Any], Mapping[tuple[str, str], Any]]:
    return dict(made.nodes(data=True)), {(a, b): values for a, b, values in made.edges(data=True)}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("flow", [False, True])
def test_round_trip_of_the_whole_graph(form: ExportFormat, virtual: bool, flow: bool) -> None:
    given = graph(1, virtual=virtual, sparse=True)
    made = to_networkx(given, flow=flow_to(given, 4) if flow else None, about={"model": 'a "model" \\'})
    data = export(made, form, SHA, HEADER)
    assert SHA.encode("ascii") in data[:4096]
    again = read(data, form)
    assert parts(again) == parts(made)
    if form != "dot":
        assert again.graph["model"] == 'a "model" \\'
    assert again.graph["source"] == made.graph["source"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("virtual", [False, True])
def test_maximum_flow_on_the_file_is_the_tools_value(form: ExportFormat, virtual: bool) -> None:
    given = graph(2, virtual=virtual)
    for token in range(1, 7):
        found = flow_to(given, token)
        again = read(export(to_networkx(given, flow=found), form, SHA, HEADER), form)
        value, _ = nx.maximum_flow(again, again.graph["source"], again.graph["sink"])
        assert value == pytest.approx(found.value, rel=1e-9)
        assert float(again.graph["flow_value"]) == found.value
        arriving = sum(values["flow"] for _, _, values in again.in_edges(f"L0T{token}", data=True))
        assert arriving == pytest.approx(value, rel=1e-9)
        cut = sum(values["capacity"] for _, _, values in again.edges(data=True) if values.get("cut"))
        assert cut == pytest.approx(value, rel=1e-9)


def test_edges_lead_from_the_reader_to_the_read() -> None:
    given = graph(3)
    made = to_networkx(given)
    assert made.edges["L3T0", "L2T5"] == {"weight": given.arrays[2][0, 5], "capacity": given.arrays[2][0, 5]}
    assert made.nodes["L0T4"] == {"layer": 0, "token": 4, "patch": "1,0"}
    assert made.nodes["L1T0"] == {"layer": 1, "token": 0}
    assert made.number_of_edges() == edge_count(given) == 3 * 49


def test_paths_alone() -> None:
    given = graph(4, virtual=True)
    (path,) = strongest_paths(given, 1)
    made = to_networkx(given, [path])
    top, upper, lower, bottom = (f"L{3 - depth}T{token}" for depth, token in enumerate(path.tokens))
    assert list(nx.dfs_edges(made, "source")) == [("source", top), (top, upper), (upper, lower), (lower, bottom)]
    product = np.prod([values["weight"] for _, _, values in made.edges(data=True)])
    assert product == pytest.approx(path.weight)


def test_layers_are_numbered_as_in_the_model() -> None:
    given = of_arrays(graph(5, layers=2).arrays, first=7)
    made = to_networkx(given)
    assert {values["layer"] for values in dict(made.nodes(data=True)).values()} == {6, 7, 8}
    assert made.graph["source"] == "L8T0"


def test_a_large_graph_says_its_size() -> None:
    large = of_arrays([np.full((400, 400), 1 / 400)])
    with pytest.raises(LimitError, match=r"160,000 edges, about 25 MB of graphml.*`all=True`.*`top=50`") as caught:
        require_exportable(large, "graphml")
    assert "\n" not in str(caught.value)
    require_exportable(graph(0), "graphml")
