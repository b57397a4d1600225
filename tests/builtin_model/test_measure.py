"""Measuring accuracy, on a zip whose answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.builtin_model import measure as command
from tests.builtin_model.measure import Accuracy, measure
from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id
from tests.builtin_model.zip_of_colours import CLASSES, write_zip
from vitexplain.models.builtin.labels import read_labels
from vitexplain.models.builtin.network import WEIGHTS_FILE, read_weights


class AlwaysTheSame(torch.nn.Module):
    """Ranks the classes in one order whatever it sees."""

    def __init__(self, ranking: tuple[int, ...]) -> None:
        super().__init__()
        logits = torch.zeros(200)
        logits[list(ranking)] = torch.arange(len(ranking), 0, -1, dtype=torch.float32)
        self.logits = torch.nn.Parameter(logits)
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(pixels.shape))
        return self.logits.expand(len(pixels), -1)


def test_first_place_and_first_five_places_are_counted(tmp_path: Path) -> None:
    archive = PhotoZip(write_zip(tmp_path / "data.zip", per_class=3), class_of_wordnet_id(read_labels()))
    # First, fifth and sixth place for three of the four classes.
    network = AlwaysTheSame((CLASSES[2], 10, 11, 12, CLASSES[0], CLASSES[3]))
    seen: list[int] = []
    accuracy = measure(
        network, archive, archive.photos, size=28, batch=5, progress=lambda done, _accuracy: seen.append(done)
    )
    assert accuracy == Accuracy(images=12, top1=3, top5=6)
    assert str(accuracy) == "top-1 25.00%, top-5 50.00%"
    assert network.shapes == [(5, 3, 28, 28), (5, 3, 28, 28), (2, 3, 28, 28)]
    assert seen == [5, 10, 12]


def test_the_command_prints_both_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = read_weights(WEIGHTS_FILE)
    # A classifier that knows one class only.
    weights["head.weight"].zero_()
    weights["head.bias"].zero_()[CLASSES[2]] = 1.0
    save_file(weights, tmp_path / "one_class.safetensors")
    # Every second image of the file: those of two classes.
    data = write_zip(tmp_path / "data.zip")
    arguments = [str(data), "--weights", str(tmp_path / "one_class.safetensors"), "--size", "28", "--limit", "8"]
    assert command.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("top-1 50.00%, top-5 ")
    assert lines[1].startswith("8 images of 2 classes, stretched to 28 x 28, float32 on ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.zip"], 3, "cannot be opened"),
        (["data.zip", "--size", "100"], 2, "multiple of 14"),
        (["data.zip", "--limit", "0"], 2, "1 or more"),
        (["data.zip", "--dtype", "int8"], 2, "expected auto, float32 or bfloat16"),
        (["data.zip", "--device", "tpu9"], 2, "expected auto, cpu"),
        (["data.zip", "--weights", "none.safetensors"], 4, "cannot be read"),
    ],
)
def test_wrong_use_is_one_line_with_its_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_zip(tmp_path / "data.zip", per_class=1)
    assert command.main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert words in printed.err
