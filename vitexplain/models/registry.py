"""timm's names: which exist, which can be used, and which are meant by a name that does not exist."""

from __future__ import annotations

import difflib
import fnmatch
import re
from dataclasses import dataclass
from typing import Any

from vitexplain.errors import ModelError
from vitexplain.models.builtin import network as builtin
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import described_modules, refusal, undescribed

BUILTIN = "builtin"

_PATCH = re.compile(r"_patch(\d+)")


@dataclass(frozen=True)
class ModelRow:
    """One usable model: `pretrained` says whether timm knows weights for it; `size` in pixels, `classes` 0 for none."""

    name: str
    pretrained: bool
    size: tuple[int, int]
    patch: int | None
    classes: int


def list_models(pattern: str | None = None) -> list[ModelRow]:
    """Return the models that can be used, the built-in one first, then timm's by name.

    `pattern` has wildcards (`vit_*_dinov2*`), or is a part of the name. A model without weights in timm stands there
    by its bare name and needs a file of weights. `patch` is None where the name does not tell it.
    """
    timm = import_timm()
    rows = [ModelRow(BUILTIN, True, (builtin.SIZE, builtin.SIZE), builtin.PATCH, builtin.CLASSES)]
    described = {name for module in described_modules() for name in timm.list_models(module=module)}
    tagged: dict[str, list[str]] = {}
    for full_name in timm.list_pretrained():
        tagged.setdefault(full_name.partition(".")[0], []).append(full_name)
    for name in timm.list_models():
        if name in described and undescribed(name) is None:
            rows += [_row(timm, full_name, True) for full_name in tagged.get(name, ())] or [_row(timm, name, False)]
    if pattern is None:
        return rows
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return [row for row in rows if fnmatch.fnmatchcase(row.name.lower(), wanted.lower())]


def is_known(name: str) -> bool:
    """Whether `name` is the built-in model's or one of timm's, with or without a tag."""
    return name == BUILTIN or bool(import_timm().is_model(name.partition(".")[0]))


def check_name(name: str) -> None:
    """Raise ModelError if timm does not know `name` (the nearest ones are told), or the graph does not describe it."""
    timm = import_timm()
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        usable = list(dict.fromkeys(row.name.partition(".")[0] for row in list_models()))
        raise ModelError(f"model {name!r}: unknown{_nearest(name, usable)}: see vitexplain models")
    if tag and tag not in _tags(timm, architecture):
        known = [f"{architecture}.{known_tag}" for known_tag in _tags(timm, architecture)]
        raise ModelError(
            f"model {name!r}: unknown weights{_nearest(name, known)}: see vitexplain models {architecture}"
        )
    module = _module(timm, architecture)
    reason = undescribed(architecture)
    if module not in described_modules() or reason is not None:
        raise refusal(name, module, reason)


def flexible_options(name: str) -> dict[str, object]:
    """Return the options with which timm builds `name` for any image size, none where its own size is no whole patches.

    (vit_so400m_patch14_siglip_384 leaves the last 6 pixels of 384 out; built flexible, timm would refuse 384.)
    """
    cfg = import_timm().models.get_pretrained_cfg(name)
    found = _PATCH.search(name)
    if cfg is not None and found and any(side % int(found[1]) for side in cfg.input_size[1:]):
        return {}
    return {"dynamic_img_size": True}


def _tags(timm: Any, architecture: str) -> list[str]:
    names = timm.list_models(f"{architecture}.*", pretrained=True, include_tags=True)
    return [name.partition(".")[2] for name in names]


def _module(timm: Any, architecture: str) -> str:
    entry = timm.model_entrypoint(architecture)
    return str(entry.__module__).rpartition(".")[2]


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    return f", the nearest are {', '.join(near)}" if near else ""


def _row(timm: Any, name: str, pretrained: bool) -> ModelRow:
    cfg = timm.models.get_pretrained_cfg(name)
    height, width = (224, 224) if cfg is None else cfg.input_size[1:]
    found = _PATCH.search(name)
    return ModelRow(name, pretrained, (height, width), int(found[1]) if found else None, cfg.num_classes if cfg else 0)
