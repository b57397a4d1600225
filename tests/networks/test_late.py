"""Networks that attend late: gates that no edge stands for, tokens whose layout changes, refusals and notices."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.networks.edges import check_edges, dependences, gates_of
from tests.networks.staged import build_staged, pixels_of
from vitexplain.attention import Convolved
from vitexplain.capture import LIBRA
from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.methods.integrated_gradients import _Way
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import by_token, recognise
from vitexplain.networks.merged_patches import in_a_row
from vitexplain.networks.recognise import undescribed
from vitexplain.tokens import TokenGrid


def test_gates_alone_are_held_constant_in_the_proof_of_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each convolution block has one, and with it every token depends on all."""
    module = build_staged("maxvit", depths=(1, 1, 1, 1))
    network = recognise(module)
    levels = network.levels(64, 64)
    convolutions = [layer for layer in range(1, len(levels)) if isinstance(network.place(layer, levels), Convolved)]
    gated = [name.rpartition(".se.")[0] for name in gates_of(module)]
    assert gated == [network.embedding, *(network.blocks[layer - 1] for layer in convolutions)]
    assert not dependences(module, pixels_of(module))[convolutions[0] - 1][1].all()
    monkeypatch.setattr("tests.networks.edges.gates_of", lambda _module: {})
    truth = [depends for _, depends in dependences(module, pixels_of(module))]
    below_the_last_stage = truth[: convolutions[-1]]
    assert [layer for layer, depends in enumerate(below_the_last_stage, 1) if depends.all()] == convolutions


@pytest.mark.parametrize("first", [1, 3, 4, 5])
def test_tokens_that_enter_a_layer_are_those_that_left_the_one_below(first: int) -> None:
    """Also where a map of 16 x 16 tokens with 16 channels is turned, whose shape does not tell."""
    module = build_staged("maxvit", depths=(2, 1, 1, 1))
    model = wrap_model(module)
    traced = ForwardPass(model, pixels_of(module)).traced(first)
    tokens = [by_token(left, model.network.layout_at(layer)) for layer, left in enumerate(traced.blocks, 1)]
    found = [
        by_token(each, model.network.layout_at(layer - 1)) for layer, each in enumerate(traced.entering, traced.first)
    ]
    for below, entering in zip(tokens[max(first - 2, 0) : -1], found[1 if first == 1 else 0 :], strict=True):
        torch.testing.assert_close(entering, below)


def test_parts_of_other_kinds_are_refused_with_the_reason() -> None:
    parallel = recognise(import_timm().create_model("maxvit_tiny_pm_256", depths=(1,) * 4))
    assert parallel.graphless == "its blocks attend in two ways side by side"
    assert undescribed("maxvit_tiny_pm_256") == "its blocks attend in two ways side by side"


def test_maps_say_how_convolutions_are_told() -> None:
    module = build_staged("maxvit")
    run = ForwardPass(wrap_model(module), pixels_of(module), parse_spec("rollout").fusions)
    (notice, _) = parse_spec("rollout")(run).notices
    assert notice == (
        "4 of the 14 layers are convolutions: the tokens under the kernel have equal shares, whatever their weights "
        "(see `vitexplain guide stages`)",
    )
    assert parse_spec("rollout:layers=1:2")(run).notices == ((), ())


def test_sizes_that_leave_tokens_out_of_pooled_keys_are_refused() -> None:
    network = recognise(build_staged("nextvit"))
    assert [(grid.rows, grid.cols) for grid in network.levels(64, 96)[:3]] == [(8, 12), (8, 12), (4, 6)]
    with pytest.raises(UsageError, match="72 x 64: this model takes multiples of 32 x 32"):
        network.levels(72, 64)


def test_keys_pooled_in_a_row_are_those_of_torch() -> None:
    """Average pools over 4 tokens that follow one another, across the ends of rows of 6."""
    keys = in_a_row(TokenGrid(0, 4, 6, class_token=False), 4)
    pooled = torch.nn.functional.avg_pool1d(torch.eye(24)[None], 4, 4)[0].T
    assert torch.equal(keys.share(torch.eye(6)), pooled)


@pytest.mark.parametrize(
    ("name", "size"),
    [("nextvit", (64, 96)), ("caformer", (96, 64)), ("fastvit", (96, 64)), ("fastvit, two stages", (192, 128))],
)
def test_edges_are_true_over_grids_that_are_not_square(name: str, size: tuple[int, int]) -> None:
    check_edges(build_staged(name), torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1)))


LATE = (
    "maxvit",
    "maxxvit",
    "coatnet, max",
    "coatnet, mixed stages",
    "nextvit",
    "caformer",
    "fastvit",
    "efficientformer",
)


@pytest.mark.parametrize("name", LATE)
def test_what_tokens_contribute_adds_up_at_every_layer(name: str) -> None:
    """Without constants, by the rules of LibraGrad, which hold gates constant: at each layer's input the output."""
    module = build_staged(name)
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            if key.endswith("bias"):
                parameter.zero_()
        for norm in [part for part in module.modules() if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d)]:
            norm.running_mean.zero_()  # type: ignore[union-attr]
    traced = ForwardPass(wrap_model(module.double()), pixels_of(module).double()).traced(1, LIBRA)
    explained = traced.output[:, 1].sum()
    for tokens, gradient in zip(traced.entering, torch.autograd.grad(explained, traced.entering), strict=True):
        torch.testing.assert_close((tokens * gradient).sum(), explained)


def test_parameters_above_a_layer() -> None:
    network = recognise(build_staged("maxvit"))
    above = network.parameters_above(3)
    assert not any(name.startswith(("stem.", network.embedding, *network.blocks[:2])) for name in above)
    assert {"norm.weight", "head.fc.weight"} & above
    assert sum(name.startswith(network.blocks[2]) for name in above) > 5


@pytest.mark.parametrize("name", ["nextvit", "fastvit"])
def test_gradients_of_one_picture_are_those_of_two(name: str) -> None:
    """Through BatchNorm over maps that lie as rows of tokens, where torch's own are not."""
    model = wrap_model(build_staged(name).double())
    pixels = pixels_of(model.network.module).double()
    both, alone = (
        ForwardPass(model, given, (), keys, gradients=1) for given, keys in ((pixels, ("a", "b")), (pixels[1:], ("b",)))
    )
    of_both, of_one = both.gradients.begin, alone.gradients.begin
    assert of_both is not None and of_one is not None
    torch.testing.assert_close(of_both[1:], of_one)
    assert alone.target.tolist() == [both.target[1]]
    way = _Way(alone, 0, pixels[1])
    embeddings = way.embeddings_of(pixels[1:])
    torch.testing.assert_close(way.gradients(embeddings), of_one)
    torch.testing.assert_close(way.gradients(embeddings.repeat(2, 1, 1, 1))[:1], of_one)
