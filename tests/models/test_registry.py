"""The list of usable models."""

from __future__ import annotations

import fnmatch

import pytest
import torch

from vitexplain.errors import ModelError
from vitexplain.models import list_models
from vitexplain.models.registry import check_name, flexible_options
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
    assert not any(name.startswith(("swin", "resnet", "xcit", "cait")) for name in names)


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
    for name in names:
        with pytest.raises(ModelError, match="not supported"):
            check_name(name)
        assert list_models(name) == []
    with torch.device("meta"):
        network = timm.create_model(names[0])
    with pytest.raises(ModelError, match="not supported"):
        recognise(network)


def test_names_that_are_fine() -> None:
    check_name("vit_tiny_patch16_224")
    check_name("vit_tiny_patch16_224.augreg_in21k_ft_in1k")


def test_a_size_that_is_no_whole_patches_is_not_built_flexible() -> None:
    assert flexible_options("vit_tiny_patch16_224") == {"dynamic_img_size": True}
    assert flexible_options("vit_so400m_patch14_siglip_384") == {}
