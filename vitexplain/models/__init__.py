"""Models: loading, labels, transforms. Importing this package imports neither torch nor timm."""

from __future__ import annotations

from vitexplain.models.labels import Labels
from vitexplain.models.load import load_model
from vitexplain.models.loaded import LoadedModel
from vitexplain.models.registry import ModelRow, list_models, refused_like
from vitexplain.models.wrap import wrap_model

__all__ = ["Labels", "LoadedModel", "ModelRow", "list_models", "load_model", "refused_like", "wrap_model"]
