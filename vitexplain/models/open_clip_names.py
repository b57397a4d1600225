"""open_clip's names of vision towers (`open_clip:ViT-B-32`), as timm calls the same networks."""

from __future__ import annotations

import re

from vitexplain.errors import ModelError
from vitexplain.images.files import shown
from vitexplain.models.timm_import import import_timm

PREFIX = "open_clip:"
_NAME = re.compile(r"ViT-(\w+?)-(\d+)(-SigLIP2?)?(?:-(\d{3}))?(-quickgelu)?")
_SIZES = {
    "S": "small",
    "M": "medium",
    "B": "base",
    "L": "large",
    "SO400M": "so400m",
    "H": "huge",
    "g": "giant",
    "bigG": "gigantic",
}


def timm_name_of_tower(name: str) -> str:
    """Return timm's name for "open_clip:NAME"; other names as they are. ModelError: timm has no such network."""
    if not name.startswith(PREFIX):
        return name
    found = _NAME.fullmatch(name.removeprefix(PREFIX))
    if found is not None and found[1] in _SIZES:
        size, patch, siglip, side, quick = found.groups()
        kind = "siglip" if siglip else "clip_quickgelu" if quick else "clip"
        own = f"vit_{_SIZES[size]}_patch{patch}_{kind}_{side or 224}"
        if import_timm().is_model(own):
            return own
    raise ModelError(
        f"model {shown(name)[:100]}: timm has no network of open_clip's by this name: expected one such as "
        "open_clip:ViT-B-32 or open_clip:ViT-B-16-SigLIP, or give the tower itself in Python (model.visual)"
    )
