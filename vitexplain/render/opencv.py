"""The one place that loads OpenCV, when the first picture is drawn, and says what to do where it does not load."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from vitexplain.errors import MissingExtraError

DEBIAN_PACKAGES = "libgl1 libglib2.0-0"

_WITHOUT = "a run that only prints records (`json=True`) works without it"
"""What works all the same."""


def opencv() -> Any:
    """Return the module cv2; MissingExtraError says what the system or the environment lacks."""
    module, problem = _load()
    if module is None:
        raise MissingExtraError(problem)
    return module


def why_nothing_is_drawn() -> str | None:
    """Return what the system or the environment lacks, None where pictures can be drawn."""
    return _load()[1] or None


@functools.cache
def _load() -> tuple[Any, str]:
    """Return the module, or None and one line that says why.

    Asked once: after a failed import OpenCV's loader answers a second one with "recursion is detected", which hides
    the reason.
    """
    try:
        return importlib.import_module("cv2"), ""
    except ImportError as error:
        reason = " ".join(str(error).split())
        if ".so" in reason:
            return None, (
                f"pictures cannot be drawn: OpenCV needs a system library that is missing ({reason}); install it "
                f"(Debian, Ubuntu: apt-get install {DEBIAN_PACKAGES}), or use the build without windows: "
                f"pip uninstall opencv-python && pip install opencv-python-headless; {_WITHOUT}"
            )
        return None, (
            f"pictures cannot be drawn: OpenCV cannot be imported ({reason}); install it with "
            f"pip install opencv-python-headless; {_WITHOUT}"
        )
