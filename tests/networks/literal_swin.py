"""Swin's attention graph, token by token in plain loops from its weights: what the blocks of the package must equal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.literal import Matrix

Cell = tuple[int, int]


def graph_of(module: Any, pixels: Tensor, residual: float = 0.5) -> list[Matrix]:
    """Return the layers as dense matrices, the first nearest the image, for pixels (1, 3, H, W) through timm's Swin."""
    tokens = module.patch_embed(pixels)
    made: list[Matrix] = []
    for stage in module.layers:
        if hasattr(stage.downsample, "reduction"):
            made.append(_merged(*tokens.shape[1:3]))
            tokens = stage.downsample(tokens)
        for block in stage.blocks:
            attention = _attention(block, tokens[0])
            made.append((1 - residual) * attention + residual * np.eye(len(attention)))
            tokens = block(tokens)
    return made


def _merged(rows: int, cols: int) -> Matrix:
    above = math.ceil(rows / 2), math.ceil(cols / 2)
    matrix = np.zeros((above[0] * above[1], rows * cols))
    for row in range(rows):
        for col in range(cols):
            matrix[(row // 2) * above[1] + col // 2, row * cols + col] = 1
    return np.asarray(matrix / matrix.sum(1, keepdims=True))


def _attention(block: Any, tokens: Tensor) -> Matrix:
    """Return the mean over heads, (N, N), each row divided by its sum over real tokens."""
    rows, cols, width = tokens.shape
    (high, wide), (down, right) = block.window_size, block.shift_size
    heads = block.attn.num_heads
    normed = block.norm1(tokens)
    query, key, _ = block.attn.qkv(normed).reshape(rows, cols, 3, heads, width // heads).unbind(2)
    padding = block.attn.qkv(torch.zeros(width, dtype=tokens.dtype)).reshape(3, heads, width // heads)[1]
    padded = math.ceil(rows / high) * high, math.ceil(cols / wide) * wide
    table = block.attn.relative_position_bias_table

    def at(cell: Cell) -> Cell | None:
        """Return the token that lies in a cell of the rolled and padded map, None for padding."""
        return ((cell[0] + down) % rows, (cell[1] + right) % cols) if cell[0] < rows and cell[1] < cols else None

    def region(cell: Cell) -> tuple[int, int]:
        def part(place: int, size: int, side: int, shift: int) -> int:
            return 0 if place < size - side else 1 if place < size - shift else 2

        if not (down or right):
            return 0, 0
        return part(cell[0], padded[0], high, down), part(cell[1], padded[1], wide, right)

    found = np.zeros((rows * cols, rows * cols))
    cells = [(row, col) for row in range(padded[0]) for col in range(padded[1])]
    for reader in cells:
        token = at(reader)
        if token is None:
            continue
        window = [
            cell for cell in cells if (cell[0] // high, cell[1] // wide) == (reader[0] // high, reader[1] // wide)
        ]
        for head in range(heads):
            scores = []
            for cell in window:
                read = at(cell)
                of_read = padding[head] if read is None else key[read[0], read[1], head]
                score = float(query[token[0], token[1], head] @ of_read) / math.sqrt(width // heads)
                offset = reader[0] - cell[0] + high - 1, reader[1] - cell[1] + wide - 1
                score += float(table[offset[0] * (2 * wide - 1) + offset[1], head])
                scores.append(score if region(cell) == region(reader) else -math.inf)
            exps = [math.exp(score - max(scores)) for score in scores]
            for cell, weight in zip(window, exps, strict=True):
                read = at(cell)
                if read is not None:
                    found[token[0] * cols + token[1], read[0] * cols + read[1]] += weight / sum(exps) / heads
    return np.asarray(found / found.sum(1, keepdims=True))
