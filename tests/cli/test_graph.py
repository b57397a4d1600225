"""`vitexplain graph` on the built-in model: drawings, exports, their limit, and what is wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import networkx as nx
import pytest

from tests.cli.command_line import command_line
from vitexplain.output import input_of, schema

KOALA = Path(__file__).parents[2] / "sample_images" / "koala.jpg"


def test_a_drawing_of_the_strongest_paths(tmp_path: Path) -> None:
    ended = command_line("graph", KOALA, "--out", tmp_path, "--json", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    record = json.loads(ended.out)
    jsonschema.validate(record, schema("graph"))
    assert len(record["paths"]) == 50
    assert 0 < record["share"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["koala.graph.svg"]
    assert input_of(tmp_path / "koala.graph.svg") == record["image"]["sha256"]


def test_the_flow_to_a_patch_is_that_of_run(tmp_path: Path) -> None:
    options = ("--discard", "0.99", "--quiet", "--json")
    run = json.loads(command_line("run", KOALA, "-m", "flow", *options).out)["explanations"][0]
    ended = command_line("graph", KOALA, "--flow-to", "5,6", "--out", tmp_path, "--format", "png", *options)
    record = json.loads(ended.out)
    jsonschema.validate(record, schema("graph"))
    assert record["flow"]["value"] == pytest.approx(run["scores"][5][6], rel=1e-9)
    assert record["flow"]["cut_layers"] == sorted(run["cut_layers"][5][6])
    assert (tmp_path / "koala.graph-flow-to-5-6.png").exists()


def test_an_export_of_a_small_graph_is_whole(tmp_path: Path) -> None:
    options = ("--discard", "0.97", "--layers", "11:12", "--flow-to", "5,6", "--format", "json")
    ended = command_line("graph", KOALA, "--out", tmp_path, "--quiet", "--json", *options)
    document = json.loads((tmp_path / "koala.graph-flow-to-5-6.json").read_text())
    jsonschema.validate(document, schema("graph"))
    whole = nx.node_link_graph(document["graph"], edges="edges")
    assert whole.number_of_edges() == json.loads(ended.out)["edges"] < 100_000
    value = nx.maximum_flow_value(whole, whole.graph["source"], whole.graph["sink"])
    assert value == pytest.approx(document["flow"]["value"], rel=1e-9)


@pytest.mark.parametrize("form", ["graphml", "json", "dot"])
def test_a_large_export_is_refused_and_its_paths_alone_are_not(form: str, tmp_path: Path) -> None:
    ended = command_line("graph", KOALA, "--out", tmp_path, "--format", form)
    assert ended.code == 5
    assert "792,588 edges" in ended.error_line
    assert list(tmp_path.iterdir()) == []
    assert command_line("graph", KOALA, "--out", tmp_path, "--format", form, "--top", "3").code == 0
    assert (tmp_path / f"koala.graph.{form}").stat().st_size < 20_000


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--flow-to", "5"), 2, "expected ROW,COL"),
        (("--flow-to", "16,0"), 2, "outside the grid of 16 x 16 patches"),
        (("--top", "100001"), 2, "less than or equal to 100000"),
        (("--all",), 2, "--all exports the whole graph"),
        (("--all", "--top", "5", "--format", "dot"), 2, "--all exports the whole graph"),
        (("--format", "gif"), 2, "expected svg, png, pdf, graphml, json or dot"),
        (("--layers", "1:13"), 2, "the model has layers 1 to 12"),
        (("--source", "patch:99,0"), 2, "outside the grid"),
        (("--out", "/dev/null/figures"), 6, "is not a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options: tuple[str, ...], code: int, message: str, tmp_path: Path) -> None:
    ended = command_line("graph", KOALA, "--out", tmp_path, *options)
    assert ended.code == code
    assert message in ended.error_line
    assert list(tmp_path.iterdir()) == []
