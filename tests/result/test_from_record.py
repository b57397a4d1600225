"""Records read back: every field as it was, for real records of every method; and what is no record."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.given_result import explanation, picture, result
from tests.pipeline.test_targets import model
from tests.pipeline.test_targets import picture as small_picture
from vitexplain.errors import InputError, UsageError, VitexplainError
from vitexplain.images import Picture
from vitexplain.methods import METHODS, parse_methods
from vitexplain.output import WriteOptions, write_result
from vitexplain.pipeline import VERIFIED, PictureCheck, Request, explain, explain_many
from vitexplain.render import Drawing
from vitexplain.result import Failure, Result, dump

ALL = [name for name in METHODS if name != "blank-out"]
ASKED: dict[str, Request] = {
    "every method": Request(parse_methods([*ALL, "blank-out:window=2"])),
    "two classes": Request(parse_methods(["relevance", "flow:fusion=gradient", "rollout"]), target="koala,2"),
    "against": Request(parse_methods(["attn-lrp", "rollout"]), target="koala", against="pig"),
    "verified": Request(parse_methods(["flow:layers=2:2", "raw:source=patch:1,1"]), variants=VERIFIED),
    "checked": Request(parse_methods(["relevance", "rollout"]), target="koala,2", check=PictureCheck(0.25, seed=3)),
    "squash": Request(parse_methods(["rollout:head=1"]), view="squash", top_k=2),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_written_record_is_read_as_it_was(name: str, tmp_path: Path) -> None:
    made = explain(model(), small_picture(), ASKED[name])
    drawing = Drawing(scale=(-0.5, 0.75)) if name == "against" else Drawing()
    options = WriteOptions(tmp_path, heatmap=True, npy=True, cut_layers=True, drawing=drawing)
    written = write_result(made, options, "a").record
    line = (tmp_path / "a.json").read_bytes()
    read = Result.from_record(json.loads(line))
    assert dump(read.to_record()).encode() + b"\n" == line
    assert read.to_record() == written
    for field in ("view", "model", "predictions", "notices", "version"):
        assert getattr(read, field) == getattr(made, field)
    assert read.runtime == made.runtime
    for one, other, record in zip(read.explanations, made.explanations, written["explanations"], strict=True):
        same = ("method", "spec", "options", "layers", "source", "target", "notices", "cut_layers", "unit", "signed")
        assert one.check == other.check
        assert {key: getattr(one, key) for key in same} == {key: getattr(other, key) for key in same}
        assert one.scores.dtype == other.scores.dtype
        np.testing.assert_array_equal(one.scores, other.scores)
        assert one.statistics == other.statistics
        assert one.files == record["files"] != {}
        assert one.display == other.display


def test_notices_of_picture_and_model_are_read() -> None:
    plain = picture()
    given = result(Picture(plain.image, "a.gif", plain.sha256, ("animated: first frame of 3",)))
    read = Result.from_record(given.to_record())
    assert read.notices == ("animated: first frame of 3",)
    assert read.to_record() == given.to_record()


def test_a_result_of_a_record_has_no_pixels() -> None:
    read = Result.from_record(result().to_record())
    assert (read.picture.path, read.picture.width, read.picture.height) == ("photos/cat.jpg", 64, 48)
    with pytest.raises(UsageError, match="no pixels to draw on"):
        read.overlay()
    with pytest.raises(InputError, match=r"open the picture itself, photos/cat\.jpg"):
        _ = read.picture.image
    assert read._repr_png_() is None
    assert "photos/cat.jpg" in repr(read)


def test_failures_are_read_with_their_error() -> None:
    (failed,) = explain_many(model(), ["nowhere.jpg"], ["raw"])
    assert isinstance(failed, Failure)
    record = json.loads(failed.to_json())
    read = Failure.from_record(record)
    assert read.to_record() == record
    assert (type(read.error), str(read.error), read.path) == (InputError, str(failed.error), "nowhere.jpg")
    record["error"]["type"] = "ErrorOfALaterVersion"
    assert type(Failure.from_record(record).error) is VitexplainError
    record["error"]["type"] = "json"
    assert type(Failure.from_record(record).error) is VitexplainError
    with pytest.raises(InputError, match=r"`Failure.from_record` reads it"):
        Result.from_record(record)


@pytest.mark.parametrize("read", [Result.from_record, Failure.from_record])
@pytest.mark.parametrize("given", [{}, {"schema": "vitexplain/2"}, {"schema": "vitexplain/graph-1"}, []])
def test_what_is_no_record_of_this_schema(read: Any, given: Any) -> None:
    with pytest.raises(InputError, match=r"expected 'vitexplain/1'$|not a JSON object"):
        read(given)


def paths(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every field in a record but those inside `options`, `statistics`, `runtime`, `seconds`."""
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        if isinstance(key, str):
            yield (*place, key)
        if key not in ("options", "statistics", "runtime", "seconds", "files") and isinstance(inner, Mapping | list):
            yield from paths(inner, (*place, key))


def changed(record: dict[str, Any], place: tuple[str | int, ...], value: Any = None) -> dict[str, Any]:
    """Return a copy of the record without the field at `place`, or with another value there."""
    made = copy.deepcopy(record)
    inner: Any = made
    for key in place[:-1]:
        inner = inner[key]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return made


def test_a_field_of_a_check_that_is_missing_or_of_another_type_is_named() -> None:
    record = explain(model(), small_picture(), ASKED["checked"]).to_record()
    check = record["explanations"][0]["check"]
    derived = ("beats_random", "suffices")
    wrongs = {"random": [], "removed": 1, "kept": 1}
    for place in paths(check):
        if place[0] not in (*derived, "target"):
            where = ("explanations", 0, "check", *place)
            with pytest.raises(InputError, match=rf"the record's explanations\[0\]\.check\..*{place[-1]} is missing"):
                Result.from_record(changed(record, where))
            with pytest.raises(InputError, match=rf"explanations\[0\]\.check\..*{place[-1]} is"):
                Result.from_record(changed(record, where, wrongs.get(str(place[-1]), {"no": 1})))
    for wrong in ([[0]], [[0, 3]], [[-1, 0]], [["0", 0]], [0.5, 1], [[[0, 0]], [[0, 1], [1]]]):
        with pytest.raises(InputError, match=r"check\.sufficient is not a list of \[row, column\] inside the grid"):
            Result.from_record(changed(record, ("explanations", 0, "check", "sufficient"), wrong))


def test_a_field_that_is_missing_or_of_another_type_is_named() -> None:
    record = result(explanations=[explanation("flow"), explanation("raw")]).to_record()
    record["explanations"][0]["target"] = {"index": 3, "label": "tabby", "id": None}
    found = list(paths(record))
    assert len(found) > 50
    for place in found:
        if place[-1] not in ("cut_layers", "schema"):
            with pytest.raises(InputError, match=rf"the record's .*{place[-1]} is missing"):
                Result.from_record(changed(record, place))
        with pytest.raises(InputError, match=rf"{place[-1]}|schema"):
            Result.from_record(changed(record, place, value=True))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("explanations", 1, "scores"), [[1.0], [2.0, 3.0]], r"explanations\[1\].scores is not a table"),
        (("explanations", 0, "scores"), [], "is not a table"),
        (("explanations", 0, "layers"), [1], r"layers has 1 items, expected 2"),
        (("image", "view", "kind"), "round", "image.view.kind is 'round', expected one of crop, squash, whole"),
        (("predictions", 0, "index"), "3", r"predictions\[0\].index is not a whole number"),
        (("model",), [], "model is not a JSON object"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(place: tuple[str | int, ...], value: Any, words: str) -> None:
    record = result(explanations=[explanation(), explanation("raw")]).to_record()
    with pytest.raises(InputError, match=words):
        Result.from_record(changed(record, place, value))
