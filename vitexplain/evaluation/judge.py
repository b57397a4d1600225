"""evaluate: studies every image once, keeps what is measured in the store, and makes rows of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vitexplain.errors import InputError, LimitError, OutputError, VitexplainError
from vitexplain.evaluation.candidates import compared
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.controls import Circles, in_circle_order
from vitexplain.evaluation.findings import Evaluation
from vitexplain.evaluation.inputs import GivenImage, digest
from vitexplain.evaluation.metrics import metric_of
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.rows import differences, from_best, rows_of
from vitexplain.evaluation.store import Store, open_store
from vitexplain.evaluation.study import Other, Run, Study
from vitexplain.models import LoadedModel
from vitexplain.result import Failure


class Progress(Protocol):
    """Receives the progress of the work."""

    def begin(self, what: str, total: int) -> None:
        """Begin a part of the work, of `total` steps."""

    def advance(self, error: str | None = None) -> None:
        """Count one step as done, or as failed with an error."""


class Silent:
    """Progress that nobody follows."""

    def begin(self, what: str, total: int) -> None:
        """Say nothing."""

    def advance(self, error: str | None = None) -> None:
        """Say nothing."""


def evaluate(
    model: LoadedModel,
    images: Sequence[GivenImage],
    question: Question,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge methods on images; with `folder`, scores are kept there, and only missing ones are computed.

    Images that cannot be read are left out and named in `failures`. UsageError, ModelError: what every image would
    meet, raised before the first is read; OutputError: the folder cannot be written.
    """
    question = question.for_model(model)
    annotations = {} if question.objects is None else question.objects.match([given.path for given in images])
    with open_store(folder, model, question) as store:
        judge = Judge(Run(model, question, annotations), store, progress or Silent())
        judge.identify(images)
        judge.study()
        evaluation = judge.conclude()
    places = {given.path: place for place, given in enumerate(images)}
    failures = sorted(evaluation.failures, key=lambda failure: places[failure.path or ""])
    return replace(evaluation, failures=tuple(failures))


@dataclass
class Judge:
    """One evaluation: `given` maps images (by SHA-256) to where they are read, `others` to their pairs."""

    run: Run
    store: Store
    progress: Progress
    given: dict[str, GivenImage] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    repeated: int = 0

    def identify(self, images: Sequence[GivenImage]) -> None:
        """Read every file for its SHA-256: the pairs depend on the contents of all of them."""
        self.progress.begin("files read", len(images))
        for given in images:
            try:
                image = digest(given.read())
            except VitexplainError as error:
                self._fail(given, error)
                continue
            self.repeated += image in self.given
            self.given.setdefault(image, given)
            self.progress.advance()

    def study(self) -> None:
        """Measure what the store lacks, image by image; each is decoded once and its arrays are written once.

        Where a metric needs pairs, an image waits, with its pixels, until the next one of its grid has scores: at most
        one per grid. If an error or Ctrl-C ends the run, what waits is written first.
        """
        question = self.run.question
        waits = question.others and any(metric.of_others for metric in question.chosen)
        circles, waiting = Circles(), dict[str, Study]()
        self.progress.begin("images judged", len(self.given))
        try:
            for image in in_circle_order(self.given, question.seed):
                study = self._scored(image)
                if study is None:
                    continue
                waiting[image] = study
                before = circles.add(image, study.facts.grid) if question.others else None
                if before is not None:
                    self.others[before] = image
                if not waits:
                    self._finish(study, waiting)
                elif before is not None:
                    waiting[before].other = Other(image, study.arrays)
                    self._finish(waiting[before], waiting)
            for last, first in circles.ends().items():
                self.others[last] = first
                if last in waiting:
                    waiting[last].other = Other(first, self.store.read(first))
            for study in list(waiting.values()):
                self._finish(study, waiting)
        except BaseException:
            with suppress(OutputError):
                for study in waiting.values():
                    self._write(study)
            raise

    def _scored(self, image: str) -> Study | None:
        """Return the study of an image with every score that metrics use, None for one that failed."""
        study = Study(self.run, self.given[image], image, dict(self.store.read(image)))
        try:
            study.score()
        except VitexplainError as error:
            self._fail(self.given.pop(image), error)
            return None
        return study

    def _finish(self, study: Study, waiting: dict[str, Study]) -> None:
        """Measure everything else that the study lacks, and write it, also where its objects do not fit it."""
        error: VitexplainError | None = None
        try:
            for metric in self.run.question.chosen:
                study.add(metric.measure(study))
        except (InputError, LimitError) as found:
            error = found
        self._write(study)
        del waiting[study.image]
        if error is None:
            self.progress.advance()
        else:
            self._fail(self.given.pop(study.image), error)

    def _write(self, study: Study) -> None:
        if study.changed:
            self.store.write(study.image, study.arrays)
            study.changed = False

    def _fail(self, given: GivenImage, error: VitexplainError) -> None:
        self.failures.append(Failure(given.path, error))
        self.progress.advance(str(error))

    def conclude(self) -> Evaluation:
        """Return the rows of every metric asked for, over the images in the order given."""
        question, annotations, objects = self.run.question, self.run.annotations, self.run.question.objects
        values: dict[Cell, list[float]] = {}
        curves: dict[str, dict[str, list[npt.NDArray[np.float64]]]] = {}
        for image, given in self.given.items():
            other = self.others.get(image)
            study = Study(
                self.run,
                given,
                image,
                dict(self.store.read(image)),
                None if other is None else Other(other, self.store.read(other)),
                paired=bool(self.others),
            )
            for cell, value in _values(study):
                values.setdefault(cell, []).append(value)
            for metric in question.chosen:
                for what, name, curve in metric.curves(study):
                    curves.setdefault(what, {}).setdefault(name, []).append(curve)
        controls = compared([cell for cell in values if metric_of(cell.metric).has_best])
        paired = differences(values, controls) | from_best(values, controls)
        return Evaluation(
            question=question,
            model=self.run.model.name,
            rows=tuple(rows_of({**values, **paired}, question.seed)),
            images={image: given.path for image, given in self.given.items()},
            failures=tuple(self.failures),
            repeated=self.repeated,
            without_object=sum(given.path not in annotations for given in self.given.values()) if objects else 0,
            elsewhere=tuple(sorted({*objects.files} - {*annotations.values()})) if objects else (),
            unknown_classes=self._unknown_classes(),
            curves={
                what: {name: np.mean(found, axis=0) for name, found in by_name.items()}
                for what, by_name in curves.items()
            },
        )

    def _unknown_classes(self) -> tuple[str, ...]:
        """Return the classes that the boxes name and the model does not have."""
        objects, model = self.run.question.objects, self.run.model
        if objects is None or not model.num_classes:
            return ()
        known = {str(index) for index in range(model.num_classes)}
        named = objects.classes(self.run.annotations.values())
        return tuple(name for name in named if name not in known and not (model.labels and model.labels.find(name)))


def _values(study: Study) -> Iterator[tuple[Cell, float]]:
    """Yield the values of every metric; metrics with one number per method come together, method by method."""
    for by_layer, family in groupby(study.question.chosen, key=lambda metric: metric.by_layer):
        found = [value for metric in family for value in metric.values(study)]
        if not by_layer:
            places = {name: place for place, name in enumerate(dict.fromkeys(cell.method for cell, _ in found))}
            found.sort(key=lambda value: places[value[0].method])
        yield from found
