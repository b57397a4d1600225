"""Attention graphs to measure flow on: from diffuse attention over strong attention sinks to near permutations.

    soft0.1, soft1, soft4, ...  softmax of normal logits with that standard deviation
    sink                        twelve heads that look around themselves, and at few tokens all alike
    head                        one such head alone
    sink95                      the same with 85 to 99% of the attention on the few
    thr.9, thr.97               sink without the smallest 90%, 97% of each layer
    perm                        nearly a permutation
    raggedzero                  sharp, 90% of the entries zero, rows that do not sum to 1
    onehot, eye, unif           degenerate: one token each, oneself, everybody alike

All are mixed half and half with the identity.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HEADS = 12
MAIN = ("soft0.1", "soft1", "soft4", "sink", "head", "thr.9")
HARD = ("sink95", "perm", "raggedzero")
OTHERS = ("soft8", "thr.97", "onehot", "eye", "unif")


def make_graph(name: str, depth: int = 12, tokens: int = 197, seed: int = 0) -> Floats:
    """Return capacities (L, N, N), the first layer nearest the image, of the kind called `name`."""
    rng = np.random.default_rng(seed)
    layers = np.stack([_layer(name, number / depth, tokens, rng) for number in range(depth)])
    return 0.5 * layers + 0.5 * np.eye(tokens)


def _layer(name: str, height: float, tokens: int, rng: np.random.Generator) -> Floats:
    each = np.arange(tokens)
    layer = np.zeros((tokens, tokens))
    if name == "unif":
        layer[:] = 1 / tokens
    elif name == "eye":
        layer[each, each] = 1
    elif name == "onehot":
        layer[each, rng.integers(0, tokens, tokens)] = 1
    elif name == "perm":
        layer = 0.02 * _softmax(rng.standard_normal(layer.shape))
        layer[each, rng.permutation(tokens)] += 0.98
    elif name == "raggedzero":
        layer = _softmax(3 * rng.standard_normal(layer.shape)) * (rng.random(layer.shape) < 0.1)
    elif name.startswith("soft"):
        layer = _softmax(float(name[4:]) * rng.standard_normal(layer.shape))
    elif name == "head":
        layer = _local_head(height, tokens, rng, strong=False)
    elif name.startswith(("sink", "thr")):
        heads = [_local_head(height, tokens, rng, strong=name == "sink95") for _ in range(HEADS)]
        layer = np.mean(heads, axis=0)
        if name.startswith("thr"):
            layer = np.where(layer >= np.quantile(layer, float(re.sub("[a-z]*", "", name))), layer, 0)
            layer /= np.maximum(layer.sum(1, keepdims=True), 1e-300)
    else:
        raise ValueError(f"no graph is called {name}")
    return layer


def _local_head(height: float, tokens: int, rng: np.random.Generator, *, strong: bool) -> Floats:
    """Return one head (N, N): near patches and liked keys, the wider the higher, and a share on three tokens."""
    side = max(1, round((tokens - 1) ** 0.5))
    place = np.stack(np.divmod(np.arange(tokens - 1), side), 1).astype(float)
    apart = np.full((tokens, tokens), side * side / 6)
    apart[1:, 1:] = ((place[:, None] - place[None]) ** 2).sum(-1)
    width = rng.choice([0.5, 1, 2, 4, 8, 30]) * (0.25 + 3 * height) + 0.3
    logits = -apart / (2 * width**2) + rng.uniform(0.3, 2) * rng.standard_normal(apart.shape)
    logits += rng.uniform(0.2, 1.5) * rng.standard_normal(tokens)
    share = rng.uniform(0, 0.95 if height >= 1 / 3 else 0.5)
    if strong:
        share = rng.uniform(0.85, 0.99)
    liked = np.zeros(tokens)
    liked[[0, *rng.choice(tokens, 2)]] = rng.dirichlet(np.ones(3))
    return (1 - share) * _softmax(logits) + share * liked


def _softmax(logits: Floats) -> Floats:
    raised: Floats = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Floats = raised / raised.sum(-1, keepdims=True)
    return shares
