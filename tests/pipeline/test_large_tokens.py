"""Tokens of large norm: a network in which one token is made large from a layer on, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.small import tiny
from vitexplain import explain, load_model
from vitexplain.doctor import large_tokens, try_methods
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, parse_spec
from vitexplain.models.timm_import import import_timm
from vitexplain.pipeline import large_tokens as large
from vitexplain.pipeline.large_tokens import large_tokens_notice, norms_by_layer, outliers, times_median

PLACE = 21
"""The patch whose token is made large, of 8 x 8."""


def network(from_layer: int, times: float = 30.0) -> Any:
    """Return a ViT of 4 layers and 64 patches in which block `from_layer` makes one token large."""
    import_timm()
    from timm.models.vision_transformer import Block

    class Storing(Block):
        def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
            tokens = super().forward(x, attn_mask, is_causal)
            factor = torch.ones(tokens.size(1), 1)
            factor[1 + PLACE] = times
            return tokens * factor

    made = tiny(img_size=64, depth=4)
    made.blocks[from_layer - 1].__class__ = Storing
    return made


def image() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def notice(model: Any, scores: np.ndarray[Any, Any], method: str = "rollout", *, signed: bool = False) -> str | None:
    chosen = parse_spec(method)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    forward_pass = ForwardPass(load_model(model), pixels, chosen.fusions)
    return large_tokens_notice(forward_pass, 1, chosen, scores, signed=signed)


def bright(*places: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    scores = np.linspace(0, 0.1, 64)
    scores[list(places)] = 1
    return scores.reshape(8, 8)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_bright_patch_that_is_a_large_token_is_named_with_its_layer(layer: int) -> None:
    assert notice(network(layer), bright(PLACE)) == (
        f"the brightest patch is a token of unusually large norm (layer {layer} on), which models use to store "
        "information about the whole picture: do not read it as a place"
    )


def test_nothing_is_said_of_others() -> None:
    assert notice(network(2), bright(5)) is None
    assert notice(network(4), bright(PLACE)) is None, "nothing reads the tokens that leave the last layer"
    assert notice(tiny(img_size=64, depth=4), bright(PLACE)) is None
    assert notice(network(2), bright(PLACE), "random") is None
    assert notice(network(2), bright(PLACE), "blank-out") is None
    assert notice(tiny(img_size=64, depth=1), bright(PLACE)) is None
    negative = -bright(PLACE)
    assert notice(network(2), negative, "attn-lrp") is None
    assert notice(network(2), negative, "attn-lrp", signed=True) is not None


def test_outliers_by_hand() -> None:
    norms = torch.ones(2, 33)
    norms[0, 0] = 99  # a prefix token
    norms[1, 7] = 9
    assert outliers(norms, 1).nonzero().tolist() == [[1, 6]]
    patches = norms[1, 1:]
    assert float(patches.mean() + 3 * patches.std()) < 9
    assert times_median(norms, 1)[1, 6] == 9


def test_the_notice_is_in_the_result_and_costs_nothing_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # The skip connection keeps most of what starts at a patch there.
    there, elsewhere = f"rollout:source=patch:{PLACE // 8},{PLACE % 8}", "rollout:source=patch:0,0"
    stored = explain(network(2), image(), [there, elsewhere, f"{there},fusion=gradient"]).explanations
    assert [int(np.argmax(each.scores)) for each in stored] == [PLACE, 0, PLACE]
    said = [any("unusually large norm (layer 2 on)" in text for text in each.notices) for each in stored]
    assert said == [True, False, True]
    monkeypatch.setattr(large, "norms_by_layer", lambda _pass: pytest.fail("another forward pass"))
    explain(tiny(img_size=64, depth=4), image(), ["raw", "relevance"])


def test_norms_are_those_of_the_tokens_and_nothing_is_left_on_the_model() -> None:
    model = load_model(network(2))
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    seen: list[Tensor] = []
    forward_pass = ForwardPass(model, pixels)
    late = forward_pass.late_norms
    module: Any = model.network.module
    handle = module.blocks[2].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.inference_mode():
        module(pixels)
    handle.remove()
    assert late is not None
    torch.testing.assert_close(late, seen[0].norm(dim=-1))
    torch.testing.assert_close(norms_by_layer(forward_pass)[3], late)
    assert sorted(norms_by_layer(forward_pass)) == [1, 2, 3, 4]
    assert "forward" not in vars(module.blocks[2])
    with_gradients = ForwardPass(model, pixels, gradients=3).late_norms
    assert with_gradients is not None and not with_gradients.requires_grad
    torch.testing.assert_close(with_gradients, late)


def test_the_doctor_names_them_by_layer_and_what_falls_on_them() -> None:
    model = load_model(network(2))
    found = large_tokens(model)
    assert list(found) == ["layer 1", "layer 2", "layer 3", "layer 4"]
    place = [PLACE // 8, PLACE % 8]
    assert place not in found["layer 1"]["patches"]
    assert found["layer 2"]["patches"] == found["layer 3"]["patches"] == [place]
    assert found["layer 2"]["largest_times_median"] > 10
    trials = {trial.method: trial for trial in try_methods(model, large=found)}
    assert set(trials) == set(METHODS)
    shares = [trial.on_large_tokens for trial in trials.values()]
    assert all(share is not None and 0 <= share <= 1 for share in shares)
    assert all(trial.on_large_tokens is None for trial in try_methods(model))
