"""Settings in a manifest: only those of the schema asked for, and nothing that is none (milliseconds)."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitexplain.output.run_folder import MANIFEST, is_batch_folder, read_settings


def test_settings_of_the_schema_asked_for(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST
    path.write_text('{"schema": "vitexplain-evaluation/1", "target": "top1"}')
    found = read_settings(path, "vitexplain-evaluation/1")
    assert found is not None and found["target"] == "top1"
    assert read_settings(path, "vitexplain-batch/") is None
    assert not is_batch_folder(tmp_path)
    path.write_text('{"schema": "vitexplain-batch/7"}')
    assert is_batch_folder(tmp_path)


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"schema": 3}'])
def test_what_is_no_manifest(data: bytes, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(data)
    assert not is_batch_folder(tmp_path)
    assert not is_batch_folder(tmp_path / "missing")
