"""`batch --fast-decode`: sizes and boxes of the file, scores hardly differ, settings are kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.batch.folder_state import records
from tests.cli.command_line import command_line
from vitexplain.images import open_picture

SAMPLE = Path(__file__).parents[2] / "sample_images/koala.jpg"


def test_sizes_are_those_of_the_file_and_scores_hardly_differ(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "photos").mkdir()
    with Image.open(SAMPLE) as koala:
        koala.resize((3600, 2400), Image.Resampling.BICUBIC).save(tmp_path / "photos/large.jpg", quality=90)
        koala.resize((90, 60)).save(tmp_path / "photos/small.jpg")
    found = {}
    for name, flags in (("whole", []), ("fast", ["--fast-decode"])):
        arguments = ("batch", tmp_path / "photos", "-o", tmp_path / name, "--model", tiny_model, "-m", "rollout")
        ended = command_line(*arguments, "--workers", 0, *flags)
        assert ended.code == 0, ended.err
        found[name] = records(tmp_path / name)
    assert "1 image: decoded at 1/2 of its size, as --fast-decode asks: scores differ a little" in ended.err
    for whole, fast in zip(found["whole"], found["fast"], strict=True):
        for size in ("sha256", "width", "height"):
            assert whole["image"][size] == fast["image"][size]
        np.testing.assert_allclose(whole["image"]["view"]["box"], fast["image"]["view"]["box"], atol=3600 / 32)
        before, after = (np.array(each["explanations"][0]["scores"]) for each in (whole, fast))
        np.testing.assert_allclose(after, before, rtol=0.02)
    assert found["whole"][1]["explanations"] == found["fast"][1]["explanations"]
    assert "notices" in found["fast"][0]
    assert "notices" not in found["fast"][1]
    overlay = open_picture(tmp_path / "fast/large.png")
    assert (overlay.width, overlay.height) == (1600, 1067)


def test_it_is_a_setting_of_the_batch(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/koala.jpg").write_bytes(SAMPLE.read_bytes())
    arguments = ("batch", tmp_path / "photos", "-o", tmp_path / "out", "--model", tiny_model, "--workers", 0)
    assert command_line(*arguments).code == 0
    ended = command_line(*arguments, "--fast-decode")
    assert ended.code == 2
    assert "fast_decode false, now true" in ended.err


def test_full_size_wants_all_pixels(tmp_path: Path) -> None:
    ended = command_line("batch", tmp_path, "-o", tmp_path / "out", "--fast-decode", "--full-size")
    assert ended.code == 2
    assert "--fast-decode leaves out the pixels that --full-size draws: give one of them" in ended.err
