"""evaluate: images through the model, scores into the store, and rows out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vitexplain.errors import OutputError, VitexplainError
from vitexplain.evaluation.controls import other_images
from vitexplain.evaluation.measuring import Facts, measure, missing
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.randomised import randomised
from vitexplain.evaluation.redrawn_values import redrawn_arrays, redrawn_missing, redrawn_values
from vitexplain.evaluation.removal_values import (
    removal_arrays,
    removal_curves_of,
    removal_missing,
    removal_values,
)
from vitexplain.evaluation.rows import Cell, Row, differences, rows_of
from vitexplain.evaluation.sources import ImageSource, digest, pixels_of
from vitexplain.evaluation.store import Arrays, Store, open_store
from vitexplain.evaluation.values import compared, correlations
from vitexplain.models import LoadedModel
from vitexplain.result import Failure


class Progress(Protocol):
    """Is told how far the work is."""

    def begin(self, what: str, total: int) -> None:
        """Say that `total` steps begin."""

    def advance(self, error: str | None = None) -> None:
        """Say that one is done, or failed."""


class Silent:
    """Progress that nobody follows."""

    def begin(self, what: str, total: int) -> None:
        """Say nothing."""

    def advance(self, error: str | None = None) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Evaluation:
    """What the judge found.

    `images` maps the SHA-256 of those that count to their paths; `repeated` were given more than once. `curves` holds
    for every candidate (2, steps + 1) the target's mean probability while patches are removed, and revealed.
    """

    question: Question
    model: str
    rows: tuple[Row, ...]
    images: Mapping[str, str]
    failures: tuple[Failure, ...] = ()
    repeated: int = 0
    curves: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def records(self) -> list[dict[str, Any]]:
        """Return the JSON of every row."""
        return [row.to_record(self.question, self.model) for row in self.rows]


def evaluate(
    model: LoadedModel,
    images: Sequence[ImageSource],
    question: Question,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge methods by images; with `folder`, what is computed is kept there, and only what is missing is computed.

    Images that cannot be read are left out and named in `failures`. UsageError, ModelError: what every image would
    meet, before the first is read; OutputError: the folder cannot be written.
    """
    question.check(model)
    with open_store(folder, model, question) as store:
        judge = Judge(model, question, store, progress or Silent())
        judge.see(images)
        if question.runs_again:
            judge.remove_patches()
        if "randomisation" in question.metrics:
            judge.randomise()
        return judge.conclude()


@dataclass
class Judge:
    """One evaluation: `seen` maps the images that count (by SHA-256) to where they are read again, and their facts."""

    model: LoadedModel
    question: Question
    store: Store
    progress: Progress
    seen: dict[str, tuple[ImageSource, Facts]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    repeated: int = 0

    def see(self, images: Sequence[ImageSource]) -> None:
        """Compute the scores that the store lacks, image by image."""
        self.progress.begin("scores", len(images))
        for source in images:
            try:
                self._see(source)
            except OutputError:
                raise
            except VitexplainError as error:
                self.failures.append(Failure(source.path, error))
                self.progress.advance(str(error))
            else:
                self.progress.advance()

    def _see(self, source: ImageSource) -> None:
        data = source.read()
        image = digest(data)
        if image in self.seen:
            self.repeated += 1
            return
        arrays = self.store.read(image)
        methods = missing(arrays, self.question)
        if methods:
            pixels = pixels_of(data, source.path, self.model, self.question)
            arrays = measure(self.model, pixels, image, methods, self.question.targets(self.model))
            self.store.add(image, arrays)
        self.seen[image] = source, Facts.of(arrays)

    def remove_patches(self) -> None:
        """Compute the curves and coefficients that the store lacks: every candidate's order, image by image."""
        others = self._others()
        self.progress.begin("patches removed", len(self.seen))
        for image in self.seen:
            arrays, other = self.store.read(image), others.get(image)
            wanted = removal_missing(self.question, arrays, image, other, others=bool(others))
            if wanted:
                sources = arrays, None if other is None else self.store.read(other)
                pixels = self._pixels(image)
                self.store.add(image, removal_arrays(self.model, pixels, self.question, image, wanted, sources))
            self.progress.advance()

    def randomise(self) -> None:
        """Compute the scores that the store lacks of the model with its upper layers drawn anew, layer by layer."""
        layers = max((facts.layers for _, facts in self.seen.values()), default=0)
        for layer in range(layers, 0, -1):
            self.progress.begin(f"layers {layer} to {layers} drawn anew", len(self.seen))
            redrawn: LoadedModel | None = None
            for image, (_, facts) in self.seen.items():
                wanted = redrawn_missing(self.question, self.store.read(image), layer)
                if wanted:
                    redrawn = redrawn or randomised(self.model, layer, self.question.seed)
                    pixels = self._pixels(image)
                    found = redrawn_arrays(redrawn, pixels, self.question, image, layer, wanted, facts.target)
                    self.store.add(image, found)
                self.progress.advance()

    def _pixels(self, image: str) -> Tensor:
        source, _ = self.seen[image]
        return pixels_of(source.read(), source.path, self.model, self.question)

    def conclude(self) -> Evaluation:
        """Return the rows of every metric asked for."""
        values: dict[Cell, list[float]] = {}
        curves: dict[str, list[npt.NDArray[np.float64]]] = {}
        others = self._others()
        for image in self.seen:
            arrays, other = self.store.read(image), others.get(image)
            for cell, value in self._values(image, arrays, other, bool(others)):
                values.setdefault(cell, []).append(value)
            if self.question.removes:
                for name, found in removal_curves_of(self.question, arrays, image, other).items():
                    curves.setdefault(name, []).append(found)
        paired = differences(values, compared(values))
        rows = rows_of({**values, **paired}, self.question.seed)
        return Evaluation(
            question=self.question,
            model=self.model.name,
            rows=tuple(rows),
            images={image: source.path for image, (source, _) in self.seen.items()},
            failures=tuple(self.failures),
            repeated=self.repeated,
            curves={name: np.mean(found, axis=0) for name, found in curves.items()},
        )

    def _values(self, image: str, arrays: Arrays, other: str | None, others: bool) -> Iterator[tuple[Cell, float]]:
        asked = self.question.metrics
        if "spearman" in asked:
            of_other = None if other is None else self.store.read(other)
            yield from correlations(self.question, arrays, of_other, image, others=others)
        if self.question.runs_again:
            yield from removal_values(self.question, arrays, image, other, others=others)
        if "randomisation" in asked:
            yield from redrawn_values(self.question, arrays)

    def _others(self) -> dict[str, str]:
        if not self.question.others:
            return {}
        return other_images({image: facts.grid for image, (_, facts) in self.seen.items()}, self.question.seed)
