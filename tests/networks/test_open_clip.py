"""open_clip's towers: its own ViT with tokens first or second, those around timm's, and whole models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.networks.adapter_checks import check_attention, check_names, check_readout, check_rules, pixels, scores_of
from tests.networks.other_libraries import open_clip_model, open_clip_timm, open_clip_tower, require
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.models import wrap_model
from vitexplain.networks import recognise
from vitexplain.tokens import Readout, TokenGrid

require("open_clip", "open-clip")

TOWERS: dict[str, tuple[dict[str, Any], Readout]] = {
    "class token": ({}, "cls"),
    "mean": ({"pool_type": "avg", "final_ln_after_pool": True}, "mean"),
    "attention pool": ({"attentional_pool": True, "attn_pooler_queries": 1, "attn_pooler_heads": 3}, "pool"),
    "tokens beside it": ({"output_tokens": True}, "cls"),
}


@pytest.mark.parametrize("name", TOWERS)
def test_towers(name: str) -> None:
    options, readout = TOWERS[name]
    module = open_clip_tower(**options)
    check_names(module, TokenGrid(1, 4, 4, True), readout, 0)
    check_attention(module)
    if "output_tokens" not in options:
        check_readout(module)
    check_rules(module)


def second(module: Any) -> Any:
    """Return the tower with the batch in the second place, as open_clip before its release 2.24 had it."""
    module.transformer.batch_first = False
    for block in module.transformer.resblocks:
        block.attn.batch_first = False
    return module


def test_the_batch_in_the_second_place() -> None:
    """The same weights with tokens first: the same outputs, the same attention, the same scores."""
    first, other = open_clip_tower(), second(open_clip_tower())
    torch.testing.assert_close(first(pixels()), other(pixels()))
    check_readout(other)
    check_attention(other)
    network = recognise(other)
    kept: list[torch.Tensor] = []
    other.transformer.resblocks[-1].register_forward_hook(lambda _m, _g, output: kept.append(output))
    with torch.no_grad():
        outputs = network(pixels())
        assert kept[0].shape[:2] == (17, 2)
        torch.testing.assert_close(network.classify(kept[0]), outputs)
    for spec in ("raw", "rollout", "flow"):
        torch.testing.assert_close(
            torch.as_tensor(scores_of(first, spec)), torch.as_tensor(scores_of(other, spec)), rtol=1e-4, atol=1e-6
        )
    for spec in ("libra", "attn-lrp:layers=1:2,residual=0.5"):
        one, two = (
            parse_spec(spec)(ForwardPass(wrap_model(each), pixels()).for_reference(torch.ones(1, 24))).values
            for each in (first, other)
        )
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_as_many_pictures_as_tokens_with_the_batch_in_the_second_place() -> None:
    """Shapes alone do not say which is which there: scores and norms are those of each picture alone."""
    tower = wrap_model(second(open_clip_tower()))
    crowd = torch.randn(17, *pixels().shape[1:], generator=torch.Generator().manual_seed(3))
    together = ForwardPass(tower, crowd).for_reference(torch.ones(1, 24))
    alone = [ForwardPass(tower, crowd[each : each + 1]).for_reference(torch.ones(1, 24)) for each in (0, 5)]
    scores, norms = parse_spec("libra")(together).values, together.late_norms
    assert norms is not None
    for place, one in zip((0, 5), alone, strict=True):
        own = one.late_norms
        assert own is not None
        np.testing.assert_allclose(scores[place], parse_spec("libra")(one).values[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norms[place], own[0])


def test_towers_around_timm_and_whole_models() -> None:
    around = open_clip_timm()
    check_names(around, TokenGrid(0, 4, 4, False), "pool", 0)
    check_readout(around)
    check_attention(around)
    assert "head.proj.weight" in recognise(around).parameters_above(2)
    whole = open_clip_model()
    check_names(whole, TokenGrid(1, 4, 4, True), "cls", 0)
    check_attention(whole)
    with torch.no_grad():
        torch.testing.assert_close(recognise(whole)(pixels()), whole.encode_image(pixels()))
    upper = recognise(whole).parameters_above(2)
    assert upper and all(name.startswith("visual.") for name in upper)


def test_an_embedding_has_no_predictions() -> None:
    model = wrap_model(open_clip_tower())
    assert model.num_classes == 0
    assert model.preprocess.mean == (0.48145466, 0.4578275, 0.40821073)
    assert model.preprocess.crop_pct == 1.0 and model.preprocess.size == (32, 32)


def test_pools_that_are_no_rows_of_attention_are_refused() -> None:
    with pytest.raises(ModelError, match="more than one query"):
        recognise(open_clip_tower(attentional_pool=True, attn_pooler_queries=4, attn_pooler_heads=3))
    with pytest.raises(ModelError, match="nothing reads them"):
        recognise(open_clip_tower(pool_type="none"))
