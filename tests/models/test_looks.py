"""What weights look like: sizes, grid and pooling from names and shapes alone, and timm's name for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError
from vitexplain.models.looks import Looks, looks_of
from vitexplain.models.timm_import import import_timm
from vitexplain.models.timm_names import fitting_names
from vitexplain.models.weights import fit_weights, refuse_other_size


def looks(network: torch.nn.Module) -> Looks:
    found = looks_of(network.state_dict())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "prefix", "pooling"),
    [
        ("vit_tiny_patch16_224", 1, None),
        ("deit_tiny_distilled_patch16_224", 2, None),
        ("deit3_small_patch16_224", 1, None),
        ("vit_small_patch14_reg4_dinov2", 5, None),
        ("vit_base_patch16_siglip_224", 0, "map"),
        ("vit_base_patch16_siglip_gap_224", 0, "avg"),
        ("vit_little_patch16_reg4_gap_256", 4, "avg"),
    ],
)
def test_families(name: str, prefix: int, pooling: str | None) -> None:
    for size in (64, 96):
        found = looks(build(name, img_size=size, patch_size=16, num_classes=5))
        assert (found.library, found.width, found.depth, found.patch) == ("timm", 64, 2, (16, 16))
        assert (found.prefix, found.image_size, found.classes, found.guessed_grid) == (prefix, (size, size), 5, False)
        if name != "vit_base_patch16_siglip_gap_224":
            assert found.pooling == pooling


def test_average_pooling_is_known_by_its_norm() -> None:
    assert looks(tiny(global_pool="avg")).pooling == "avg"
    assert looks(tiny()).pooling is None


def test_patches_kept_as_a_matrix_and_files_without_positions() -> None:
    state = tiny().state_dict()
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].flatten(1)
    found = looks_of(state)
    assert found is not None
    assert found.patch == (8, 8)
    del state["pos_embed"]
    found = looks_of(state)
    assert found is not None
    assert (found.grid, found.image_size) == (None, None)
    assert looks_of({"conv1.weight": torch.zeros(64, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(1)}) is None


def trained_positions(rows: int, cols: int) -> torch.Tensor:
    """Return positions (1, 1 + rows * cols, 64) as training makes them: alike where patches are near."""
    grid = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    steps = torch.linspace(0, 1, 32)
    table = torch.cat([(-((axis.reshape(-1, 1) / max(rows, cols) - steps) ** 2) * 30).exp() for axis in grid], 1)
    return torch.cat([torch.zeros(1, 1, 64), table[None]], 1)


@pytest.mark.parametrize("size", [(32, 64), (64, 32), (64, 64), (32, 72), (72, 32), (48, 48), (64, 144), (112, 224)])
def test_rows_and_columns_are_seen_in_trained_positions(size: tuple[int, int]) -> None:
    """32 x 72 pixels are as many patches as 48 x 48."""
    state = tiny(img_size=size).state_dict()
    state["pos_embed"] = trained_positions(size[0] // 8, size[1] // 8)
    found = looks_of(state)
    assert found is not None
    assert (found.image_size, found.guessed_grid) == (size, False)


def test_rows_and_columns_of_random_positions_are_a_guess_unless_they_are_a_square() -> None:
    for size, taken, guessed in [((32, 64), (32, 64), True), ((64, 32), (32, 64), True), ((32, 72), (48, 48), False)]:
        found = looks(tiny(img_size=size))
        assert (found.image_size, found.guessed_grid) == (taken, guessed)


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224",
        "vit_small_patch16_224",
        "vit_base_patch32_224",
        "deit_tiny_distilled_patch16_224",
        "deit3_small_patch16_224",
        "vit_small_patch14_dinov2",
        "vit_small_patch14_reg4_dinov2",
        "vit_base_patch16_siglip_224",
        "beit_base_patch16_224",
        "vit_tiny_patch16_384",
    ],
)
def test_timms_name_is_guessed_and_proved(name: str) -> None:
    with torch.device("meta"):
        state = import_timm().create_model(name, num_classes=0).state_dict()
    state = {key: torch.empty_like(value, device="meta") for key, value in state.items()}
    found = looks_of(state)
    assert found is not None
    assert name in fitting_names(state, found)


def test_weights_of_another_size_are_told_by_their_name() -> None:
    timm = import_timm()
    given = timm.create_model("vit_tiny_patch16_224", num_classes=3).state_dict()
    with torch.device("meta"):
        network, small = timm.create_model("vit_small_patch16_224"), timm.create_model("vit_base_patch16_224")
    with pytest.raises(
        ModelError,
        match=r"weights w\.pth do not fit VisionTransformer: these are weights of vit_tiny_patch16_224 \(192 wide, "
        r"12 layers, patches of 16 x 16\); vit_small_patch16_224 has 384 and 12: give `model=vit_tiny_patch16_224`",
    ):
        refuse_other_size(network, given, Path("w.pth"), "vit_small_patch16_224")
    with pytest.raises(ModelError, match=r"the built-in model, used where `model=` is not given, has 768 and 12"):
        refuse_other_size(small, given, Path("w.pth"), "builtin")
    with pytest.raises(
        ModelError, match=r"a vision transformer of 64 wide, 2 layers.*give the module itself in Python"
    ):
        fit_weights(timm.create_model("vit_tiny_patch16_224"), tiny().state_dict(), Path("w.pth"))
    refuse_other_size(network, timm.create_model("vit_small_patch16_224").state_dict(), Path("w.pth"))


def test_numbers_that_are_none() -> None:
    state = tiny().state_dict()
    for value, words in [
        (torch.full((5, 64), float("nan")), "holds NaN"),
        (torch.full((5, 64), float("-inf")), "holds NaN or infinite"),
        (torch.zeros(5, 64, dtype=torch.int8), "holds whole numbers"),
    ]:
        with pytest.raises(ModelError, match=rf"head\.weight {words}"):
            fit_weights(tiny(), {**state, "head.weight": value}, Path("w.pth"))
    fit_weights(tiny(), {**state, "head.weight": torch.full((5, 64), 3e38)}, Path("w.pth"))


def test_what_is_resampled_is_told_and_only_that() -> None:
    notices = fit_weights(tiny(), tiny(1, patch_size=4, img_size=32).state_dict(), Path("w.pth"))
    assert "patch_embed.proj.weight resampled from patches of 4 x 4 to 8 x 8 pixels" in notices[0]
    assert "pos_embed resized from 1 x 65 x 64 to 1 x 17 x 64" in notices[1]
    network = build("vit_small_patch14_reg4_dinov2", img_size=56)
    state = dict(network.state_dict())
    state["register_tokens"], state["mask_token"] = state.pop("reg_token"), torch.zeros(1, 64)
    state["pos_embed"] = torch.cat([torch.zeros(1, 1, 64), state["pos_embed"]], 1)
    assert fit_weights(build("vit_small_patch14_reg4_dinov2", 3, img_size=56), dict(state), Path("w.pth")) == ()
    notices = fit_weights(build("vit_small_patch14_reg4_dinov2", 3, img_size=84), dict(state), Path("w.pth"))
    assert any("pos_embed resized" in notice for notice in notices)
