"""Files of a run appear whole or not at all, and are read without unpickling freely."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest
import torch

from tests.builtin_model.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from vitexplain.errors import InputError, OutputError


def _checkpoint(step: int) -> Checkpoint:
    return Checkpoint({"seed": 1}, step, 2.5, {"w": torch.arange(3.0)}, {"w": torch.zeros(3)}, {"state": {}})


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "checkpoint.pt"
    save_checkpoint(_checkpoint(7), path)
    loaded = load_checkpoint(path, {"seed": 1})
    assert (loaded.step, loaded.seconds, loaded.settings) == (7, 2.5, {"seed": 1})
    assert torch.equal(loaded.weights["w"], torch.arange(3.0))


class Harmful:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("unpickled",))


def test_a_harmful_or_damaged_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checkpoint.pt"
    for content in (pickle.dumps(Harmful(), protocol=2), b"", b"no checkpoint"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no run can resume"):
            load_checkpoint(path, {})
    torch.save({"settings": {}, "step": Harmful()}, path)
    with pytest.raises(InputError, match="no run can resume"):
        load_checkpoint(path, {})
    assert capsys.readouterr().out == ""


def test_a_failed_write_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(_checkpoint(1), path)

    def fill_the_disk(part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        write_atomically(path, fill_the_disk)
    assert load_checkpoint(path, {"seed": 1}).step == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]
