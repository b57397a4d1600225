"""Label files in every form; the wrong length and the wrong form are one clear error."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from vitexplain.errors import ModelError
from vitexplain.models.label_files import label_notices, resolve_labels
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


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("a.json", b"[" + b"9" * 10_000 + b"]", "a number of 10,000 digits"),
        ("a.json", b'{"' + b"9" * 10_000 + b'": "a"}', "expected one name a line"),
        ("a.json", b"[NaN]", "NaN is no number"),
        ("a.json", b'{"0": "a", "0": "b", "1": "c"}', "'0' stands in it twice"),
        ("a.json", b'{"a": 0, "b": 0, "c": 1}', "expected one name a line"),
        ("a.json", b'{"a": true, "b": false, "c": 2}', "expected one name a line"),
        ("a.json", b'["a", "b", "\\ud800"]', "name 2 has a sign that cannot be shown"),
        ("a.json", b'["a", "\\u0000", "c"]', "name 1 has a sign that cannot be shown"),
        ("a.json", b'["a", "b\\nb", "c"]', "name 1 has a sign"),
        ("a.txt", b"a\n\x1b[31mb\nc\n", "name 1 has a sign"),
        ("a.txt", b"a\n" + b"b" * 2000 + b"\nc\n", "name 1 has a sign that cannot be shown, or no end"),
        ("a.tsv", b"0\tn1\ta\n1\tn2\tb\x07\n2\tn3\tc\n", "name 1 has a sign"),
        ("a.txt", b"a\n" * (3 << 20), "expected at most"),
        ("a.json", b'{"a": ' * 50_000, "nested too deep"),
    ],
)
def test_what_cannot_be_a_name(tmp_path: Path, file: str, data: bytes, words: str) -> None:
    (tmp_path / file).write_bytes(data)
    with pytest.raises(ModelError, match=words) as caught:
        resolve_labels(tmp_path / file, 3)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_names_keep_the_signs_that_lines_may_hold(tmp_path: Path) -> None:
    given = ["größe", "犬　猫", "a\u2060b", "tab\there", "crème brûlée 🍮"]
    (tmp_path / "a.txt").write_text("\r\n".join(given), encoding="utf-8", newline="")
    assert names(resolve_labels(tmp_path / "a.txt", 5)) == given
    (tmp_path / "b.txt").write_text("a\x85b\nc", encoding="utf-8")
    with pytest.raises(ModelError, match="name 0 has a sign"):
        resolve_labels(tmp_path / "b.txt", 2)


def test_labels_that_are_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(500 << 20)
    cases: list[tuple[str | Path, str]] = [
        (tmp_path / "fifo", "a pipe"),
        ("/dev/zero", "a device"),
        (tmp_path / "sparse.txt", "524,288,000 bytes, expected at most"),
        (tmp_path / ("n" * 400), "too long"),
        ("a\0b", "not a possible file name"),
        (tmp_path / "a\nb", r"a\\nb: cannot be read \(no such file\)"),
    ]
    for path, words in cases:
        with pytest.raises(ModelError, match=words) as caught:
            resolve_labels(path, 3)
        assert "\n" not in str(caught.value)


def test_names_from_python_and_from_metadata() -> None:
    assert names(resolve_labels({np.int64(1): "y", np.int64(0): "x"}, 2)) == ["x", "y"]
    for odd in ({0.5: "a", 1.5: "b"}, {True: "a", False: "b"}, [1, 2], ["a", ""], {"a": 0.0, "b": 1.0}, "ab"):
        with pytest.raises(ModelError):
            resolve_labels(odd, 2)  # type: ignore[arg-type]
    for table in (["a", "b\x1b"], {"0": "a", "2": "b"}, 3, [["a"], ["b"]], {"0": "a", "1": None}):
        assert resolve_labels(None, 2, table) is None
        assert label_notices(table, 2) == (
            "the class names that came with the weights cannot be read and are not used: give `labels=`",
        )
