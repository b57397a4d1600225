"""Label files in every form; the wrong length and the wrong form are one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitexplain.errors import ModelError
from vitexplain.models.label_files import resolve_labels
from vitexplain.models.labels import Labels

NAMES = ["ant", "bee, wild", "cat"]


def names(labels: Labels | None) -> list[str | None]:
    assert labels is not None
    return [labels.name(index) for index in range(len(labels))]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.txt", "ant\nbee, wild\ncat\n"),
        ("a.txt", "\ufeffant\r\nbee, wild\r\ncat\r\n\r\n"),
        ("a.json", json.dumps(NAMES)),
        ("a.json", json.dumps({"2": "cat", "0": "ant", "1": "bee, wild"})),
        ("a.json", json.dumps({"cat": 2, "ant": 0, "bee, wild": 1})),
        ("a.json", json.dumps({"label_names": NAMES, "architecture": "vit"})),
        ("a.json", json.dumps({"id2label": {"0": "ant", "1": "bee, wild", "2": "cat"}})),
        ("a", json.dumps(NAMES)),
    ],
)
def test_forms(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert names(resolve_labels(tmp_path / file, 3)) == NAMES
    assert names(resolve_labels(str(tmp_path / file), 3)) == NAMES


def test_wordnet_ids(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("0\tn00000001\tant, emmet\n1\t\tbee\n")
    (tmp_path / "a.txt").write_text("n00000001 ant, emmet\nn00000002 bee\n")
    (tmp_path / "a.json").write_text(json.dumps({"0": ["n00000001", "ant"], "1": ["n00000002", "bee"]}))
    for file in tmp_path.iterdir():
        labels = resolve_labels(file, 2)
        assert names(labels) == ["ant", "bee"]
        assert labels is not None
        assert labels.find("N00000001") == [0]


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("a.txt", b"ant\nbee\n", r"2 names, expected 3, one for each class"),
        ("a.txt", b"ant\n\ncat\n", "line 2 is empty"),
        ("a.txt", b"", "0 names, expected 3"),
        ("a.txt", b"\xff\xfe\x00", "not a text in UTF-8"),
        ("a.json", b"[1, 2, 3]", "expected one name a line, a JSON list"),
        ("a.json", b"{broken", "not valid JSON"),
        ("a.json", b'{"0": "a", "2": "b", "3": "c"}', "expected one name a line"),
        ("a.json", b'"text"', "expected one name a line"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.tsv", b"0\tn1\tant\n2\tn2\tbee\n", "line 2 is"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, file: str, data: bytes, words: str) -> None:
    (tmp_path / file).write_bytes(data)
    with pytest.raises(ModelError, match=words) as caught:
        resolve_labels(tmp_path / file, 3)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(ModelError, match="cannot be read"):
            resolve_labels(path, 3)


def test_order_of_sources() -> None:
    assert names(resolve_labels(["x", "y"], 2, ["a", "b"])) == ["x", "y"]
    assert names(resolve_labels({1: "y", 0: "x"}, 2)) == ["x", "y"]
    assert names(resolve_labels(None, 2, ["a", "b"])) == ["a", "b"]
    assert resolve_labels(None, 3, ["a", "b"]) is None
    assert resolve_labels(None, 0, ["a"]) is None
    assert names(resolve_labels(None, 1000))[1] == "goldfish"
