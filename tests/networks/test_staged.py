"""Networks in stages: levels, readout and edges proved by gradients; logits and rows; sizes; what is refused."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import torch

from tests.networks.edges import check_edges, check_levels, check_rows
from tests.networks.staged import STAGED, build_staged, pixels_of
from vitexplain.attention import Fusion
from vitexplain.errors import LimitError, ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, gradients_asked, parse_spec
from vitexplain.methods.attn_lrp import no_rule
from vitexplain.models import wrap_model
from vitexplain.networks import recognise

REFUSED = ("legrad", "blank-out:fill=drop")


@pytest.mark.parametrize("name", STAGED)
def test_levels_blocks_and_readout(name: str) -> None:
    module = build_staged(name)
    check_levels(module, pixels_of(module))


@pytest.mark.parametrize("name", STAGED)
def test_logits_and_rows(name: str) -> None:
    module = build_staged(name)
    check_rows(module, pixels_of(module))


@pytest.mark.parametrize("name", STAGED)
def test_edges_are_true(name: str) -> None:
    module = build_staged(name)
    check_edges(module, pixels_of(module))


def test_edges_are_true_at_another_size() -> None:
    """Windows of the built size over another map: padded at the bottom and the right."""
    module = build_staged("swin, any size")
    assert recognise(module).pixels.flexible
    pixels = torch.randn(1, 3, 44, 72, generator=torch.Generator().manual_seed(1))
    check_edges(module, pixels)
    with pytest.raises(UsageError, match="42 x 72: expected multiples of the patch, 4 x 4"):
        recognise(module).levels(42, 72)
    with pytest.raises(UsageError, match="44 x 72: this model takes 56 x 56 only"):
        recognise(build_staged("swin")).levels(44, 72)


@pytest.mark.parametrize("name", STAGED)
def test_every_method_has_a_score_for_each_patch_or_says_why_not(name: str) -> None:
    model = wrap_model(build_staged(name))
    pixels = pixels_of(model.network.module)
    upper = f"layers={model.depth // 2}:{model.depth}"
    extra = [f"rollout:fusion=gradient,{upper}", f"flow:{upper}", f"attn-lrp:{upper}", "rollout:rows=kept", *REFUSED]
    for spec in [*METHODS, "rollout:discard=0.5", "attn-lrp:residual=1", *extra]:
        method = parse_spec(spec)
        asked = gradients_asked([method])
        run = ForwardPass(model, pixels, method.fusions, ("a", "b"), gradients=asked)
        reason = method.why_not(model)
        assert (reason is not None) == (spec in REFUSED and not (spec == "legrad" and run.between.plain)), spec
        if reason is not None:
            with pytest.raises(ModelError, match=re.escape(reason)):
                method(run)
            assert re.search("use relevance, attn-lrp or rollout|use fill=mean, blur or black", reason)
            continue
        found = method(run)
        assert found.values.shape == (2, run.grid.patches), spec
        assert abs(found.values).max() > 0, spec
        # An image's scores do not depend on its neighbours.
        alone = method(ForwardPass(model, pixels[1:], method.fusions, ("b",), gradients=asked))
        torch.testing.assert_close(
            torch.as_tensor(found.values[1:]),
            torch.as_tensor(alone.values),
            rtol=1e-3,
            atol=1e-4 * abs(found.values).max(),
        )


def test_heads_are_those_that_every_layer_has() -> None:
    model = wrap_model(build_staged("swin"))
    pixels = pixels_of(model.network.module)
    run = ForwardPass(model, pixels, [Fusion(), Fusion(head=0), Fusion(head=1)])
    both = (run.fused(Fusion(head=0), 1) + run.fused(Fusion(head=1), 1)) / 2
    torch.testing.assert_close(both, run.fused(Fusion(), 1))
    assert run.heads == 2
    with pytest.raises(UsageError, match="head 3 does not exist: the model has heads 0 to 1"):
        _ = ForwardPass(model, pixels, [Fusion(head=3)]).output


def test_other_pools_are_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match="it pools by 'max', which is not a weighted sum"):
        recognise(build_staged("swin", global_pool="max"))


def test_a_flow_that_the_memory_does_not_allow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrap_model(build_staged("swin"))
    run = ForwardPass(model, pixels_of(model.network.module), parse_spec("flow").fusions)
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}[name])
    with pytest.raises(LimitError, match=r"flow to 196 tokens takes about 0.0 GB.*layers above a merging"):
        parse_spec("flow")(run)
    assert parse_spec("flow:layers=4:8")(run).values.shape == (2, 196)


def test_sizes_that_leave_patches_over_of_pooled_keys_are_refused() -> None:
    module = build_staged("pvt_v2")
    assert recognise(module).levels(16, 16)[-1].patches == 1
    check_edges(module, torch.randn(1, 3, 32, 96, generator=torch.Generator().manual_seed(1)))
    for height, width in ((12, 20), (36, 44)):
        with pytest.raises(UsageError, match=f"{height} x {width}: this model takes multiples of 16 x 16"):
            recognise(module).levels(height, width)
    check_edges(build_staged("pvt_v2, linear"), torch.randn(1, 3, 36, 44, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("name", ["twins, windows", "twins, pooled keys"])
def test_twins_at_sizes_that_their_keys_divide(name: str) -> None:
    """And at no others: a convolution would carry patches that are left over into keys of their neighbours."""
    module = build_staged(name)
    check_edges(module, torch.randn(1, 3, 32, 96, generator=torch.Generator().manual_seed(1)))
    with pytest.raises(UsageError, match="36 x 64: this model takes multiples of 32 x 32"):
        recognise(module).levels(36, 64)


def test_twins_with_a_stage_of_one_block_have_no_graph() -> None:
    """The convolution after it would mix the tokens that are merged, or those that are read."""
    with pytest.raises(ModelError, match="a stage of it has one block only"):
        recognise(build_staged("twins, windows", depths=(2, 1, 2, 2)))


def test_parameters_of_twins_above_a_layer() -> None:
    """A position's convolution belongs to the second block's layer, a merging to the layer of its own."""
    network = recognise(build_staged("twins, windows"))
    parts = [{".".join(name.split(".")[:3]) for name in network.parameters_above(layer)} for layer in range(1, 5)]
    assert not any(name.startswith("patch_embeds.0") for name in parts[0])
    gone = [above - below for above, below in pairwise(parts)]
    assert gone[0] == {"blocks.0.0"}
    assert gone[1] == {"blocks.0.1", "pos_block.0.proj"}
    assert gone[2] == {"patch_embeds.1.proj", "patch_embeds.1.norm"}


@pytest.mark.parametrize("name", STAGED)
def test_the_default_method_suits_them(name: str) -> None:
    """AttnLRP has a rule for all that they compute, at the size that pictures have."""
    module = build_staged(name)
    model = wrap_model(module, image_size=None if recognise(module).pixels.built_for else (64, 64))
    assert no_rule(model) is None
