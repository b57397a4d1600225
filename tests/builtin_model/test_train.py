"""The training command: the loss falls, a resumed run equals an uninterrupted one, mistakes are reported."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.builtin_model import train as command
from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id
from tests.builtin_model.train import train
from tests.builtin_model.training.batches import Batch
from tests.builtin_model.training.recipe import Length, Recipe
from tests.builtin_model.training.start import make_start
from tests.builtin_model.training.trainer import Trainer
from tests.builtin_model.zip_of_colours import write_zip
from vitexplain.models.builtin.labels import read_labels

TINY = ["--init", "test_vit", "--random-start", "--classifier-images", "0", "--device", "cpu", "--dtype", "float32"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "data.zip")


def _command(data: Path, out: Path, *more: str) -> int:
    return command.main([str(data), *TINY, "--batch", "8", "--rate", "3e-3", "--out", str(out), *more])


def test_the_loss_falls_in_20_steps(data: Path) -> None:
    recipe = Recipe(batch=8, rate=3e-3, sides=(3, 4), kept=(6, 10))
    start = make_start("test_vit", recipe, pretrained=False)
    trainer = Trainer(start, recipe, Length(steps=20), torch.float32)
    archive = PhotoZip(data, class_of_wordnet_id(read_labels()))
    saves: list[int] = []
    losses = train(trainer, archive, lambda: saves.append(trainer.step))
    assert len(losses) == 20
    # From about log(200) = 5.3, a guess among all classes.
    assert sum(losses[-5:]) / 5 < 0.6 * sum(losses[:3]) / 3
    assert saves == [20]


def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path: Path, data: Path) -> None:
    assert _command(data, tmp_path / "whole", "--steps", "20") == 0
    assert _command(data, tmp_path / "parts", "--steps", "20", "--stop-after", "9") == 0
    stopped = load_file(tmp_path / "parts" / "weights.safetensors")
    assert _command(data, tmp_path / "parts", "--steps", "20", "--resume") == 0
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 20
    for kind in ("weights", "averaged"):
        assert all(torch.equal(tensor, parts[kind][name]) for name, tensor in whole[kind].items())
    written = [load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts")]
    assert all(torch.equal(tensor, written[1][name]) for name, tensor in written[0].items())
    assert {tensor.dtype for tensor in written[0].values()} == {torch.float16}
    assert not all(torch.equal(tensor, stopped[name]) for name, tensor in written[0].items())
    # Nothing but the two files is left.
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["checkpoint.pt", "weights.safetensors"]


def test_a_terminated_run_finishes_its_step_and_can_resume(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Trainer.learn

    def interrupted(trainer: Trainer, batch: Batch) -> float:
        if trainer.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return learn(trainer, batch)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Trainer, "learn", interrupted)
    assert _command(data, tmp_path / "out", "--steps", "5") == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
    assert torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["step"] == 3
    assert _command(data, tmp_path / "out", "--steps", "5", "--resume") == 0


def test_a_run_by_the_clock_ends(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(data, tmp_path / "out", "--minutes", "0.01") == 0
    assert "weights.safetensors after " in capsys.readouterr().out


def test_a_run_is_resumed_only_with_its_own_options(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert _command(data, out, "--steps", "5", "--stop-after", "1") == 0
    capsys.readouterr()
    assert _command(data, out, "--steps", "5") == 6
    assert "give --resume" in capsys.readouterr().err
    assert _command(data, out, "--steps", "6", "--resume") == 2
    assert "started with steps 5, now 6" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--steps", "5", "--minutes", "1"], 2, "exactly one"),
        ([], 2, "exactly one"),
        (["--steps", "5", "--batch", "0"], 2, "--batch 0"),
        (["--steps", "5", "--rate", "nan"], 2, "--rate nan"),
        (["--steps", "5", "--resume"], 3, "no run can resume"),
        (["--steps", "5", "--init", "no_such_vit"], 4, "neither a file nor a timm model"),
        (["--steps", "5", "--init", "swin_tiny_patch4_window7_224"], 4, "plain ViTs"),
    ],
)
def test_wrong_use_is_one_line_with_its_exit_code(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    assert _command(data, tmp_path / "out", *more) == code
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_before_training(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert _command(data, tmp_path / "file" / "out", "--steps", "1000000") == 6
    assert "cannot be written" in capsys.readouterr().err
