"""The schema takes every record that is written and nothing that is not one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.given_result import explanation, picture, result
from vitexplain.errors import InputError
from vitexplain.output import line, schema
from vitexplain.result import Failure

VALIDATOR = Draft202012Validator(schema())
FULL = json.loads(line(result(explanations=[explanation("flow:layers=7:12"), explanation()]).to_record()))
FAILED = json.loads(line(Failure("x.jpg", InputError("x.jpg: no such file"), {"total": 0.1}).to_record()))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("record", [FULL, FAILED, result(picture(None), []).to_record()])
def test_records_are_valid(record: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(line(record)))


def _put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        place: Any = record
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _put("extra", value=1),
        _put("schema", value="vitexplain/2"),
        _put("image", "sha256", value="ABC"),
        _put("image", "width", value=0),
        _put("image", "view", "kind", value="zoom"),
        _put("image", "view", "box", value=[0, 0, 1]),
        _put("model", "grid", value=[16]),
        _put("predictions", 0, "probability", value=1.5),
        _put("explanations", 0, "scores", value=[[None]]),
        _put("explanations", 0, "layers", value=[-1, 12]),
        _put("explanations", 0, "files", value={"other": "x"}),
        _put("explanations", 0, "display", value={"low": 0}),
        _put("explanations", 0, "statistics", value={}),
        _put("explanations", 0, "statistics", "gap", value="small"),
        _put("explanations", 0, "cut_layers", value=[[[0]]]),
        _put("runtime", "host", value="mine"),
        _put("seconds", "total", value=-1),
        _put("error", value={"type": "InputError", "message": "both at once"}),
    ],
)
def test_what_is_no_record_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    record = copy.deepcopy(FULL)
    change(record)
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize("key", list(FULL))
def test_every_part_is_needed(key: str) -> None:
    assert not VALIDATOR.is_valid({name: part for name, part in FULL.items() if name != key})


@pytest.mark.parametrize("key", list(FAILED))
def test_every_part_of_a_failure_is_needed(key: str) -> None:
    assert not VALIDATOR.is_valid({name: part for name, part in FAILED.items() if name != key})


def test_a_flow_without_its_cut_is_no_record() -> None:
    record = copy.deepcopy(FULL)
    del record["explanations"][0]["cut_layers"]
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize("name", ["record", "graph"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_a_value_has_no_range_a_probability_has(name: str, activation: str) -> None:
    rules = schema(name) if name == "graph" else schema(name)["$defs"]["explained"]
    rule = Draft202012Validator({key: rules[key] for key in ("if", "then")})
    record = copy.deepcopy(FULL)
    record["model"]["activation"] = activation
    for value, fits in ((0.5, True), (-4.0, activation == "none"), (37.5, activation == "none")):
        record["predictions"][0]["probability"] = value
        assert rule.is_valid(record) == fits
        assert name == "graph" or VALIDATOR.is_valid(record) == fits


def test_a_probability_is_always_a_number() -> None:
    record = copy.deepcopy(FULL)
    record["model"]["activation"], record["predictions"][0]["probability"] = "none", None
    assert not VALIDATOR.is_valid(record)


def test_what_the_record_leaves_open_is_open() -> None:
    record = copy.deepcopy(FULL)
    record["explanations"][1]["statistics"] = {"prefix_share": 0.1, "rounds": 3, "unknown": None}
    record["explanations"][1]["options"] = {"layers": [1, 12], "nested": {"a": None}}
    record["seconds"] = {"anything": 1}
    VALIDATOR.validate(record)
