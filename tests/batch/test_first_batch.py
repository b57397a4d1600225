"""A model that fails on every image of the first batch ends the batch, and leaves the folder free."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.batch.folder_state import by_path
from tests.batch.mixed_files import encoded
from tests.cli.command_line import Ended, command_line
from vitexplain.output.run_folder import LOCK


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encoded("PNG", number))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def vast_weights(tmp_path: Path, tiny_model: Path) -> Path:
    """The tiny model's weights with numbers so large in its classifier that what it returns is infinite."""
    weights = load_file(tiny_model / "model.safetensors")
    weights["head.weight"] = torch.full_like(weights["head.weight"], 3e38)
    save_file(weights, tmp_path / "vast.safetensors")
    return tmp_path / "vast.safetensors"


def batch(model: Path, folder: Path, out: Path, *more: object) -> Ended:
    return command_line("batch", folder, "-o", out, "--model", model, "--workers", 0, "-q", "-m", "rollout", *more)


def test_nothing_is_claimed_by_a_model_that_cannot_run(
    photos: Path, tmp_path: Path, tiny_model: Path, vast_weights: Path
) -> None:
    out = tmp_path / "out"
    (photos / "broken.png").unlink()
    ended = batch(tiny_model, photos, out, "--weights", vast_weights, "--batch-size", 2)
    assert ended.code == 4
    assert "not finite" in ended.error_line and "--dtype float32" in ended.error_line
    assert {path.name for path in out.iterdir()} == {LOCK}
    assert batch(tiny_model, photos, out).code == 0, "the advice can be followed in the same folder"
    assert len(by_path(out)) == 3


def test_an_image_that_fails_alone_is_a_failure(photos: Path, tmp_path: Path, tiny_model: Path) -> None:
    ended = batch(tiny_model, photos, tmp_path / "out", "--batch-size", 1)
    assert ended.code == 1
    assert sum("error" in record for record in by_path(tmp_path / "out").values()) == 1
