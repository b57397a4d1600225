"""Models of pictures and texts by name (`clip:NAME_OR_FOLDER`): which library's, and with prompts or without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vitexplain.errors import ModelError, UsageError
from vitexplain.images.files import shown
from vitexplain.models.built import Built
from vitexplain.models.folder import is_folder_name
from vitexplain.models.hub_folder import folder_name, hub_name, hub_text_folder
from vitexplain.models.library_model import import_extra
from vitexplain.models.open_clip_folder import open_clip_model
from vitexplain.models.open_clip_names import PREFIX as OPEN_CLIP
from vitexplain.models.open_clip_values import open_clip_config
from vitexplain.models.prompts import Prompts, without_prefix
from vitexplain.models.registry import check_possible_name, is_known
from vitexplain.models.transformers_model import check_scope, has_text, transformers_config, transformers_model

_EXPECTED = (
    "give a model that has one, the folder or name on the hub of a CLIP or SigLIP: "
    "`model=clip:openai/clip-vit-base-patch32`"
)


def prompted(name: str, weights: Path | None, prompts: Prompts | None) -> Built:
    """Return the tower of a model of pictures and texts with prompts as its classes; None: its embedding.

    `name` may be without the prefix. UsageError: a model without a text tower, or prompts that do not fit; ModelError:
    it is not there, does not fit or is not supported.
    """
    bare = folder_name(without_prefix(name))
    check_possible_name(bare)
    on_hub = hub_name(bare)
    if on_hub is not None:
        folder = str(hub_text_folder(on_hub))
        return replace(_of_folder(folder, name, weights, prompts), name=on_hub.name, origin="hub")
    if is_folder_name(bare):
        return _of_folder(bare, name, weights, prompts)
    return _of_open_clip(bare, name, weights, prompts)


def _of_folder(folder: str, name: str, weights: Path | None, prompts: Prompts | None) -> Built:
    from vitexplain.models.transformers_prompts import transformers_prompted

    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ModelError(f"model {shown(name)[:200]}: no such folder: check the name")
    config = transformers_config(folder)
    if config is not None:
        check_scope(config, shown(name)[:200])
    if config is not None and has_text(config):
        if prompts is None:
            return transformers_model(folder, config, weights, None)
        return transformers_prompted(folder, config, weights, prompts, shown(name)[:200])
    table = open_clip_config(path)
    if table is None:
        raise _no_text(name)
    return open_clip_model(table, path, weights, prompts, shown(name)[:200])


def _of_open_clip(bare: str, name: str, weights: Path | None, prompts: Prompts | None) -> Built:
    own = bare.removeprefix(OPEN_CLIP)
    if bare == own and (is_known(bare) or ":" in bare):
        raise _no_text(name)
    library = import_extra("open_clip", "open-clip", shown(name)[:200])
    table = library.get_model_config(own)
    if table is None:
        raise ModelError(f"model {shown(name)[:200]}: no folder, and no name of open_clip's: {_EXPECTED}")
    return open_clip_model({"model_cfg": table}, own, weights, prompts, shown(name)[:200])


def _no_text(name: str) -> UsageError:
    return UsageError(f"model {shown(name)[:200]} has no text tower to read prompts: {_EXPECTED}")
