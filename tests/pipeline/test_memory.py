"""Memory is estimated before it is spent: what is counted, how true it is, and what is said where it is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.benchmarks.memory_estimate import measured
from tests.cli.command_line import command_line
from tests.models.small import tiny
from vitexplain import explain
from vitexplain.capture import LiveBytes
from vitexplain.errors import TooLargeError
from vitexplain.methods import parse_spec
from vitexplain.models import load_model, wrap_model
from vitexplain.pipeline import memory

MIB = 2**20


def test_bytes_are_counted_while_they_are_held() -> None:
    with LiveBytes() as live:
        first = torch.empty(1000)
        _view = first.view(10, 100)
        assert live.peak == 4000
        del first, _view
        _second = torch.empty(500)
        assert live.peak == 4000
        _third = torch.empty(600)
        assert live.peak == 4400


def test_what_is_kept_for_gradients_counts() -> None:
    """exp keeps its result: three of them, and the sum."""
    for device in ("cpu", "meta"):
        given = torch.zeros(1000, device=device, requires_grad=True)
        with LiveBytes() as live:
            given.exp().exp().exp().sum()
        assert live.peak == 12_004, device
        with LiveBytes() as live, torch.no_grad():
            given.exp().exp().exp().sum()
        assert live.peak == 8_000, device


def test_the_estimate_is_near_the_peak_of_a_process() -> None:
    estimate, rise = measured("vit_small_patch16_224", 8, "attn-lrp")
    assert rise / 1.5 < estimate < rise * 1.5, (estimate, rise)


def test_more_pictures_larger_pictures_and_gradients_take_more() -> None:
    model = wrap_model(tiny(dynamic_img_size=True))
    rollout, lrp = [parse_spec("rollout")], [parse_spec("attn-lrp")]

    def needed(methods: Any, *shape: int) -> int:
        found = memory.memory_needed(model, methods, (shape[0], 3, *shape[1:]))
        assert found is not None
        return found

    one = needed(rollout, 1, 128, 128)
    assert needed(rollout, 4, 128, 128) - memory.FIXED > 3.5 * (one - memory.FIXED)
    assert needed(rollout, 1, 256, 256) > one
    assert needed(lrp, 1, 128, 128) > one


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the free memory, in MiB."""
    return lambda mib: monkeypatch.setattr(memory, "free_memory", lambda _device: int(mib * MIB))


def test_the_size_that_is_named_fits(little_memory: Any) -> None:
    model = wrap_model(tiny(dynamic_img_size=True), image_size=512)
    picture = np.zeros((512, 512, 3), np.uint8)
    little_memory(120)
    with pytest.raises(TooLargeError, match=r"512 x 512 pixels .* take about .* GB.*are free") as error:
        explain(model, picture, "rollout")
    assert error.value.exit_code == 5
    named = re.search(r"image_size=(\d+)x(\d+)", str(error.value))
    assert named and 64 < int(named[1]) < 512
    smaller = wrap_model(tiny(dynamic_img_size=True), image_size=f"{named[1]}x{named[2]}")
    assert explain(smaller, picture, "rollout").explanations[0].scores.shape == (int(named[1]) // 8,) * 2
    larger = wrap_model(tiny(dynamic_img_size=True), image_size=int(named[1]) + 8)
    with pytest.raises(TooLargeError):
        explain(larger, picture, "rollout")


def test_a_model_of_one_size_names_what_takes_less(little_memory: Any) -> None:
    little_memory(17)
    model = wrap_model(tiny(img_size=256, patch_size=8))
    with pytest.raises(TooLargeError, match="use a smaller model or `methods=rollout`, which needs no gradients"):
        explain(model, np.zeros((64, 64, 3), np.uint8), "attn-lrp")


def test_the_command_ends_with_5(little_memory: Any, tiny_model: Path) -> None:
    picture = Path("sample_images") / "koala.jpg"
    little_memory(60)
    ended = command_line("run", str(picture), "-m", "rollout", "--model", str(tiny_model), "--image-size", "640")
    assert ended.code == 5
    assert "give --image-size " in ended.error_line


def test_batches_are_halved_until_they_fit(little_memory: Any, tiny_model: Path, tmp_path: Path) -> None:
    model = load_model(str(tiny_model), image_size=128)
    one = memory.memory_needed(model, [parse_spec("rollout")], (1, 3, 128, 128))
    four = memory.memory_needed(model, [parse_spec("rollout")], (4, 3, 128, 128))
    assert one is not None and four is not None
    pictures = [str(path) for path in sorted(Path("sample_images").glob("*.jpg"))[:4]]
    little_memory((one + four) / 2 / MIB)
    settings = ["--model", str(tiny_model), "--image-size", "128", "--batch-size", "4", "-o", str(tmp_path / "out")]
    ended = command_line("batch", *pictures, "-m", "rollout", *settings)
    assert ended.code == 0, ended.err
    assert "batches of 4 did not fit into the memory of cpu" in ended.err


def test_free_memory_is_what_the_system_says() -> None:
    free = memory.free_memory(torch.device("cpu"))
    assert free is not None and free > 0
