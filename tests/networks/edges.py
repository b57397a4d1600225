"""The proof that a network's edges are true: what a layer's tokens depend on is what the graph says that they read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vitexplain.attention import Fusion, Mixing
from vitexplain.forward_pass import ForwardPass
from vitexplain.models import wrap_model
from vitexplain.networks import by_token, recognise
from vitexplain.networks.twin import twin_of

NOTHING = 1e-20
"""Less than this share of the largest gradient is none: of what Swin masks, e to the -100, 4e-44, is left."""


def dependences(module: Any, pixels: Tensor, most: int | None = None) -> list[tuple[Tensor, Tensor]]:
    """Return for each layer tokens above (T,), and which below (M,) they depend on, (T, M), by gradients.

    All tokens, or `most` of them, drawn at random.
    """
    network = recognise(module)
    found: list[tuple[Tensor, Tensor]] = []
    below: list[Tensor] = []

    def look(forward: Any, tokens: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not below:  # the tokens that enter layer 1
            tokens = tokens.detach().requires_grad_()
            below.append(tokens)
        output: Tensor = forward(tokens, *args, **kwargs)
        generator = torch.Generator().manual_seed(len(found))
        rows = []
        of_below, of_output = (network.layout_at(level) for level in (len(found), len(found) + 1))
        drawn = torch.randperm(by_token(output, of_output).size(1), generator=generator)[:most].sort().values
        for token in drawn.tolist():
            of_token = by_token(output, of_output)[0, token]
            weighed = (of_token * torch.randn(of_token.shape, generator=generator)).sum()
            (some,) = torch.autograd.grad(weighed, output, retain_graph=True)
            # Laid out as the output is: torch 2.13's BatchNorm mistakes gradients of another layout on a CPU.
            some = some.contiguous()
            (gradient,) = torch.autograd.grad(output, below[-1], some, retain_graph=True)
            rows.append(by_token(gradient, of_below)[0].norm(dim=-1))
        found.append((drawn, torch.stack(rows)))
        below.append(output.detach().requires_grad_())
        return below[-1]

    with torch.enable_grad():
        twin_of(module, {**dict.fromkeys(network.blocks, look), **gates_of(module)})(pixels[:1])
    return [(drawn, rows > NOTHING * rows.max()) for drawn, rows in found]


def gates_of(module: Any) -> dict[str, Any]:
    """Return what holds the gates of squeeze-and-excitation constant: all tokens have a part in them, by no edge."""
    squeezing = [name for name, part in module.named_modules() if type(part).__name__ == "SEModule"]
    return dict.fromkeys((f"{name}.gate" for name in squeezing), lambda forward, given: forward(given).detach())


def check_edges(module: Any, pixels: Tensor, most: int | None = None) -> None:
    """A token depends on another below if, and only if, the graph has an edge between them, in every layer.

    All tokens above are looked at, or `most` of each layer's.
    """
    run = ForwardPass(wrap_model(module), pixels[:1], [Fusion()])
    truth = dependences(module, pixels, most)
    assert len(truth) == run.layers
    for layer, (drawn, depends) in enumerate(truth, 1):
        place = run.between.places[layer - 1]
        edges = place.layer(run.fused(Fusion(), layer), Mixing(0.5, dtype=torch.float64)).matrix[0, drawn] > 0
        wrong = (edges != depends).nonzero().tolist()
        assert not wrong, f"layer {layer}: (above, below) {wrong[:5]} of {len(wrong)}"


def check_rows(module: Any, pixels: Tensor) -> None:
    """Logits under capture are the plain ones; the rows of every layer of the graph, and the rollout, sum to 1."""
    with torch.no_grad():
        plain = recognise(module)(pixels)
    run = ForwardPass(wrap_model(module), pixels, [Fusion()])
    torch.testing.assert_close(run.output, plain.float(), rtol=1e-4, atol=1e-5)
    graph = run.graph(Fusion(), residual=0.5, discard=0.0, source="readout")
    for layer, above in zip(graph.layers, run.levels[1:], strict=True):
        torch.testing.assert_close(layer.matrix.sum(-1), torch.ones(len(pixels), above.tokens))
    torch.testing.assert_close(graph.roll_out().sum(-1), torch.ones(len(pixels)))


def check_levels(module: Any, pixels: Tensor) -> None:
    """The embedding and the blocks return what the levels say; what leaves the last one, classified, is the output.

    The outputs' gradient there is zero where the readout has no weight, and only there.
    """
    network = recognise(module)
    levels = network.levels(pixels.size(-2), pixels.size(-1))
    assert len(levels) == len(network.blocks) + 1
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def after(forward: Any, *args: Any, **kwargs: Any) -> Tensor:
            kept[name] = forward(*args, **kwargs)
            return kept[name]

        return after

    names = (network.embedding, *network.blocks)
    outputs = network.with_module(twin_of(module, {name: keep(name) for name in names}))(pixels)
    assert network.by_patch(kept[network.embedding]).shape[:2] == (len(pixels), levels[0].patches)
    for number, (name, level) in enumerate(zip(network.blocks, levels[1:], strict=True), 1):
        assert by_token(kept[name], network.layout_at(number)).shape[:2] == (len(pixels), level.tokens), name
    last = kept[network.blocks[-1]]
    torch.testing.assert_close(network.classify(last), outputs)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), last)
    read = by_token(gradient, network.layout_at(len(network.blocks))).norm(dim=-1) > 0
    run = ForwardPass(wrap_model(module), pixels, [Fusion()])
    graph = run.graph(Fusion(), residual=0.5, discard=0.0, source="readout")
    assert torch.equal(read, graph.source.rows(graph.layers[-1].own) > 0)
    assert run.heads == network.heads
