"""open_clip_config.json, in which open_clip keeps what a model is built of, checked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitexplain.files import UnreadableError, read_regular
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.model_values import as_count, as_mean, as_size, as_std
from vitexplain.models.text_files import OPEN_CLIP_CONFIG

_OPTIONS = ("quick_gelu", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale")
_LIMITS = {
    "embed_dim": 16_384,
    "width": 16_384,
    "layers": 512,
    "head_width": 16_384,
    "heads": 1_024,
    "context_length": 1 << 16,
    "vocab_size": 1 << 21,
}
_CHOICES = {
    "interpolation": ("bicubic", "bilinear", "random"),
    "resize_mode": ("shortest", "longest", "squash"),
}
_CLEAN = ("canonicalize", "lower", "whitespace")


def open_clip_config(folder: Path) -> Mapping[str, Any] | None:
    """Return the table in a folder's open_clip_config.json; None: there is none, or it describes no model."""
    try:
        table = parse_json(read_regular(folder / OPEN_CLIP_CONFIG, MAX_BYTES))
    except (UnreadableError, ValueError):
        return None
    return table if isinstance(table, dict) and isinstance(table.get("model_cfg"), dict) else None


def checked_config(table: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the model's and the pictures' settings; ValueError for the first value that no model has."""
    cfg = table["model_cfg"]
    parts = {name: cfg.get(name) for name in ("vision_cfg", "text_cfg")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise ValueError(f"{name} is {ascii(part)[:60]}, expected a table")
    for each in (cfg, *parts.values()):
        for key, most in _LIMITS.items():
            value = each.get(key)
            if value is not None and as_count(value, 1, most) is None:
                raise ValueError(f"{key} is {ascii(value)[:60]}, expected a whole number up to {most:,}")
    if as_count(cfg.get("embed_dim"), 1, _LIMITS["embed_dim"]) is None:
        raise ValueError("embed_dim is not there, expected a whole number")
    size = parts["vision_cfg"].get("image_size")
    if size is not None and as_size(size) is None:
        raise ValueError(f"image_size is {ascii(size)[:60]}, expected pixels, such as 224")
    if "multimodal_cfg" in cfg:
        raise ValueError("multimodal_cfg describes CoCa, whose two poolings are not described here")
    if parts["text_cfg"].get("hf_model_name"):
        raise ValueError("hf_model_name: a text tower of transformers inside open_clip is not supported")
    told = parts["text_cfg"].get("tokenizer_kwargs") or {}
    if not isinstance(told, dict):
        raise ValueError(f"tokenizer_kwargs is {ascii(told)[:60]}, expected a table")
    clean = told.get("clean")
    if clean is not None and clean not in _CLEAN:
        raise ValueError(f"clean is {ascii(clean)[:60]}, expected one of {', '.join(_CLEAN)}")
    vision = {**parts["vision_cfg"], "timm_model_pretrained": False}
    made = {"embed_dim": cfg["embed_dim"], "vision_cfg": vision, "text_cfg": parts["text_cfg"]}
    made |= {key: cfg[key] for key in _OPTIONS if key in cfg}
    return {**made, "custom_text": bool(cfg.get("custom_text"))}, _preprocess(table.get("preprocess_cfg"))


def _preprocess(given: object) -> dict[str, Any]:
    kept: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    for key, read in (("mean", as_mean), ("std", as_std)):
        if kept.get(key) is not None and read(kept[key]) is None:
            raise ValueError(f"{key} is {ascii(kept[key])[:60]}, expected three numbers, [0.5, 0.5, 0.5]")
    for key, words in _CHOICES.items():
        if kept.get(key) is not None and kept[key] not in words:
            raise ValueError(f"{key} is {ascii(kept[key])[:60]}, expected one of {', '.join(words)}")
    return {key: kept[key] for key in ("mean", "std", *_CHOICES) if kept.get(key) is not None}
