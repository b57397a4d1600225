"""Every error that a user can cause, as a tree; each class carries its exit code.

    VitexplainError
    ├── UsageError        2   options that do not fit each other, the model or the image
    ├── InputError        3   an input that cannot be read
    ├── ModelError        4   model, weights or labels not available or not supported
    │   └── MissingExtraError 4   an optional library is not installed
    ├── LimitError        5   a limit (memory, pixels, size) forbids it
    │   └── TooLargeError 5   pixels or a batch that the free memory does not hold
    └── OutputError       6   an output that cannot be written

A message says in one line what was given, what was expected and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class VitexplainError(Exception):
    """Base of all errors that a user can cause; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class UsageError(VitexplainError):
    """Options that are wrong by themselves, or do not fit the model or the image."""

    exit_code = 2


class InputError(VitexplainError):
    """An input image that cannot be read."""

    exit_code = 3


class ModelError(VitexplainError):
    """A model, its weights or its labels are not available, do not fit, or are not supported.

    `reason`: why a model is not supported, without its name and advice; None where that is not what is wrong.
    """

    exit_code = 4
    reason: str | None = None


class MissingExtraError(ModelError):
    """An optional library is not installed; the message names the extra that brings it."""


class LimitError(VitexplainError):
    """A limit (memory, pixels, size) forbids the work."""

    exit_code = 5


class TooLargeError(LimitError):
    """Pixels or a batch that the free memory does not hold, by an estimate before they are explained."""


class OutputError(VitexplainError):
    """An output cannot be written where it was asked for."""

    exit_code = 6
