"""Modules around a vision transformer that are refused: with the reason, and with advice that works."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.models import around
from tests.models.around import Headed, Wrapper
from tests.models.small import build, tiny
from vitexplain import explain, load_model
from vitexplain.errors import ModelError
from vitexplain.models.timm_import import import_timm

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

REFUSED: dict[str, tuple[Any, str]] = {
    "mirrored": (around.Moved, r"moves the pixels before the transformer sees them: give model\.model"),
    "resized": (around.Resized, r"makes 1 x 3 x 64 x 64 of its own pixels, 1 x 3 x 32 x 32: give model\.model"),
    "twice": (around.Twice, r"runs the transformer 2 times: give model\.model"),
    "both": (lambda: around.Pair(both=True), r"runs several of them: give one of model\.student, model\.teacher"),
    "no forward": (around.Steps, r"its forward fails on pixels of \(1, 3, 32, 32\) .*: give model\.net"),
    "two inputs": (around.TwoInputs, r"fails on pixels .*missing 1 required positional argument.*: give model\.model"),
    "last layers": (around.LastLayers, r"no function of the tokens that leave the last layer: give model\.backbone"),
    "a constant": (
        lambda: Headed(lambda _, x: x.new_zeros(len(x), 64)),
        r"does not run it on pixels: give model\.back",
    ),
    "feature map": (lambda: Wrapper(tiny(global_pool="", num_classes=0)), r"returns a [Tt]ensor.* \(1, 17, 64\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_description_is_refused_and_the_advice_works(kind: str) -> None:
    make, words = REFUSED[kind]
    module = make()
    with pytest.raises(ModelError, match=words) as refused:
        explain(module, PICTURE)
    assert "\n" not in str(refused.value)
    for place in re.findall(r"(?:give|one of|,) (model\.[\w.]+)", str(refused.value)):
        assert explain(eval(place, {"model": module}), PICTURE).explanations


def test_the_largest_part_that_can_be_explained_is_named_so_that_its_classifier_is_kept() -> None:
    """A step without forward around a backbone with a classifier: the advice keeps the three classes."""
    for module, place in (
        (around.Steps(Headed(around.first_token)), r"model\.net"),
        (around.Twice(Wrapper(Headed(around.mean_of_patches))), r"model\.model"),
        (around.Twice(nn.ModuleDict({"vit": Headed(around.first_token)})), r"model\.model\.vit"),
    ):
        with pytest.raises(ModelError, match=rf": give {place} in its place$") as refused:
            explain(module, PICTURE)
        (found,) = re.findall(r"give (model\.[\w.]+) in", str(refused.value))
        assert load_model(eval(found, {"model": module})).num_classes == 3


def test_traced_modules_are_refused_wherever_they_are_and_their_weights_can_be_used(tmp_path: Path) -> None:
    network = import_timm().create_model("test_vit", num_classes=5).eval()
    pixels = torch.randn(1, 3, 160, 160)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(network, pixels)  # type: ignore[no-untyped-call]
        exported = torch.export.export(network, (pixels,)).module()
    for module, kind, holder in (
        (scripted, "TorchScript module", ""),
        (Wrapper(scripted), "TorchScript module", ".model"),
        (exported, "traced graph", ""),
        (Wrapper(exported), "traced graph", ".model"),
    ):
        words = rf"model{holder} is a {kind}, .*: give the module that it was made of, or its weights, torch"
        with pytest.raises(ModelError, match=words) as refused:
            load_model(module)
        (saving,) = re.findall(r"torch\.save\((model[.\w]*\(\)), 'weights\.pth'\)", str(refused.value))
        torch.save(eval(saving, {"model": module}), tmp_path / "weights.pth")
        found = load_model("test_vit", weights=tmp_path / "weights.pth", device="cpu")
        with torch.inference_mode():
            torch.testing.assert_close(found.network(pixels), network(pixels))


def test_a_module_of_another_project_with_the_weights_of_timm_s(tmp_path: Path) -> None:
    """As DINO's, DINOv2's and DeiT's own repositories write the network: its weights are read, the module is not."""
    theirs = Wrapper(around.disguised(import_timm().create_model("test_vit", num_classes=0)))
    with pytest.raises(ModelError, match=r"its weights are those of timm's test_vit") as refused:
        load_model(theirs)
    (name,) = re.findall(r"give `model=(\w+)` with `weights=`$", str(refused.value))
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    assert load_model(name, weights=tmp_path / "weights.pth", device="cpu").depth == 6


@pytest.mark.filterwarnings("ignore")
def test_parameters_in_pieces_are_refused_and_a_full_state_dict_can_be_used(tmp_path: Path) -> None:
    from torch import distributed
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.fsdp import fully_shard

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        sharded, plain = tiny(), tiny(seed=1)
        fully_shard(sharded.blocks[0])
        with pytest.raises(ModelError, match=r"in pieces .*get_model_state_dict\(model, options=StateDictOptions"):
            explain(Wrapper(sharded), PICTURE)
        plain.load_state_dict(get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True)))
    finally:
        distributed.destroy_process_group()
    found, expected = (explain(module, PICTURE, "relevance").explanations[0].scores for module in (plain, tiny()))
    assert np.array_equal(found, expected)


def test_what_holds_no_transformer_is_refused_with_what_was_seen() -> None:
    with pytest.raises(ModelError, match=r"model Sequential: not supported, .*; seen inside: Linear, ReLU"):
        load_model(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    with torch.device("meta"):
        davit = import_timm().create_model("davit_tiny", depths=(1, 1, 1, 1))
    with pytest.raises(ModelError, match=r"no graph describes it .* within windows.*: give model\[1\] in its place"):
        load_model(nn.Sequential(nn.Identity(), davit).to_empty(device="cpu"))
    swin = import_timm().create_model("swin_tiny_patch4_window7_224", depths=(1, 1), num_classes=3).eval()
    with pytest.raises(
        ModelError, match=r"it has stages, and is described by itself only.*: give model\[1\] in its place"
    ):
        load_model(nn.Sequential(nn.Identity(), swin).eval())
    assert load_model(swin).num_classes == 3
    with pytest.raises(ModelError, match=r"Wrapper, at model\.model: model VisionTransformer: .*ParallelThingsBlock"):
        load_model(Wrapper(build("vit_small_patch16_18x2_224", img_size=32)))
    with pytest.raises(ModelError, match="meta device: load them first"):
        load_model(tiny().to("meta"))
