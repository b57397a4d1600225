"""What every adapter must hold: its names, its readout, its attention, and a module that is left as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vitexplain.attention import Fusion, resolve_source
from vitexplain.capture import ATTN_LRP, LIBRA, Rules
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, parse_spec
from vitexplain.models import wrap_model
from vitexplain.networks import recognise
from vitexplain.tokens import Readout, TokenGrid

MEAN, HEAD = Fusion(), Fusion(head=1)


def pixels(height: int = 32, width: int = 32, count: int = 2) -> Tensor:
    """Return pixels (B, 3, H, W)."""
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def check_names(module: Any, grid: TokenGrid, readout: Readout, classes: int) -> None:
    """The named modules return patches and tokens; what leaves the last block, classified, is the output."""
    network = recognise(module)
    levels = network.levels(32, 32)
    assert levels == (grid,) * (len(network.blocks) + 1)
    assert (network.readout, network.classes) == (readout, classes)
    assert list(network.state_dict()) == list(module.state_dict())
    kept: dict[str, Tensor] = {}
    watched = [module.get_submodule(name) for name in (network.embedding, *network.blocks)]
    hooks = [
        part.register_forward_hook(lambda _part, _given, output, name=name: kept.update({name: output}))
        for name, part in zip((network.embedding, *network.blocks), watched, strict=True)
    ]
    try:
        with torch.no_grad():
            outputs = network(pixels())
            torch.testing.assert_close(network.classify(kept[network.blocks[-1]]), outputs)
    finally:
        for hook in hooks:
            hook.remove()
    patches = network.by_patch(kept[network.embedding])
    assert patches.shape[:2] == (2, grid.patches)
    assert outputs.shape[0] == 2 and (not classes or outputs.shape[1] == classes)
    # Each patch's embedding depends on its own square alone: rows come before columns.
    changed = pixels()
    changed[:, :, 8:16, 24:] += 1
    with torch.no_grad():
        embedding = _embedded(network, module, changed)
    differs = (network.by_patch(embedding) - patches).abs().sum(-1)[0] > 0
    assert differs.nonzero()[:, 0].tolist() == [7]


def _embedded(network: Any, module: Any, changed: Tensor) -> Tensor:
    kept: list[Tensor] = []
    hook = module.get_submodule(network.embedding).register_forward_hook(lambda _m, _g, output: kept.append(output))
    try:
        network(changed)
    finally:
        hook.remove()
    return kept[0]


def check_readout(module: Any) -> None:
    """The outputs' gradient at the last block's tokens is zero where the source has no weight, and only there."""
    network = recognise(module)
    kept: list[Tensor] = []
    hook = module.get_submodule(network.blocks[-1]).register_forward_hook(lambda _m, _g, output: kept.append(output))
    try:
        outputs = network(pixels())
    finally:
        hook.remove()
    weights = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad((outputs * weights).sum(), kept)
    if gradient.size(0) != 2:
        gradient = gradient.transpose(0, 1)
    run = ForwardPass(wrap_model(module), pixels(), [MEAN])
    source = resolve_source("readout", run.grid, network.readout, run.pool)
    read = source.rows(run.fused(MEAN, run.layers)[..., 0]) > 0
    assert torch.equal(gradient.norm(dim=-1) > 0, read)


def check_attention(module: Any) -> None:
    """Outputs are unchanged, rows sum to 1 in every layer, gradients arrive at every layer, the module is as it was."""
    network = recognise(module)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    with torch.inference_mode():
        plain = network(pixels())
    loaded = wrap_model(module)
    run = ForwardPass(loaded, pixels(), [MEAN, HEAD], gradients=1)
    torch.testing.assert_close(run.output, plain, rtol=1e-4, atol=1e-5)
    assert run.heads == network.heads
    for layer in range(1, run.layers + 1):
        for fusion in (MEAN, HEAD):
            torch.testing.assert_close(run.fused(fusion, layer).sum(-1), torch.ones(2, run.grid.tokens))
        calls = run.trace.calls
        (gradient,) = torch.autograd.grad(run.trace.output.sum(), calls[layer].node, retain_graph=True)
        assert gradient.abs().max() > 0
    without = ForwardPass(loaded, pixels(), [MEAN])
    torch.testing.assert_close(without.fused(MEAN, 1), run.fused(MEAN, 1))
    assert (run.pool is not None) == (network.readout == "pool")
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())


def check_other_sizes(module: Any) -> None:
    """A network that takes other sizes has the tokens that it says for a rectangle."""
    network = recognise(module)
    run = ForwardPass(wrap_model(module), pixels(48, 24), [MEAN])
    assert (run.grid.rows, run.grid.cols) == (6, 3)
    assert run.fused(MEAN, 1).shape == (2, run.grid.tokens, run.grid.tokens)
    assert network.pixels.flexible


def scores_of(module: Any, spec: str) -> Any:
    """Return a method's scores (B, P) for a module."""
    method = parse_spec(spec)
    run = ForwardPass(wrap_model(module), pixels(), method.fusions, ("a", "b"), gradients="gradients" in method.needs)
    return method(run).values


ALL_SPECS = [*METHODS, "rollout:fusion=gradient", "blank-out:fill=drop"]


def check_same_scores(one: Any, other: Any, specs: list[str] | None = None) -> None:
    """Two modules with the same weights have the same scores."""
    for spec in specs or ALL_SPECS:
        first, second = (torch.as_tensor(scores_of(module, spec)) for module in (one, other))
        assert first.abs().max() > 0, spec
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4 * float(first.abs().max()), msg=spec)


def check_rules(module: Any) -> None:
    """Every function has a rule; without biases the tokens' scores at each block's input add up to the output."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    run = ForwardPass(wrap_model(module.double()), pixels().double())
    traced = run.traced(1, LIBRA)
    entering, output = traced.entering, traced.output
    torch.testing.assert_close(output.float(), run.output, rtol=1e-4, atol=1e-5)
    explained = (output * torch.randn(output.shape, generator=torch.Generator().manual_seed(2))).sum()
    gradients = torch.autograd.grad(explained, entering)
    assert len(entering) == run.layers
    for tokens, gradient in zip(entering, gradients, strict=True):
        torch.testing.assert_close((tokens * gradient).sum(), explained)
    for rules in (ATTN_LRP, Rules("attn-lrp", residual=0.5)):
        traced = run.traced(1, rules)
        assert all(each.isfinite().all() for each in torch.autograd.grad(traced.output.sum(), traced.entering))
