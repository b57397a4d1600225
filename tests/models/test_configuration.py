"""config.json is not believed: types and ranges are checked, flat and nested tables are read, paths are dropped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.models.small import tiny
from vitexplain.errors import ModelError, UsageError
from vitexplain.models import load_model
from vitexplain.models.folder import is_folder_name, labels_beside, read_model_folder
from vitexplain.models.hub import pretrained_file  # noqa: F401 (the room stays importable without a hub)

NAME = "vit_tiny_patch16_224"
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 4}


def folder(path: Path, config: Any) -> str:
    from safetensors.torch import save_file

    path.mkdir(exist_ok=True)
    text = config if isinstance(config, bytes) else json.dumps({"architecture": NAME, **config}).encode()
    (path / "config.json").write_bytes(text)
    save_file(tiny().state_dict(), path / "model.safetensors")
    return str(path)


@pytest.mark.parametrize("nested", [True, False])
def test_flat_and_nested_tables_say_the_same(tmp_path: Path, nested: bool) -> None:
    """timm wrote them flat in 2022."""
    cfg = {
        "input_size": [3, 32, 32],
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "interpolation": "bilinear",
        "crop_pct": 0.8,
        "crop_mode": "squash",
        "num_classes": 5,
    }
    config = {"model_args": SMALL, **({"pretrained_cfg": cfg} if nested else cfg)}
    preprocess = load_model(folder(tmp_path / "m", config), device="cpu").preprocess
    assert (preprocess.mean, preprocess.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert (preprocess.size, preprocess.interpolation) == ((32, 32), "bilinear")
    assert (preprocess.crop_pct, preprocess.crop_mode) == (0.8, "squash")


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", "abc"),
        ("mean", [0.5, 0.5]),
        ("mean", [0.5, 0.5, "0.5"]),
        ("mean", [1e9, 0, 0]),
        ("mean", {"r": 0.5}),
        ("std", 0),
        ("std", [0, 0, 0]),
        ("std", [-1, 1, 1]),
        ("std", [True, True, True]),
        ("input_size", [3, -224, 224]),
        ("input_size", [3, 10**9, 224]),
        ("input_size", 224),
        ("crop_pct", 0),
        ("crop_pct", "all"),
        ("crop_pct", 1e300),
        ("crop_mode", "middle"),
        ("interpolation", "best"),
        ("interpolation", 3),
        ("num_classes", -1),
        ("num_classes", 2**40),
        ("num_classes", "5"),
        ("classifier", ["x" * 1000]),
        ("fixed_input_size", "yes"),
    ],
)
def test_values_of_the_transform(tmp_path: Path, key: str, value: object, nested: bool) -> None:
    config = {"pretrained_cfg": {key: value}} if nested else {key: value}
    with pytest.raises(ModelError, match=rf"config\.json cannot be used: {key} is .*, expected") as caught:
        read_model_folder(folder(tmp_path / "m", config))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"embed_dim": "abc"}, "embed_dim is 'abc', expected a whole number"),
        ({"embed_dim": 2**40}, "embed_dim"),
        ({"depth": -1}, "depth is -1"),
        ({"depth": 10**9}, "depth"),
        ({"depth": [1]}, "depth"),
        ({"img_size": -5}, "img_size"),
        ({"img_size": "large"}, "img_size"),
        ({"patch_size": 0}, "patch_size"),
        ({"num_heads": 1.5}, "num_heads"),
        ({"mlp_ratio": 1e9}, "mlp_ratio"),
        ({"global_pool": 7}, "global_pool"),
        ({"anything": {"a": 1}}, "anything is .*, expected a plain value"),
        ({"anything": 10**12}, "anything"),
        ({"anything": [[1]]}, "anything"),
        ("text", "model_args is 'text', expected a table"),
        ([1], "model_args"),
    ],
)
def test_values_of_the_arguments(tmp_path: Path, arguments: object, words: str) -> None:
    with pytest.raises(ModelError, match=rf"config\.json cannot be used: .*{words}"):
        read_model_folder(folder(tmp_path / "m", {"model_args": arguments}))


@pytest.mark.parametrize("name", [1, "", "a b", "x" * 300, "a\nb", ["vit"], {"a": 1}])
def test_the_architecture_is_a_name(tmp_path: Path, name: object) -> None:
    with pytest.raises(ModelError, match=r"architecture is .*expected a name of timm"):
        read_model_folder(folder(tmp_path / "m", {"architecture": name}))


def test_nothing_leads_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pth"
    outside.write_bytes(b"not to be read")
    arguments = {**SMALL, "checkpoint_path": str(outside), "pretrained": True, "cache_dir": "/"}
    config = {"model_args": arguments, "pretrained_cfg": {"file": str(outside), "url": "http://127.0.0.1:9/a"}}
    found = read_model_folder(folder(tmp_path / "m", config))
    assert not {"checkpoint_path", "cache_dir", "file", "url"} & {
        *found.options,
        *found.options["pretrained_cfg_overlay"],
    }
    assert found.options["pretrained"] is False
    assert load_model(str(tmp_path / "m"), device="cpu").num_classes == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"architecture": "a", "architecture": "b"}', "stands in it twice"),
        (b'{"mean": NaN}', "NaN is no number"),
        (b'{"num_classes": ' + b"9" * 10_000 + b"}", "a number of 10,000 digits"),
        (b" " * (5 << 20), "expected at most"),
        (b"\xff\xfe", "no readable"),
        (b"[]", "no table"),
        (b"", "no readable"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=rf"no readable config\.json .*{words}|{words}"):
        read_model_folder(folder(tmp_path / "m", text))


def test_a_configuration_that_is_a_pipe(tmp_path: Path) -> None:
    path = folder(tmp_path / "m", {})
    (tmp_path / "m" / "config.json").unlink()
    os.mkfifo(tmp_path / "m" / "config.json")
    with pytest.raises(ModelError, match="a pipe"):
        read_model_folder(path)
    assert labels_beside(tmp_path / "m" / "model.safetensors") is None


@pytest.mark.parametrize("name", ["v" * 5000, "a/" + "b" * 300, "a\0b", "a\nb", "", " ", "\ud800", "x/" * 3000])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match=r"^model '.{0,90}'?(\.\.\.')?: ") as caught:
        is_folder_name(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
    with pytest.raises(UsageError):
        load_model(name)
