"""What a module reads of the tokens that leave the last layer, found by changing them and looking at the output."""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.capture import TracedCall, capture, with_gradients
from vitexplain.errors import ModelError
from vitexplain.models.one_run import UndescribedError, alike
from vitexplain.networks import Network
from vitexplain.networks.inside import Inside
from vitexplain.tokens import Readout, TokenGrid


def readout_of(around: Inside, tokens: Tensor, grid: TokenGrid, *, alone: bool) -> Readout:
    """Return what the module reads of its last tokens (1, N, D), which lie as `grid` says.

    `alone`: there is no layer beside the transformer, so that a classifier of zeros, as it is created, is its own.
    UndescribedError: nothing of them, or something that is none of the readouts.
    """
    noise = torch.randn(tokens.shape, generator=torch.Generator().manual_seed(1)).to(tokens) * tokens.std()
    patches = slice(grid.prefix, grid.tokens)
    variants = tokens.repeat(grid.prefix + 4, 1, 1)
    for place in range(grid.prefix):
        variants[place + 1, place] += noise[0, place]
    variants[-3, patches] += noise[0, patches]
    variants[-2, patches] = tokens[0, patches].flip(0)
    variants[-1] = tokens[0].flip(0)
    with torch.no_grad():
        outputs = around.classify(variants)
    same = [alike(output, outputs[0]) for output in outputs]
    prefix = tuple(place for place in range(grid.prefix) if not same[place + 1])
    own = _own_readout(around.inner)
    read_patches, in_any_order, all_in_any_order = not same[-3], same[-2], same[-1]
    if not read_patches and prefix == (0,) and grid.class_token:
        return "cls"
    if not read_patches and prefix == (0, 1) and own == "distilled":
        return "distilled"
    if read_patches and own == "pool" and _reads_pool(around, tokens):
        return "pool"
    if read_patches and in_any_order and not prefix:
        return "mean"
    if read_patches and all_in_any_order and len(prefix) == grid.prefix:
        return "mean-all"
    if read_patches and in_any_order and prefix == (0,) and grid.class_token:
        return "cls-mean"
    if not read_patches and not prefix:
        if alone and own is not None:
            return own
        raise UndescribedError("its output does not depend on the tokens that leave the last layer")
    words = [*(f"token {place}" for place in prefix[:5]), *(["the patches"] if read_patches else [])]
    raise UndescribedError(f"what it reads of the last layer ({' and '.join(words)}) is neither a token nor a mean")


def _reads_pool(around: Inside, tokens: Tensor) -> bool:
    """Return whether the output depends on the weights of the transformer's attention pool, which may run unread."""
    pools: list[TracedCall] = []
    leaf = tokens.clone().requires_grad_()
    try:
        with with_gradients():
            output = capture(around.classify, leaf, lambda *_: None, pools.append).float().square().sum()
            read = [torch.autograd.grad(output, pool.node, retain_graph=True, allow_unused=True)[0] for pool in pools]
    except (RuntimeError, NotImplementedError):  # gradients do not pass: then it cannot be told
        return True
    return any(gradient is not None for gradient in read)


def _own_readout(inner: Network) -> Readout | None:
    """Return what the transformer's own classifier reads, None where that is not described."""
    try:
        return inner.readout
    except ModelError:
        return None
