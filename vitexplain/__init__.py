"""Explain what a Vision Transformer based its prediction on: attention rollout, exact attention flow and more.

    from vitexplain import explain, explain_many, load_model
    result = explain("builtin", "cat.jpg", methods=("rollout", "flow"))

The names are loaded when they are first used: `import vitexplain` alone imports neither torch nor timm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitexplain.errors import VitexplainError

if TYPE_CHECKING:
    from vitexplain.models import load_model
    from vitexplain.pipeline import explain, explain_many

__version__ = "0.1.0"

__all__ = ["VitexplainError", "__version__", "explain", "explain_many", "load_model"]

_HOMES = {
    "explain": "vitexplain.pipeline",
    "explain_many": "vitexplain.pipeline",
    "load_model": "vitexplain.models",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
