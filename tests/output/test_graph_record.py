"""The record of a graph is valid, counts what is there, and its file belongs to its image."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.given_result import picture, result
from tests.graph.small import graph
from vitexplain.errors import OutputError
from vitexplain.graph import export, flow_to, strongest_paths, to_networkx
from vitexplain.output import input_of, line, schema, write_single
from vitexplain.output.graph_record import graph_record

VALIDATOR = Draft202012Validator(schema("graph"))


def test_paths() -> None:
    given, made = graph(1), result()
    paths = strongest_paths(given, 4)
    record = json.loads(line(graph_record(made, given, paths)))
    VALIDATOR.validate(record)
    assert [len(path["nodes"]) for path in record["paths"]] == [4] * 4
    assert record["paths"][0]["nodes"][0] == "L3T0"
    whole = float(made.explanations[0].scores.sum())
    assert record["share"] == pytest.approx(math.fsum(path.weight for path in paths) / whole)
    assert record["edges"] == 147
    assert "flow" not in record


@pytest.mark.parametrize("virtual", [False, True])
def test_flow(virtual: bool) -> None:
    given = graph(2, virtual=virtual)
    flow = flow_to(given, 5)
    record = json.loads(line(graph_record(result(), given, flow.widest_paths(1000), flow)))
    VALIDATOR.validate(record)
    assert record["share"] == pytest.approx(1)
    assert record["flow"]["patch"] == [1, 1]
    assert record["flow"]["cut_edges"] == len(flow.cut)


def test_an_exported_file_is_valid_and_of_its_image(tmp_path: Path) -> None:
    given, made = graph(3), result()
    record = graph_record(made, given, strongest_paths(given, 2))
    sha256 = made.picture.sha256
    data = export(to_networkx(given), "json", sha256, record)
    VALIDATOR.validate(json.loads(data))
    path = write_single(tmp_path, "some/folder/cat.jpg", ".graph.json", data, sha256)
    assert path == tmp_path / "cat.graph.json"
    assert input_of(path) == sha256
    write_single(tmp_path, "cat.jpg", ".graph.json", data, sha256)
    with pytest.raises(OutputError, match="belongs to another input"):
        write_single(tmp_path, "cat.jpg", ".graph.json", data, picture(seed=1).sha256)
    write_single(tmp_path, "cat.jpg", ".graph.json", data, picture(seed=1).sha256, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["cat.graph.json"]
