"""Models of other libraries than timm, by name: folders of transformers, names of torchvision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitexplain.errors import MissingExtraError, UsageError
from vitexplain.models.built import Built
from vitexplain.models.timm_import import import_timm


def import_extra(library: str, extra: str, model: str) -> Any:
    """Return the library, imported; MissingExtraError with the extra that brings it."""
    import importlib

    import_timm()  # makes torchvision importable, which these libraries import, too
    try:
        return importlib.import_module(library)
    except ImportError:
        raise MissingExtraError(
            f"model {model}: needs {library}, which is not installed: pip install 'vitexplain[{extra}]'"
        ) from None


def check_classes(what: str, has: int, given: int | None) -> None:
    """Raise UsageError if another number of classes was asked for than the model has; 0 leaves the classifier out."""
    if given not in (None, 0, has):
        expected = f"{has} or 0" if has else "0"
        raise UsageError(f"num_classes {given}: {what} has {has or 'no'} classes, expected {expected}")


def library_model(name: str, weights: Path | None, num_classes: int | None) -> Built | None:
    """Return the model of another library that `name` means; None: it is one of timm's, or the built-in one.

    "torchvision:NAME", or a folder that transformers wrote.
    ModelError: it is not there, does not fit or is not supported.
    """
    from vitexplain.models.folder import is_folder_name
    from vitexplain.models.torchvision_model import PREFIX, torchvision_model
    from vitexplain.models.transformers_model import transformers_config, transformers_model

    if name.startswith(PREFIX):
        return torchvision_model(name, weights, num_classes)
    config: Mapping[str, Any] | None = transformers_config(name) if is_folder_name(name) else None
    return None if config is None else transformers_model(name, config, weights, num_classes)
