"""What a worker does: open one picture and prepare its pixels. It imports Pillow and numpy, never torch."""

from __future__ import annotations

import io
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING

import numpy as np

from vitexplain.batch.inputs import Input
from vitexplain.errors import InputError, LimitError, VitexplainError
from vitexplain.images import Least, Picture, Preprocess, View, ViewKind, open_picture, prepare
from vitexplain.images.files import shown

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(frozen=True)
class ReadJob:
    """How every picture of a batch is read."""

    preprocess: Preprocess
    view: ViewKind | None
    max_pixels: int
    least: Least | None = None


@dataclass(frozen=True, eq=False)
class Read:
    """A picture ready for the model: `pixels` (3, H, W) float32, and the seconds it took, also stage by stage."""

    picture: Picture
    pixels: np.ndarray
    view: View
    seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Unread:
    """A picture that cannot be read, and why."""

    error: VitexplainError
    seconds: float = 0.0


@dataclass(frozen=True)
class Bug:
    """A defect of the reader itself, with its traceback: it must not look like a broken picture."""

    traceback: str


def read(given: Input, job: ReadJob) -> Read | Unread:
    """Return the picture, prepared, or the error that a user can fix."""
    started = time.perf_counter()
    try:
        content = given.path if given.place is None else io.BytesIO(given.place.read())
        fetched = time.perf_counter()
        picture = open_picture(content, max_pixels=job.max_pixels, name=given.path, least=job.least)
        decoded = time.perf_counter()
        pixels, view = prepare(picture, job.preprocess, job.view)
    except VitexplainError as error:
        return Unread(error, time.perf_counter() - started)
    except MemoryError as error:
        return Unread(not_handed_over(given.path, error), time.perf_counter() - started)
    ended = time.perf_counter()
    stages = {"read": fetched - started, "decode": decoded - fetched, "pixels": ended - decoded}
    return Read(picture, pixels, view, ended - started, stages)


def serve(connection: Connection, job: ReadJob) -> None:
    """Report that the process is ready, then answer inputs with pictures until the other end is closed.

    Ctrl-C reaches this process, too, but is handled by the one that asks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        connection.send(None)
        while True:
            given: Input = connection.recv()
            try:
                outcome: Read | Unread | Bug = read(given, job)
            except Exception:  # passed on, and raised there
                outcome = Bug(traceback.format_exc())
            connection.send_bytes(_pickled(outcome, given.path))
    except (EOFError, OSError):  # the other end is closed
        sys.exit(0)


def not_handed_over(path: str, error: Exception) -> VitexplainError:
    """Return the one-line error for a picture that was read, but cannot be passed to the process that asked for it."""
    if isinstance(error, MemoryError):
        return LimitError(f"{shown(path)}: too large for the memory of this machine: scale the picture down")
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"{shown(path)}: it was read but cannot be passed on ({shown(reason[:120])}): "
        "check the file, or read it with `workers=0`"
    )


def _pickled(outcome: Read | Unread | Bug, path: str) -> memoryview:
    """Return the outcome pickled or, where that fails, the reason."""
    try:
        return ForkingPickler.dumps(outcome)
    except Exception as error:  # pickling raises almost any class
        return ForkingPickler.dumps(Unread(not_handed_over(path, error)))
