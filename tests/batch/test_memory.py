"""A device whose memory is too small for a batch: batches are halved until they fit, and scores stay the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.batch.folder_state import records
from tests.batch.mixed_files import encoded
from tests.cli.command_line import Ended, command_line
from vitexplain.batch import engine
from vitexplain.pipeline import explain_batch


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirteen pictures, one of which is broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(13):
        (folder / f"{number:02}.png").write_bytes(b"no" if number == 5 else encoded("PNG", number))
    return folder


def batch(model: Path, folder: Path, out: Path, *more: object) -> Ended:
    return command_line("batch", folder, "-o", out, "--model", model, "--workers", 0, "-m", "rollout", *more)


class Memory:
    """Room for `most` images in a forward pass."""

    def __init__(self, most: int) -> None:
        self.most, self.asked = most, list[int]()

    def explain(self, *arguments: Any, pad_to: int, **keywords: Any) -> Any:
        """Explain a batch, unless it is too large."""
        self.asked.append(pad_to)
        if pad_to > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return explain_batch(*arguments, pad_to=pad_to, **keywords)


def test_a_batch_is_halved_until_it_fits(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert batch(tiny_model, photos, tmp_path / "large", "--batch-size", 8).code == 1
    memory = Memory(2)
    monkeypatch.setattr(engine, "explain_batch", memory.explain)
    ended = batch(tiny_model, photos, tmp_path / "small", "--batch-size", 8)
    assert ended.code == 1 and "12 explained, 1 failed" in ended.out
    assert memory.asked == [8, 4, 2, 2, 4, 2, 2, 2, 2]
    assert "note: 8 images: batches of 8 did not fit into the memory of cpu, batches of 4 follow" in ended.err
    assert "note: 8 images: batches of 4 did not fit into the memory of cpu, batches of 2 follow" in ended.err
    for small, large in zip(records(tmp_path / "small"), records(tmp_path / "large"), strict=True):
        assert small["image"] == large["image"]
        for one, other in zip(small.get("explanations", ()), large.get("explanations", ()), strict=True):
            assert np.allclose(one["scores"], other["scores"], rtol=1e-5, atol=0)
        assert "error" in small or (small["runtime"]["batch_size"], large["runtime"]["batch_size"]) == (2, 8)


def test_memory_for_no_image_ends_the_run(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "explain_batch", Memory(0).explain)
    ended = batch(tiny_model, photos, tmp_path / "out", "-q", "--batch-size", 3)
    assert ended.code == 5
    assert "00.png: 32 x 32 pixels are too large for the memory of cpu" in ended.error_line


def test_one_image_that_is_too_large_costs_itself(
    photos: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explain(model: Any, images: Any, *more: Any, **keywords: Any) -> Any:
        if any(picture.path.endswith("07.png") for picture, _, _ in images):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return explain_batch(model, images, *more, **keywords)

    monkeypatch.setattr(engine, "explain_batch", explain)
    ended = batch(tiny_model, photos, tmp_path / "out", "--batch-size", 4)
    assert ended.code == 1 and "11 explained, 2 failed" in ended.out
    failed = [record for record in records(tmp_path / "out") if "error" in record]
    assert [record["error"]["type"] for record in failed] == ["InputError", "LimitError"]
