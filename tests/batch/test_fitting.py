"""The fastest batch: on devices whose times and memory are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.batch.folder_state import records
from tests.batch.mixed_files import encoded
from tests.cli.command_line import command_line
from vitexplain.batch import fitting
from vitexplain.batch.fitting import fastest_batch_size
from vitexplain.errors import ModelError
from vitexplain.methods import parse_methods
from vitexplain.models import load_model
from vitexplain.pipeline import Request


class Device:
    """A clock that a batch moves on by its `seconds`; `most` images fit into its memory."""

    def __init__(self, seconds: Callable[[int], float], most: int) -> None:
        self.now, self._seconds, self._most = 0.0, seconds, most

    def perf_counter(self) -> float:
        """Return the time."""
        return self.now

    def explain(self, _model: object, images: Sequence[object], *_: object) -> None:
        """Take the time of a batch."""
        if len(images) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.now += self._seconds(len(images))


@pytest.mark.parametrize(
    ("seconds", "most", "best"),
    [
        (lambda _size: 0.01, 10**6, 256),
        (lambda _size: 0.01, 100, 64),
        (lambda size: 0.01 * size, 10**6, 1),
        (lambda size: 0.001 * max(size, 8), 10**6, 8),
        (lambda size: 0.001 * (size + 20 * (size == 4)), 10**6, 1),
        (lambda _size: 1.0, 10**6, 2),
        (lambda _size: 0.01, 0, 1),
    ],
)
def test_the_fastest_that_fits(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float], most: int, best: int
) -> None:
    model = load_model(str(tiny_model))
    device = Device(seconds, most)
    monkeypatch.setattr(fitting, "explain_batch", device.explain)
    monkeypatch.setattr(fitting, "time", device)
    assert fastest_batch_size(model, Request(parse_methods(["rollout"])).for_model(model)) == best


def test_auto_is_what_the_records_say(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(encoded("PNG", 1))
    given = ("batch", tmp_path / "photos", "--model", tiny_model, "--workers", 0, "-m", "rollout", "-o")
    monkeypatch.setattr(fitting, "LARGEST", 4)
    ended = command_line(*given, tmp_path / "out", "--batch-size", "auto")
    (record,) = records(tmp_path / "out")
    assert ended.code == 0
    assert f"batches of {record['runtime']['batch_size']}: the fastest here" in ended.err
    for wrong in ("0", "-1", "two", "1.5", ""):
        ended = command_line(*given, tmp_path / "none", "--batch-size", wrong)
        assert ended.code == 2 and "expected a number from 1, or auto" in ended.error_line


def test_what_fails_is_left_to_the_run(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ModelError("scores that are not finite")

    model = load_model(str(tiny_model))
    monkeypatch.setattr(fitting, "explain_batch", fails)
    assert fastest_batch_size(model, Request(parse_methods(["rollout"])).for_model(model)) == 1
