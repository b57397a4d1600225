"""The numbers in a config.json of transformers, checked before anything is built from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitexplain.models.model_values import MAX_CLASSES, as_count, as_size

_LIMITS = {
    "hidden_size": 16_384,
    "embed_dim": 16_384,
    "window_size": 1_024,
    "num_hidden_layers": 512,
    "num_attention_heads": 1_024,
    "intermediate_size": 131_072,
    "projection_dim": 16_384,
    "pooler_output_size": 16_384,
    "num_register_tokens": 1_024,
    "num_patches": 1 << 16,
    "num_channels": 64,
    "num_labels": MAX_CLASSES,
    "vocab_size": 1 << 21,
    "max_position_embeddings": 1 << 16,
}
_LISTS = {"depths": 512, "num_heads": 1_024}
"""Numbers of every stage."""
_MOST_STAGES = 16
_SIDES = ("image_size", "patch_size")


def check_values(config: Mapping[str, Any]) -> None:
    """Raise ValueError for the first number that no model has, before anything is built from it."""
    tables = [config, *(config[key] for key in ("vision_config", "text_config") if isinstance(config.get(key), dict))]
    for table in tables:
        for key, most in _LIMITS.items():
            value = table.get(key)
            if value is not None and as_count(value, 0, most) is None:
                raise ValueError(f"{key} is {_short(value)}, expected a whole number up to {most:,}")
        for key, most in _LISTS.items():
            value = table.get(key)
            stages = value if isinstance(value, list) else [0 if value is None else value]
            if len(stages) > _MOST_STAGES or any(as_count(each, 0, most) is None for each in stages):
                raise ValueError(f"{key} is {_short(value)}, expected whole numbers up to {most:,}, one a stage")
        for key in _SIDES:
            value = table.get(key)
            small = as_count(value, 1, 8) if key == "patch_size" else None
            if value is not None and as_size(value) is None and small is None:
                raise ValueError(f"{key} is {_short(value)}, expected pixels, such as {16 if small else 224}")
    names = config.get("id2label")
    if names is not None and (not isinstance(names, dict) or len(names) > MAX_CLASSES):
        raise ValueError(f"id2label is {_short(names)}, expected a table of names by number")


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
