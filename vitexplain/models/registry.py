"""timm's names: which exist, which can be used, and which are meant by a name that does not exist."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitexplain.errors import ModelError, UsageError
from vitexplain.images.files import shown
from vitexplain.likeness import alike
from vitexplain.models.builtin import network as builtin
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import described_modules, graphless_modules, refusal, undescribed

BUILTIN = "builtin"

_PATH_BYTES, _PART_BYTES = 4_095, 255
"""Bytes of the longest path, and of one name in it, that file systems take; timm's names are shorter."""

_PATCH = re.compile(r"_patch(\d+)")


@dataclass(frozen=True)
class ModelRow:
    """One usable model: `pretrained` says whether timm knows weights for it; `size` in pixels, `classes` 0 for none.

    `graph`: whether there is a graph of attention, as rollout and flow need.
    """

    name: str
    pretrained: bool
    size: tuple[int, int]
    patch: int | None
    classes: int
    graph: bool = True


def list_models(pattern: str | None = None) -> list[ModelRow]:
    """Return the models that can be used by name, the built-in one first, then timm's, then torchvision's.

    `pattern` has wildcards (`vit_*_dinov2*`), or is a part of the name. A model without weights in timm stands there
    by its bare name and needs a file of weights. `patch` is None where the name does not tell it.
    """
    timm = import_timm()
    rows = [ModelRow(BUILTIN, True, (builtin.SIZE, builtin.SIZE), builtin.PATCH, builtin.CLASSES)]
    modules = (*described_modules(), *graphless_modules())
    described = {name for module in modules for name in timm.list_models(module=module)}
    tagged: dict[str, list[str]] = {}
    for full_name in timm.list_pretrained():
        tagged.setdefault(full_name.partition(".")[0], []).append(full_name)
    for name in timm.list_models():
        if name in described and _refused(timm, name, name) is None:
            names = tagged.get(name, ())
            rows += [_row(timm, each, True) for each in names] or [_row(timm, name, False)]
    rows += torchvision_rows()
    return [row for row in rows if is_like(row.name, pattern)]


def is_like(name: str, pattern: str | None) -> bool:
    """Return whether a name matches a pattern with wildcards, or has it in it, whatever the case; all match None."""
    if pattern is None:
        return True
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return fnmatch.fnmatchcase(name.lower(), wanted.lower())


def refused_like(pattern: str) -> ModelError | None:
    """Return why the first of timm's models with such a name cannot be used; None: there is none, or it can be."""
    timm = import_timm()
    names = [name for name in timm.list_models() if is_like(name, pattern)]
    for name in sorted(names, key=lambda name: not name.startswith(pattern.lower())):
        if refused := _refused(timm, name, name):
            return refused
    return None


def torchvision_rows() -> list[ModelRow]:
    """Return torchvision's vision transformers and Swins, at the size and classes of its default weights."""
    import_timm()
    from torchvision import models

    from vitexplain.models.torchvision_model import NAMES

    rows = []
    for name in models.list_models(include=NAMES):
        meta = next(iter(models.get_model_weights(name))).meta
        last = name.rpartition("_")[2]
        patch = int(last) if last.isdigit() else 4
        rows.append(ModelRow(f"torchvision:{name}", True, tuple(meta["min_size"]), patch, len(meta["categories"])))
    return rows


def is_known(name: str) -> bool:
    """Whether `name` is the built-in model's or one of timm's, with or without a tag."""
    return name == BUILTIN or bool(import_timm().is_model(name.partition(".")[0]))


def check_possible_name(name: str) -> None:
    """Raise UsageError if no model and no folder can have the name: empty, too long, or with what cannot be printed."""
    if not isinstance(name, str):
        raise UsageError(f"model {type(name).__name__}: expected a name of timm or the path of a folder, as text")
    try:
        longest, whole = max(len(os.fsencode(part)) for part in name.split("/")), len(os.fsencode(name))
    except UnicodeEncodeError:
        longest, whole = 0, 0
    if longest > _PART_BYTES or whole > _PATH_BYTES:
        raise UsageError(f"model '{shown(name[:40])}...': a name of {len(name):,} characters: see vitexplain models")
    if not longest or not name.strip() or any(sign in name for sign in "\0\n\r"):
        raise UsageError(f"model '{shown(name[:40])}': not a possible name: see vitexplain models")


def current_name(name: str) -> str:
    """Return the name that timm has now for a model that older releases called `name`; others as they are."""
    new = _renamed().get(name)
    return name if new is None else new


def check_name(name: str) -> str:
    """Return timm's present name of the model; ModelError if timm does not know `name`, the nearest ones are told.

    ModelError as well if the graph does not describe it; UsageError: it cannot be a name.
    """
    check_possible_name(name)
    timm = import_timm()
    name = current_name(name)
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        usable = list(dict.fromkeys(row.name.partition(".")[0] for row in list_models()))
        if not alike(name, usable) and (refused := refused_like(f"{architecture}*")):
            raise refused
        raise ModelError(f"model {name!r}: unknown{_nearest(name, usable)}: see vitexplain models")
    if tag and tag not in _tags(timm, architecture):
        known = [f"{architecture}.{known_tag}" for known_tag in _tags(timm, architecture)]
        raise ModelError(
            f"model {name!r}: unknown weights{_nearest(name, known)}: see vitexplain models {architecture}"
        )
    if refused := _refused(timm, architecture, name):
        raise refused
    return name


def _refused(timm: Any, architecture: str, name: str) -> ModelError | None:
    """Return why the model of an architecture, called `name` by the user, cannot be used; None: it can be."""
    module, reason = _module(timm, architecture), undescribed(architecture)
    classifies = not architecture.endswith("_enc")  # timm's name for what only encodes, for a language model, say
    if classifies and (module in graphless_modules() or (reason is None and module in described_modules())):
        return None
    return refusal(name, module, reason)


def flexible_options(name: str) -> dict[str, object]:
    """Return the options with which timm builds `name` for any image size, none where its own size is no whole patches.

    (vit_so400m_patch14_siglip_384 leaves the last 6 pixels of 384 out; built flexible, timm would refuse 384.)
    """
    cfg = import_timm().models.get_pretrained_cfg(name)
    found = _PATCH.search(name)
    if cfg is not None and found and any(side % int(found[1]) for side in cfg.input_size[1:]):
        return {}
    return {"dynamic_img_size": True}


def _renamed() -> Mapping[str, str]:
    """Return timm's table of names that changed; empty where this timm keeps none."""
    import_timm()
    from timm.models import _registry

    table = getattr(_registry, "_deprecated_models", {})
    return {old: new for old, new in table.items() if isinstance(old, str) and isinstance(new, str)}


def _tags(timm: Any, architecture: str) -> list[str]:
    names = timm.list_models(f"{architecture}.*", pretrained=True, include_tags=True)
    return [name.partition(".")[2] for name in names]


def _module(timm: Any, architecture: str) -> str:
    entry = timm.model_entrypoint(architecture)
    return str(entry.__module__).rpartition(".")[2]


def _nearest(name: str, known: list[str]) -> str:
    near = alike(name, known, 3)
    return f", the nearest are {', '.join(near)}" if near else ""


def _row(timm: Any, name: str, pretrained: bool) -> ModelRow:
    cfg = timm.models.get_pretrained_cfg(name)
    height, width = (224, 224) if cfg is None else cfg.input_size[1:]
    found = _PATCH.search(name)
    architecture = name.partition(".")[0]
    graph = _module(timm, architecture) in described_modules() and undescribed(architecture) is None
    classes = cfg.num_classes if cfg else 0
    return ModelRow(name, pretrained, (height, width), int(found[1]) if found else None, classes, graph)
