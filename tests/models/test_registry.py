"""The list of usable models."""

from __future__ import annotations

import fnmatch

import pytest
import torch

from vitexplain.errors import ModelError, UsageError
from vitexplain.models import list_models
from vitexplain.models.registry import check_name, current_name, flexible_options
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import ADAPTERS, recognise


def test_all_models() -> None:
    rows = list_models()
    assert (rows[0].name, rows[0].pretrained, rows[0].size, rows[0].patch, rows[0].classes) == (
        "builtin",
        True,
        (224, 224),
        14,
        200,
    )
    names = [row.name for row in rows]
    assert len(names) == len(set(names)) > 400
    assert not any(name.startswith(("resnet", "convnext")) for name in names)


def test_patterns() -> None:
    row = next(row for row in list_models("VIT_tiny_patch16_224.*ft_in1k") if row.pretrained)
    assert (row.name, row.size, row.patch, row.classes) == (
        "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        (224, 224),
        16,
        1000,
    )
    assert [row.name for row in list_models("builtin")] == ["builtin"]
    assert all("dinov2" in row.name for row in list_models("dinov2"))
    assert len(list_models("dinov2")) >= 8
    assert list_models("nothing_like_this") == []


@pytest.mark.parametrize("pattern", [name for adapter in ADAPTERS for name in adapter.undescribed])
def test_names_refused_early_are_refused_when_built(pattern: str) -> None:
    timm = import_timm()
    names = [name for name in timm.list_models() if fnmatch.fnmatchcase(name, pattern)]
    if not names:
        pytest.skip("this timm has none")
    with torch.device("meta"):
        network = timm.create_model(names[0])
    if list_models(names[0]):  # what needs no graph explains it
        assert not any(row.graph for name in names for row in list_models(name))
        assert recognise(network).graphless
        return
    for name in names:
        with pytest.raises(ModelError, match="not supported"):
            check_name(name)
        assert list_models(name) == []
    with pytest.raises(ModelError, match="not supported"):
        recognise(network)


def test_names_that_are_fine() -> None:
    check_name("vit_tiny_patch16_224")
    check_name("vit_tiny_patch16_224.augreg_in21k_ft_in1k")


def test_a_size_that_is_no_whole_patches_is_not_built_flexible() -> None:
    assert flexible_options("vit_tiny_patch16_224") == {"dynamic_img_size": True}
    assert flexible_options("vit_so400m_patch14_siglip_384") == {}


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224_in21k", "vit_base_resnet50_384", "deit3_base_patch16_384_in21ft1k"]
)
def test_names_of_older_timm_are_taken_as_they_are_now(name: str) -> None:
    new = current_name(name)
    assert new != name
    assert check_name(name) == new == check_name(new)
    assert current_name(new) == new
    assert current_name("builtin") == "builtin"


@pytest.mark.parametrize("name", ["v" * 5000, "a\0b", "a\nb", "", "/", "é" * 200])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match=r"^model '"):
        check_name(name)
