"""What a table of weights looks like: the library that wrote it, width, layers, patches, positions, pooling."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    State = Mapping[str, torch.Tensor]

PATCHES = {
    "patch_embed.proj.weight": "timm",
    "patch_embed.projection.weight": "mmpretrain",
    "embeddings.patch_embeddings.projection.weight": "transformers",
    "embeddings.patch_embeddings.weight": "transformers",
    "embeddings.patch_embedding.weight": "transformers",
    "conv_proj.weight": "torchvision",
    "conv1.weight": "open_clip",
    "to_patch_embedding.1.weight": "vit-pytorch",
    "to_patch_embedding.2.weight": "vit-pytorch",
}
"""The patch projection by which a vision transformer is known, and whose it is. The longest ending counts."""

_BESIDE = {
    "transformers": re.compile(r"(?:encoder\.layers?|layer|encoder\.layer)\.(\d{1,4})\."),
    "torchvision": re.compile(r"encoder\.layers\.encoder_layer_(\d{1,4})\."),
    "open_clip": re.compile(r"transformer\.resblocks\.(\d{1,4})\."),
    "mmpretrain": re.compile(r"layers\.(\d{1,4})\."),
    "vit-pytorch": re.compile(r"transformer\.layers\.(\d{1,4})\."),
    "timm": re.compile(r"blocks\.(\d{1,4})\."),
}
"""The layers beside it: a network without them is another one (a ResNet has a conv1, too)."""

_POSITIONS = (
    "pos_embed",
    "embeddings.position_embeddings",
    "embeddings.position_embedding.weight",
    "encoder.pos_embedding",
    "positional_embedding",
    "pos_embedding",
)
_CLASS_TOKENS = ("cls_token", "embeddings.cls_token", "class_token", "embeddings.class_embedding", "class_embedding")
_REGISTERS = ("reg_token", "register_tokens", "embeddings.register_tokens", "storage_tokens")
_DISTILLED = ("dist_token", "embeddings.distillation_token")
_MOST_PATCHES = 1 << 14
_ALIKE, _AHEAD = 0.2, 0.2
"""Mean cosines of positions one row apart: at least so much, and so much more than of other numbers of columns."""


@dataclass(frozen=True)
class Looks:
    """What is known from names and shapes. `grid` is (rows, cols) of patches, None where no positions tell it.

    `guessed_grid`: the patches are no square, and nothing in the weights told apart rows and columns.
    `pooling` is "avg" or "map" where the weights tell it, None where they do not. `classes`: outputs of the classifier,
    or of the projection of CLIP's tower.
    """

    library: str
    width: int
    depth: int
    patch: tuple[int, int] | None
    prefix: int
    registers: int
    positions: int | None
    grid: tuple[int, int] | None
    guessed_grid: bool
    pooling: str | None
    classes: int | None

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The size (height, width) in pixels of the pictures in training; None: the weights do not tell it."""
        if self.grid is None or self.patch is None:
            return None
        return self.grid[0] * self.patch[0], self.grid[1] * self.patch[1]

    def __str__(self) -> str:
        """Return width, layers and patches in words."""
        patches = "" if self.patch is None else f", patches of {sides(self.patch)}"
        return f"{self.width:,} wide, {self.depth:,} layers{patches}"


def looks_of(state: State) -> Looks | None:
    """Return what a network's weights look like, by the names of its own library without prefix; None: no patches."""
    ending = next((ending for ending in PATCHES if ending in state and is_network(state, "", ending)), None)
    if ending is None:
        return None
    library = PATCHES[ending]
    weight = state[ending]
    layers = {int(found[1]) for key in state if (found := _BESIDE[library].match(key))}
    prefix = sum(any(name in state for name in names) for names in (_CLASS_TOKENS, _DISTILLED))
    registers = next((int(state[name].shape[-2]) for name in _REGISTERS if name in state and state[name].ndim >= 2), 0)
    positions = next((state[name] for name in _POSITIONS if name in state), None)
    count = None if positions is None or positions.ndim < 2 else int(positions.shape[-2])
    grid, guessed = _relative_grid(state), False
    if positions is not None:
        grid, guessed = _grid(positions, {prefix, 0, 1, prefix + registers})
    return Looks(
        library=library,
        width=int(weight.shape[0]),
        depth=max(layers, default=-1) + 1,
        patch=(int(weight.shape[2]), int(weight.shape[3])) if weight.ndim == 4 else _flat_patch(weight),
        prefix=prefix + registers,
        registers=registers,
        positions=count,
        grid=grid,
        guessed_grid=guessed,
        pooling="map" if any(key.startswith("attn_pool.") for key in state) else _average(state),
        classes=_classes(state),
    )


def is_network(state: State, prefix: str, ending: str) -> bool:
    """Whether the patch projection `prefix + ending` stands beside layers of its library."""
    weight = state[prefix + ending]
    if weight.ndim not in (2, 4) or weight.numel() == 0:
        return False
    beside = _BESIDE[PATCHES[ending]]
    return any(key.startswith(prefix) and beside.match(key, len(prefix)) for key in state)


def sides(size: tuple[int, int]) -> str:
    """Return a size (height, width) in words."""
    return f"{size[0]} x {size[1]}"


def _classes(state: State) -> int | None:
    """Return the outputs of the classifier (C, D), or of the projection (D, C) of which timm makes CLIP's."""
    classifier, projection = state.get("head.weight"), state.get("proj")
    if classifier is None and projection is not None and "conv1.weight" in state:
        return int(projection.shape[1]) if projection.ndim == 2 else None
    return int(classifier.shape[0]) if classifier is not None and classifier.ndim == 2 else None


def classes_of(state: State) -> int | None:
    """Return the outputs of the classifier of a network in stages, by the names that timm gives; None: it has none."""
    heads = [state[name] for name in ("head.fc.weight", "head.weight", "head.linear.weight") if name in state]
    return int(heads[0].shape[0]) if heads and heads[0].ndim == 2 else None


def _average(state: State) -> str | None:
    return "avg" if "fc_norm.weight" in state else None


def _flat_patch(weight: torch.Tensor) -> tuple[int, int] | None:
    """Return the patch of a projection that is kept as a matrix (width, channels * height * width)."""
    side = math.isqrt(int(weight.shape[-1]) // 3)
    return (side, side) if weight.ndim == 2 and side > 0 and side * side * 3 == weight.shape[-1] else None


def _grid(positions: torch.Tensor, prefixes: set[int]) -> tuple[tuple[int, int] | None, bool]:
    """Return the rows and columns of the patches that position embeddings (1, N, D) belong to, and if it is a guess."""
    if positions.ndim == 4:  # (1, rows, cols, D)
        return (int(positions.shape[1]), int(positions.shape[2])), False
    if positions.ndim not in (2, 3) or positions.numel() == 0:
        return None, False
    count = int(positions.shape[-2])
    counts = [count - prefix for prefix in sorted(prefixes, reverse=True) if count > prefix]
    square = next((patches for patches in counts if math.isqrt(patches) ** 2 == patches), None)
    patches = square or (counts[0] if counts else 0)
    trained = _most_alike(positions.reshape(count, -1)[count - patches :])
    if trained is not None:
        return trained, False
    if square:
        return (math.isqrt(square), math.isqrt(square)), False
    wide = [(rows, cols) for rows, cols in _shapes(patches) if rows <= cols]
    return (min(wide, key=lambda pair: pair[1] - pair[0]), True) if wide else (None, False)


def _relative_grid(state: State) -> tuple[int, int] | None:
    """Return the square of patches that a table of relative positions belongs to: (2 rows - 1)(2 cols - 1) + 3 rows."""
    table = next((value for key, value in state.items() if key.endswith(".relative_position_bias_table")), None)
    if table is None or table.ndim != 2:
        return None
    for others in (3, 0):  # from the class token, to it, and to itself
        side = math.isqrt(max(0, int(table.shape[0]) - others))
        if side % 2 and side * side == table.shape[0] - others:
            return (side + 1) // 2, (side + 1) // 2
    return None


def _shapes(patches: int) -> list[tuple[int, int]]:
    """Return the rows and columns that so many patches can have, up to four times as long as wide."""
    if not 0 < patches <= _MOST_PATCHES:
        return []
    pairs = [(patches // cols, cols) for cols in range(2, patches // 2 + 1) if patches % cols == 0]
    return [pair for pair in pairs if max(pair) <= 4 * min(pair)]


def _most_alike(positions: torch.Tensor) -> tuple[int, int] | None:
    """Return the rows and columns that trained positions (P, D) show; None: they show none, as random ones.

    A trained patch resembles the one below it: the number of columns is the distance at which positions are most alike.
    A square needs no such proof: anything else must be clearly better.
    """
    import torch

    pairs = _shapes(len(positions))
    if len(pairs) < 2 or positions.device.type != "cpu" or not positions.is_floating_point():
        return None
    centred = torch.nn.functional.normalize(positions.float() - positions.float().mean(0), dim=1)
    alike = {pair: float((centred[pair[1] :] * centred[: -pair[1]]).sum(1).mean()) for pair in pairs}
    best, second = sorted(pairs, key=lambda pair: alike[pair], reverse=True)[:2]
    square = next((pair for pair in pairs if pair[0] == pair[1]), None)
    ahead = alike[best] - alike[second if square is None else square]
    return best if alike[best] > _ALIKE and best != square and ahead > (_AHEAD if square else _AHEAD / 4) else None
