"""Models from files are what was trained: its size, patches, normalisation and pooling, by the order of precedence."""

from __future__ import annotations

import json
import resource
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.models.hub_cache import put_in_cache
from tests.models.small import build, tiny, told_of
from vitexplain.errors import ModelError, UsageError
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.models.timm_import import import_timm

NAME = "test_vit"
OTHER = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bilinear", "crop_pct": 0.7}


def trained(name: str = NAME, **options: Any) -> Any:
    """Return timm's network of three classes with seeded random weights."""
    torch.manual_seed(5)
    return import_timm().create_model(name, **{"num_classes": 3, **options}).eval()


def saved(folder: Path, network: Any, **beside: object) -> Path:
    torch.save({"state_dict": network.state_dict(), **beside}, folder / "w.pth")
    return folder / "w.pth"


def load(folder: Path, network: Any, name: str = NAME, /, beside: Any = None, **options: Any) -> LoadedModel:
    return load_model(name, weights=saved(folder, network, **(beside or {})), device="cpu", **options)


def same_outputs(model: LoadedModel, network: Any, size: tuple[int, int]) -> bool:
    pixels = torch.randn(1, 3, *size)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(pixels), network(pixels), rtol=1e-4, atol=1e-5)
    return True


@pytest.mark.parametrize("size", [(96, 96), (192, 192), (96, 192), (192, 96)])
@pytest.mark.parametrize("name", [NAME, "eva02_tiny_patch14_224"])
def test_size_of_the_training(tmp_path: Path, size: tuple[int, int], name: str) -> None:
    if name != NAME:
        size = (size[0] // 16 * 14, size[1] // 16 * 14)
    network = trained(name, img_size=size)
    model = load(tmp_path, network, name, beside={"args": Namespace(img_size=list(size))})
    assert model.preprocess.size == size and same_outputs(model, network, size)
    assert any(f"{size[0]} x {size[1]} pixels" in notice for notice in model.notices)
    if size[0] == size[1]:
        assert load(tmp_path, network, name).preprocess.size == size  # the tensors tell a square


def test_channels_before_a_size_are_understood(tmp_path: Path) -> None:
    model = load(tmp_path, trained(img_size=(160, 96)), beside={"args": Namespace(input_size=[3, 160, 96])})
    assert model.preprocess.size == (160, 96)
    assert not any("do not tell" in notice for notice in model.notices)


@pytest.mark.parametrize("said", [{"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.4, 0.4]}, {"mean": [0.1, 0.2, 0.3]}, {}])
@pytest.mark.parametrize("place", ["args", "folder"])
def test_a_mean_and_a_std_that_nothing_says_are_told(tmp_path: Path, said: dict[str, Any], place: str) -> None:
    if place == "args":
        model = load(tmp_path, trained(), beside={"args": said})
    else:
        save_file(trained().state_dict(), tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps({"architecture": NAME, **said}))
        model = load_model(str(tmp_path), device="cpu")
    silent = [name for name in ("mean", "std") if name not in said]
    told = [notice for notice in model.notices if notice.startswith("nothing with the weights says how")]
    assert len(told) == bool(silent)
    for name in silent:
        assert f"{name} 0.5,0.5,0.5" in told[0] and f"`{name}=`" in told[0]


def test_a_size_that_nothing_tells_is_told_and_the_advice_works(tmp_path: Path) -> None:
    network = trained(img_size=(160, 96))
    (notice,) = told_of(load(tmp_path, network))
    assert "taken as pictures of 96 x 160 pixels" in notice and notice.count("`") == 2
    model = load(tmp_path, network, image_size=notice.split("`")[1].partition("=")[2])
    assert same_outputs(model, network, (160, 96))
    assert not any("do not tell" in notice for notice in model.notices)


@pytest.mark.parametrize("name", ["vit_tiny_r_s16_p8_224", "beit_base_patch16_224", "vit_relpos_small_patch16_224"])
def test_sizes_of_hybrids_and_of_relative_positions(tmp_path: Path, name: str) -> None:
    small: dict[str, Any] = {"img_size": 96, "depth": 1}
    if name.startswith("vit_tiny"):
        small = {"img_size": 96}
    network = trained(name, **small)
    settings = {"args": Namespace(img_size=96)} if "relpos" in name else {}
    if "depth" in small:
        folder = tmp_path / "folder"
        import_timm().models.save_for_hf(network, str(folder), model_args={"depth": 1}, safe_serialization=True)
        model = load_model(str(folder), weights=saved(tmp_path, network, **settings), device="cpu")
    else:
        model = load(tmp_path, network, name)
    assert model.preprocess.size == (96, 96) and same_outputs(model, network, (96, 96))
    assert not any("resized" in notice or "interpolated" in notice for notice in model.notices)


@pytest.mark.parametrize("patch", [8, 32, 20])
def test_patches_are_those_of_the_weights(tmp_path: Path, patch: int) -> None:
    network = trained(patch_size=patch)
    model = load(tmp_path, network)
    assert model.preprocess.patch == (patch, patch) and same_outputs(model, network, (160, 160))
    assert f"patch_embed: the weights have patches of {patch} x {patch} pixels" in model.notices[0]
    assert not any("resampled" in notice for notice in model.notices)


@pytest.mark.parametrize("size", [192, "192", "192x192", (192, 192), np.int64(192), [np.int32(192), 192]])
def test_a_size_given_is_taken_and_told(tmp_path: Path, size: Any) -> None:
    network = trained(dynamic_img_size=True)
    model = load(tmp_path, network, image_size=size)
    assert model.preprocess.size == (192, 192) and same_outputs(model, network, (192, 192))
    assert told_of(model) == (
        "pictures of 192 x 192 pixels (height x width) as given, the weights were trained at 160 x 160: their position "
        "embeddings are interpolated",
    )
    assert told_of(load(tmp_path, network, image_size=160)) == ()


def test_a_size_given_to_a_model_of_one_size_is_built_for_it(tmp_path: Path) -> None:
    network = trained("beit_base_patch16_224", img_size=112, depth=1)
    arguments = {"depth": 1, "img_size": 112}
    import_timm().models.save_for_hf(network, str(tmp_path / "m"), model_args=arguments, safe_serialization=True)
    model = load_model(str(tmp_path / "m"), image_size="160x160", device="cpu")
    assert model.preprocess.size == (160, 160) and not model.preprocess.flexible
    assert [notice.partition(" of each layer resized")[0] for notice in model.notices[:1]] == [
        "relative_position_bias_table"
    ]
    assert told_of(model)[1:] == (
        "pictures of 160 x 160 pixels (height x width) as given, the weights were trained at 112 x 112",
    )
    with pytest.raises(UsageError, match=r"image_size 100x100: .*16 x 16 pixels: give `image_size=96x96`"):
        load_model(str(tmp_path / "m"), image_size=100)


@pytest.mark.parametrize("size", [100, (96, 100), 8, "16x24"])
def test_sizes_of_no_whole_patches_and_the_advice(tmp_path: Path, size: Any) -> None:
    weights = saved(tmp_path, trained())
    with pytest.raises(UsageError, match=r"give `image_size=\d+x\d+`$") as caught:
        load_model(NAME, weights=weights, image_size=size)
    advised = str(caught.value).rpartition("=")[2].rstrip("`")
    assert load_model(NAME, weights=weights, image_size=advised, device="cpu").preprocess.size[1] % 16 == 0


def test_the_built_in_and_pretrained_models_take_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(image_size=112, mean=0, std=(1, 1, 1), pool="avg", device="cpu")
    assert (model.preprocess.size, model.preprocess.mean, model.network.readout) == ((112, 112), (0, 0, 0), "mean")
    assert "trained at 224 x 224" in model.notices[0]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    put_in_cache(tmp_path / "hub", "test_vit.r160_in1k")
    model = load_model("test_vit", image_size="160x192", pool="avg", device="cpu")
    assert (model.preprocess.size, model.network.readout) == ((160, 192), "mean")
    assert "trained at 160 x 160" in model.notices[0]


@pytest.mark.parametrize("given", [{}, {"mean": (0.9, 0.8, 0.7), "std": 0.25}])
@pytest.mark.parametrize("beside", [None, "nested", "flat"])
@pytest.mark.parametrize("own", [None, "args", "config", "hyper_parameters", "metadata"])
def test_precedence(tmp_path: Path, own: str | None, beside: str | None, given: dict[str, Any]) -> None:
    """What is given, then the file's own, then a config.json beside it, then timm's for the name."""
    if beside is not None:
        values = {"mean": [0.6, 0.6, 0.6], "std": [0.7, 0.7, 0.7], "interpolation": "lanczos", "crop_pct": 0.8}
        config = {"architecture": NAME, **(values if beside == "flat" else {"pretrained_cfg": values})}
        (tmp_path / "config.json").write_text(json.dumps(config))
    network = trained()
    if own == "metadata":
        save_file(network.state_dict(), tmp_path / "w.safetensors", {"config": json.dumps(OTHER)})
        file = tmp_path / "w.safetensors"
    else:
        settings: Any = Namespace(**OTHER) if own == "args" else OTHER
        file = saved(tmp_path, network, **({} if own is None else {own: settings}))
    found = load_model(NAME, weights=file, device="cpu", **given)
    read = found.preprocess
    expected: Any = ((0.5,) * 3, (0.5,) * 3, "bicubic", 0.95)
    if beside is not None:
        expected = ((0.6,) * 3, (0.7,) * 3, "lanczos", 0.8)
    if own is not None:
        expected = ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bilinear", 0.7)
    if given:
        expected = ((0.9, 0.8, 0.7), (0.25,) * 3, *expected[2:])
    assert (read.mean, read.std, read.interpolation, read.crop_pct) == expected
    told = any("pictures are prepared as the weights' file or the config.json" in notice for notice in found.notices)
    assert told == (own is not None or beside is not None)


@pytest.mark.parametrize("form", ["nested", "flat"])
@pytest.mark.parametrize("mean", [[123.675, 116.28, 103.53], [0.485, 0.456, 0.406]])
def test_a_folder_of_2022_and_one_of_today(tmp_path: Path, form: str, mean: list[float]) -> None:
    std = [58.395, 57.12, 57.375] if mean[0] > 1 else [0.229, 0.224, 0.225]
    values = {"mean": mean, "std": std, "interpolation": "bilinear", "input_size": [3, 160, 160]}
    config = {"architecture": NAME, "num_classes": 3}
    config |= values if form == "flat" else {"pretrained_cfg": values}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(trained().state_dict(), tmp_path / "model.safetensors")
    read = load_model(str(tmp_path), device="cpu").preprocess
    assert read.mean == pytest.approx((0.485, 0.456, 0.406)) and read.std == pytest.approx((0.229, 0.224, 0.225))
    assert read.interpolation == "bilinear"


def test_a_configuration_beside_that_is_wrong_is_told_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architecture": NAME, "std": [0, 0, 0]}))
    model = load(tmp_path, trained())
    assert model.preprocess.std == (0.5, 0.5, 0.5)
    assert told_of(model) == (
        "the config.json beside the weights is not used: std is [0, 0, 0], expected three numbers above 0, "
        "[0.5, 0.5, 0.5]",
    )
    for other in ({"std": [0.1] * 3}, {"model_type": "bert", "mean": "x"}):  # of something else
        (tmp_path / "config.json").write_text(json.dumps(other))
        assert told_of(load(tmp_path, trained())) == ()


@pytest.mark.parametrize(
    "options", [{"global_pool": "avg"}, {"global_pool": "avg", "fc_norm": False}, {"global_pool": "token"}]
)
@pytest.mark.parametrize("how", ["told", "args", "tensors"])
def test_pooling(tmp_path: Path, options: dict[str, Any], how: str) -> None:
    network = trained(**options)
    pool = options["global_pool"]
    if how == "tensors" and "fc_norm" in options:
        pytest.skip("nothing in the tensors tells it")
    given = {"pool": pool} if how == "told" else {}
    model = load(tmp_path, network, beside={"args": {"global_pool": pool}} if how == "args" else {}, **given)
    assert model.network.readout == {"avg": "mean", "token": "cls"}[pool]
    assert same_outputs(model, network, (160, 160))
    told = ("the classifier reads the mean of the patches, as the settings in the weights' file say",)
    assert told_of(model) == (told if how == "args" and "fc_norm" in options else ())


def test_pooling_of_names_whose_norm_comes_after_it(tmp_path: Path) -> None:
    arguments = {"img_size": 64, "depth": 1}
    network = build("beit_base_patch16_224", depth=1, img_size=64, num_classes=3, global_pool="token", num_heads=4)
    config = {"architecture": "beit_base_patch16_224", "model_args": {**arguments, "embed_dim": 64, "num_heads": 4}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    model = load_model(str(tmp_path), device="cpu")
    assert same_outputs(model, network, (64, 64))
    (notice,) = told_of(model)
    assert "give `pool=avg` if" in notice
    assert load_model(str(tmp_path), pool="avg", device="cpu").network.readout == "mean"


@pytest.mark.parametrize(
    ("name", "pool", "reads"),
    [
        ("vit_base_patch16_siglip_224", "avg", "an attention pool"),
        ("deit_tiny_distilled_patch16_224", "token", "the class and distillation tokens"),
        ("vit_base_patch16_siglip_gap_224", "token", "the mean of the patches"),
    ],
)
def test_a_pooling_that_cannot_be_is_refused_and_the_module_left_as_it_was(name: str, pool: str, reads: str) -> None:
    network = build(name, num_classes=3)
    with pytest.raises(UsageError, match=rf"pool {pool}: this model's classifier reads {reads} .*leave `pool=` out"):
        wrap_model(network, pool=pool)
    assert network.global_pool == build(name).global_pool
    assert wrap_model(network).num_classes == 3


def test_modules_take_them_too() -> None:
    network = tiny(dynamic_img_size=True)
    model = wrap_model(network, image_size=64, mean=(0.1, 0.2, 0.3), std=0.5, pool="avg")
    assert (model.preprocess.size, model.preprocess.mean, model.network.readout) == ((64, 64), (0.1, 0.2, 0.3), "mean")
    assert network.global_pool == "token"
    with pytest.raises(UsageError, match="takes pictures of 32 x 32 pixels only: leave it out, or create"):
        wrap_model(tiny(), image_size=64)
    assert wrap_model(tiny(), image_size=32).preprocess.size == (32, 32)


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "vit_tiny_patch16_224_in21k"])
def test_old_names_are_taken_by_name_and_in_a_folder(tmp_path: Path, architecture: str) -> None:
    save_file(trained("vit_tiny_patch16_224").state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": architecture}))
    old = architecture.endswith("in21k")
    told = ("timm calls vit_tiny_patch16_224_in21k vit_tiny_patch16_224.augreg_in21k now",) if old else ()
    assert told_of(load_model(str(tmp_path), device="cpu")) == told
    assert told_of(load_model(architecture, weights=tmp_path / "model.safetensors", device="cpu")) == told


def test_weights_of_another_size_are_told_by_a_name_that_works(tmp_path: Path) -> None:
    weights = saved(tmp_path, trained("vit_tiny_patch16_224"))
    with pytest.raises(ModelError, match="the built-in model, used where `model=` is not given") as caught:
        load_model(weights=weights)
    name = str(caught.value).partition("give `model=")[2].partition("`")[0]
    assert load_model(name, weights=weights, device="cpu").num_classes == 3


def test_a_classifier_of_several_layers_and_its_advice(tmp_path: Path) -> None:
    network = trained()
    network.head = torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    with pytest.raises(ModelError, match=r"Linear \+ Linear, not one linear layer.*`num_classes=0`"):
        load(tmp_path, network)
    assert load(tmp_path, network, num_classes=0).num_classes == 0


def test_a_file_without_weights_for_what_a_folder_claims(tmp_path: Path) -> None:
    """A configuration that claims a far larger network than its weights costs neither time nor memory."""
    save_file(trained().state_dict(), tmp_path / "model.safetensors")
    for arguments, words in [
        ({"embed_dim": 16_000, "num_heads": 1_000, "depth": 512}, "do not fit"),
        (
            {"mlp_ratio": 64, "reg_tokens": 1024, "class_token": True, "img_size": 16_384},
            "do not fit|give a smaller",
        ),
        ({"embed_dim": 64, "depth": 6, "mlp_ratio": 64_000}, "mlp_ratio"),
    ]:
        (tmp_path / "config.json").write_text(json.dumps({"architecture": NAME, "model_args": arguments}))
        with pytest.raises(ModelError, match=words) as caught:
            load_model(str(tmp_path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("claimed", [16_384, 4_096])
@pytest.mark.parametrize("name", ["vit_relpos_small_patch16_224", "vit_small_patch16_dinov3"])
def test_a_size_that_only_settings_claim_is_believed_within_bounds(tmp_path: Path, name: str, claimed: int) -> None:
    """Tables of relative positions grow with the fourth power of the side: nothing of that size is built."""
    network = trained(name)
    model = load(tmp_path, network, name, beside={"args": Namespace(img_size=claimed)})
    assert model.preprocess.size == load(tmp_path, network, name).preprocess.size
    if "relpos" in name:
        with pytest.raises(ModelError, match=r"takes [0-9,]+: give a smaller `image_size=`"):
            load(tmp_path, network, name, image_size=1120)
        assert load(tmp_path, network, name, image_size=256).preprocess.size == (256, 256)


@pytest.mark.parametrize("number", ["9" * 5, "9" * 400, "9" * 5000])
def test_layers_of_absurd_numbers(tmp_path: Path, number: str) -> None:
    state = {**trained().state_dict(), f"blocks.{number}.norm1.weight": torch.zeros(64)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"do not fit .*: blocks\.9+.* is 64, expected absent") as caught:
        load_model(NAME, weights=tmp_path / "w.pth")
    assert len(str(caught.value)) < 400


def test_what_costs_more_than_the_file_is_answered_at_once(tmp_path: Path) -> None:
    save_file(trained().state_dict(), tmp_path / "model.safetensors")
    load_model(str(_config(tmp_path, {})), device="cpu")
    for arguments in ({"embed_dim": 16_384, "num_heads": 1_024, "depth": 512}, {"mlp_ratio": 64}, {"reg_tokens": 1024}):
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        with pytest.raises(ModelError):
            load_model(str(_config(tmp_path, arguments)))
        assert time.process_time() - start < 2
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def _config(folder: Path, arguments: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps({"architecture": NAME, "model_args": arguments}))
    return folder
