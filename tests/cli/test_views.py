"""--view crop, squash and whole, from the command line to the record and the overlay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.batch.folder_state import by_path
from tests.cli.command_line import command_line
from tests.models.small import build
from vitexplain.images import Preprocess, open_picture, prepare
from vitexplain.models.timm_import import import_timm


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A picture of 120 x 60 pixels, red at the left, green in the middle, blue at the right."""
    array = np.zeros((60, 120, 3), np.uint8)
    array[:, :30, 0] = array[:, 30:90, 1] = array[:, 90:, 2] = 255
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos/wide.png"
    Image.fromarray(array).save(path)
    return path


@pytest.fixture(autouse=True)
def plain_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test chooses a method: the default's name depends on the model."""
    monkeypatch.setenv("VITEXPLAIN_METHOD", "rollout")


def run(model: Path, picture: Path, out: Path, *more: object) -> dict[str, Any]:
    ended = command_line("run", picture, "-o", out, "--model", model, "--alpha", 1, "--full-size", *more)
    assert ended.code == 0, ended.err
    record: dict[str, Any] = json.loads((out / f"{picture.stem}.json").read_bytes())
    return record


@pytest.mark.parametrize(
    ("view", "box", "size", "grid"),
    [
        (None, [19 * 60 / 35, 2 * 60 / 35, 51 * 60 / 35, 34 * 60 / 35], [32, 32], [4, 4]),
        ("crop", [19 * 60 / 35, 2 * 60 / 35, 51 * 60 / 35, 34 * 60 / 35], [32, 32], [4, 4]),
        ("squash", [0, 0, 120, 60], [32, 32], [4, 4]),
        ("whole", [0, 0, 120, 60], [24, 48], [3, 6]),
    ],
)
def test_the_overlay_lies_where_the_model_looked(
    wide: Path, tmp_path: Path, tiny_model: Path, view: str | None, box: list[float], size: list[int], grid: list[int]
) -> None:
    record = run(tiny_model, wide, tmp_path / "out", *(("--view", view) if view else ()))
    assert record["image"]["view"]["kind"] == (view or "crop")
    # crop_pct 0.9: 60 pixels become 35, of which 32 are taken from the second on.
    assert record["image"]["view"]["box"] == pytest.approx(box)
    assert record["image"]["view"]["size"] == size
    assert record["model"]["grid"] == grid
    assert np.shape(record["explanations"][0]["scores"]) == tuple(grid)
    overlay = np.asarray(Image.open(tmp_path / "out/wide.png"))
    assert overlay.shape == (60, 120, 3)
    left, top, right, bottom = record["image"]["view"]["box"]
    rows, cols = np.arange(60)[:, None] + 0.5, np.arange(120)[None] + 0.5
    inside = (rows > top) & (rows < bottom) & (cols > left) & (cols < right)
    # Outside the view the picture is grey.
    is_grey = (overlay == overlay[..., :1]).all(-1)
    assert is_grey[~inside].all()
    assert not is_grey[inside].all()


def test_whole_is_refused_before_anything_is_read_where_a_model_takes_one_size(wide: Path, tmp_path: Path) -> None:
    network = build("beit_base_patch16_224", img_size=32, patch_size=8, num_classes=5)
    import_timm().models.save_for_hf(network, str(tmp_path / "beit"))
    for arguments in (["run", wide, wide], ["batch", wide.parent]):
        ended = command_line(*arguments, "-o", tmp_path / "out", "--model", tmp_path / "beit", "--view", "whole")
        assert ended.code == 2
        assert "32 x 32 pixels only: use --view crop or squash" in ended.error_line
    assert not (tmp_path / "out").exists()


def test_another_word_is_a_usage_error(wide: Path, tmp_path: Path, tiny_model: Path) -> None:
    ended = command_line("run", wide, "-o", tmp_path / "out", "--model", tiny_model, "--view", "zoom")
    assert ended.code == 2
    assert "expected crop, squash or whole" in ended.error_line


def test_whole_has_at_most_1024_patches() -> None:
    """A model for 40 x 40 patches; pictures from 1 : 1 to 1 : 2,000."""
    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess((320, 320), 1.0, "center", "bicubic", half, half, (8, 8), True)
    for shape in [(50, 50), (1, 2000), (2000, 1), (300, 70), (33, 1000)]:
        pixels, view = prepare(open_picture(np.zeros((*shape, 3), np.uint8)), preprocess, "whole")
        rows, cols = view.size[0] // 8, view.size[1] // 8
        assert pixels.shape == (3, *view.size) == (3, rows * 8, cols * 8)
        assert 1 <= rows * cols <= 1024
        assert view.box == pytest.approx((0, 0, shape[1], shape[0]))


def test_batches_of_whole_pictures_are_grouped_by_grid(tmp_path: Path, tiny_model: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    shapes = [(40, 40), (40, 80), (80, 40), (40, 40), (40, 80), (40, 40), (20, 90)]
    for number, shape in enumerate(shapes):
        Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    more = ("--model", tiny_model, "--view", "whole", "--workers", 0)
    assert command_line("batch", folder, "-o", tmp_path / "out", *more).code == 0
    found = by_path(tmp_path / "out")
    assert list(found) == [str(folder / f"{number}.png") for number in range(len(shapes))]
    for number, (path, record) in enumerate(found.items()):
        single = run(tiny_model, Path(path), tmp_path / "single", "--view", "whole")
        assert record["model"]["grid"] == single["model"]["grid"]
        scores = np.array(record["explanations"][0]["scores"])
        assert scores == pytest.approx(np.array(single["explanations"][0]["scores"]), rel=1e-5)
        # Padded to the next power of two: three of one grid are four, two are two, one is one.
        same = shapes.count(shapes[number])
        assert record["runtime"]["batch_size"] == {1: 1, 2: 2, 3: 4}[same]
    assert single["runtime"]["batch_size"] == 1
