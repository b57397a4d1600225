"""JSON Lines: one record a line, and a torn last line is not a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.given_result import result
from vitexplain.output import line, read_lines


def test_a_line_is_ascii_json_with_its_end() -> None:
    text = line(result().to_record())
    assert text.isascii() and text.endswith(b"}\n") and text.count(b"\n") == 1
    assert json.loads(text) == result().to_record()


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        line({"gap": float("nan")})


@pytest.mark.parametrize(
    "torn", [b"", b"{", b'{"a": 3}', b'{"a": 3\n', b"\n", b"[1]\n", b"\xff\xfe\n", b"\0" * 20 + b"\n"]
)
def test_whole_lines_are_read_up_to_the_torn_one(tmp_path: Path, torn: bytes) -> None:
    whole = line({"a": 1}) + line({"a": "\udce9"})
    (tmp_path / "records.jsonl").write_bytes(whole + torn)
    read = list(read_lines(tmp_path / "records.jsonl"))
    assert [record for record, _ in read] == [{"a": 1}, {"a": "\udce9"}]
    assert read[-1][1] == len(whole)
