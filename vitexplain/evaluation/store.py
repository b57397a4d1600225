"""Store: the scores of every image, in memory or in a folder that a later run resumes.

In a folder, `scores/<sha256>.npz` holds the arrays of one image under names such as `scores rollout 7`; `manifest.json`
says what they all depend on.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vitexplain import __version__
from vitexplain.errors import OutputError, UsageError
from vitexplain.evaluation.measuring import Arrays
from vitexplain.evaluation.metrics import PLOTS
from vitexplain.evaluation.question import Question
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models import LoadedModel
from vitexplain.output import line, remove_stale, require_folder, write_files
from vitexplain.output.lock import locked
from vitexplain.output.run_folder import JUDGED, MANIFEST, read_settings
from vitexplain.result import Transform, plain

KIND = "vitexplain-evaluation/"
SCHEMA = f"{KIND}2"
"""Of the arrays that are kept. Version 2 keeps curves of logits beside those of probabilities."""

RESULTS = ("evaluation.jsonl", "evaluation.csv", JUDGED, *PLOTS, "scores")
"""What an evaluation writes besides its manifest; these are replaced by every run."""

_BROKEN = (
    *(UnreadableError, OSError, ValueError, EOFError, KeyError, AttributeError, MemoryError, NotImplementedError),
    zipfile.BadZipFile,
)
"""What reading an archive raises that is damaged, or none."""

_LARGEST = 64 * 2**20
"""Bytes of one image's arrays; no evaluation keeps as many."""


class Store(Protocol):
    """Keeps arrays by image (its SHA-256) and name."""

    def read(self, image: str) -> Arrays:
        """Return what is kept of the image, which may be nothing."""

    def write(self, image: str, arrays: Arrays) -> None:
        """Keep the arrays of the image in place of what is kept of it; OutputError if they cannot be written."""


class MemoryStore:
    """A store for one run."""

    def __init__(self) -> None:
        self._kept: dict[str, Arrays] = {}

    def read(self, image: str) -> Arrays:
        """Return what is kept of the image."""
        return self._kept.get(image, {})

    def write(self, image: str, arrays: Arrays) -> None:
        """Keep the arrays of the image."""
        self._kept[image] = arrays


class FolderStore:
    """A store in a folder; each image's file is written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, image: str) -> Arrays:
        """Return what is kept of the image; a file that cannot be read counts as none and is made again."""
        path = self._path(image)
        try:
            # Read here: numpy leaves a file that is broken open.
            with io.BytesIO(read_regular(path, _LARGEST)) as stream, np.load(stream, allow_pickle=False) as file:
                if any(entry.file_size > entry.compress_size for entry in file.zip.infolist()):
                    return {}  # nothing is compressed when it is written: this claims more than it holds
                return {name: file[name] for name in file.files}
        except _BROKEN:
            return {}

    def write(self, image: str, arrays: Arrays) -> None:
        """Write the image's file, whole."""
        stream = io.BytesIO()
        given: dict[str, Any] = dict(arrays)
        np.savez(stream, allow_pickle=False, **given)
        write_files([(self._path(image), stream.getvalue())], self._folder)

    def _path(self, image: str) -> Path:
        return self._folder / "scores" / f"{image}.npz"


@contextmanager
def open_store(folder: Path | None, model: LoadedModel, question: Question) -> Iterator[Store]:
    """Return the store of an evaluation, in a folder if one is given, which is locked meanwhile.

    UsageError: the folder holds scores of another model, view or target; OutputError: it cannot be written.
    """
    if folder is None:
        yield MemoryStore()
        return
    require_folder(folder)
    with locked(folder):
        remove_stale(folder)
        _require_same(folder, _settings(model, question))
        yield FolderStore(folder)


def _settings(model: LoadedModel, question: Question) -> dict[str, Any]:
    """Return what all scores of a folder depend on."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "model": model.name,
        "weights": model.origin,
        "weights_sha256": model.weights_sha256,
        "dtype": str(model.dtype).removeprefix("torch."),
        "transform": Transform.of(model.preprocess).to_record(),
        "readout": model.network.readout,
        "view": question.view or model.preprocess.view,
        "target": question.target,
        "activation": model.activation,
        "prompts": None if model.prompts is None else plain(asdict(model.prompts)),
        "reference_image": question.reference_sha256,
    }


def _require_same(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the manifest, or compare with the one that is there."""
    path = folder / MANIFEST
    if not path.exists():
        for name in RESULTS:
            if os.path.lexists(folder / name):
                raise OutputError(
                    f"{shown(str(folder / name))} already exists, without the manifest of an evaluation: nothing was "
                    "written; give another folder with `folder=`"
                )
        write_files([(path, line(settings))], folder)
        return
    before = read_settings(path, KIND)
    if before is None:
        raise OutputError(f"{shown(str(path))} is not an evaluation's manifest: give another folder with `folder=`")
    differing = [f"{name} {before.get(name)}, now {now}" for name, now in settings.items() if before.get(name) != now]
    if differing:
        raise UsageError(
            f"the scores in {shown(str(folder))} were made with other settings: {'; '.join(differing)}: give the same "
            "ones, or another folder with `folder=`"
        )
