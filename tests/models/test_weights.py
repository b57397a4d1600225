"""Files of weights: wrappers and prefixes come off, nothing is run, what does not fit is named by key and shape."""

from __future__ import annotations

import os
import pickle
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.models.small import tiny
from vitexplain.errors import ModelError
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.weights import fit_weights


def _holding(state: dict[str, Any]) -> torch.nn.Module:
    network: torch.nn.Module = tiny(2)
    network.load_state_dict(state)
    return network


WRAPPERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 1.0}},
    "model": lambda state: {"model": state},
    "averaged first": lambda state: {"model": {key: value * 0 for key, value in state.items()}, "model_ema": state},
    "module.": lambda state: {f"module.{key}": value for key, value in state.items()},
    "AveragedModel": lambda state: torch.optim.swa_utils.AveragedModel(_holding(state)).state_dict(),
    "a backbone": lambda state: {
        key if key.startswith("head.") else f"model.backbone.{key}": value for key, value in state.items()
    },
    "timm's training": lambda state: {
        "state_dict": state,
        "args": Namespace(lr=0.1, output=Path("out"), ratio=None),
        "metric": np.float64(71.5),
        "best": np.float32(71.5),
        "epoch": np.int64(3),
        "rng": np.random.RandomState(0).get_state(),
        "history": np.arange(3) / 7,
        "names": np.array(["a", "bc"]),
    },
    "both": lambda state: {"state_dict": {f"module._orig_mod.{key}": value for key, value in state.items()}},
}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin"])
def test_wrappers_and_prefixes_come_off(tmp_path: Path, wrapper: str, ending: str) -> None:
    state = tiny(1).state_dict()
    torch.save(WRAPPERS[wrapper](dict(state)), tmp_path / f"w{ending}")
    assert same(read_checkpoint(tmp_path / f"w{ending}").state, state)


def test_safetensors_are_read_and_fitted(tmp_path: Path) -> None:
    given, network = tiny(1), tiny(2)
    save_file(given.state_dict(), tmp_path / "w.safetensors")
    checkpoint = read_checkpoint(tmp_path / "w.safetensors")
    state = checkpoint.state
    assert checkpoint.looks is not None and checkpoint.looks.classes == 5
    assert fit_weights(network, state, tmp_path / "w.safetensors") == ()
    assert same(network.state_dict(), given.state_dict())


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run_it(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": tiny().state_dict(), "extra": Harmful()}, tmp_path / "new.pth")
    torch.save({"model": tiny().state_dict(), "args": Namespace(extra=Harmful())}, tmp_path / "args.pth")
    torch.save({"extra": Harmful()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "bare.bin").write_bytes(pickle.dumps(Harmful()))
    for name in ("new.pth", "args.pth", "old.pt", "bare.bin"):
        with pytest.raises(
            ModelError, match=rf"{name}: refused, it .*more than tensors.*, which would run code:"
        ) as caught:
            read_checkpoint(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert name == "bare.bin" or "(posix.mkdir)" in str(caught.value)
    assert not (tmp_path / "ran").exists()
    assert Namespace not in torch.serialization.get_safe_globals()
    torch.save(tiny(), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match="refused"):
        read_checkpoint(tmp_path / "whole.pth")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("w.safetensors", b"", "not a readable safetensors file"),
        ("w.safetensors", b"\xff" * 50, "not a readable safetensors file"),
        ("w.pth", b"", "not a readable file of weights|refused"),
        ("w.pth", b"hello", "not a readable file of weights|refused"),
        ("w.pth", b"PK\x03\x04broken", "not a readable file of weights|refused"),
        ("w.onnx", b"", r"expected a file that ends in \.safetensors, \.pth, \.pt, \.bin, \.ckpt or \.tar"),
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_checkpoint(tmp_path / "w.pth")
    (tmp_path / "d.pth").mkdir()
    with pytest.raises(ModelError, match="a directory"):
        read_checkpoint(tmp_path / "d.pth")
    torch.save({"epoch": 1}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="no tensors by name"):
        read_checkpoint(tmp_path / "w.pth")
    torch.save([torch.zeros(1)], tmp_path / "w.pth")
    with pytest.raises(ModelError, match="holds a list"):
        read_checkpoint(tmp_path / "w.pth")


def test_what_does_not_fit_is_told_by_its_first_keys_and_shapes() -> None:
    state = tiny().state_dict()
    state["head.weight"] = torch.zeros(7, 64)
    state["extra"] = torch.zeros(3)
    del state["cls_token"], state["norm.bias"]
    with pytest.raises(
        ModelError,
        match=r"weights w\.pth do not fit VisionTransformer: cls_token is absent, expected 1 x 1 x 64; "
        r"norm.bias is absent, expected 64; head.weight is 7 x 64, expected 5 x 64 and 1 more: check `model=`",
    ):
        fit_weights(tiny(), state, Path("w.pth"))


def test_a_position_embedding_of_another_size_is_resized_with_a_notice() -> None:
    network = tiny(img_size=64)
    notices = fit_weights(network, tiny(1).state_dict(), Path("w.pth"))
    assert notices == ("pos_embed resized from 1 x 17 x 64 to 1 x 65 x 64 for this image size",)
    assert torch.equal(network.state_dict()["head.weight"], tiny(1).state_dict()["head.weight"])
