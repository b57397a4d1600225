"""Study: one image as the metrics see it, with all that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.errors import InputError
from vitexplain.evaluation.candidates import Candidate, candidates
from vitexplain.evaluation.inputs import GivenImage, digest, look
from vitexplain.evaluation.measuring import FACTS, Arrays, Facts, measure, missing
from vitexplain.evaluation.objects import Seen
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.removal import Removals
from vitexplain.forward_pass import ForwardPass
from vitexplain.images.files import shown
from vitexplain.models import LoadedModel
from vitexplain.pipeline.reference import Reference

Shared = TypeVar("Shared")


@dataclass(frozen=True)
class Run:
    """What all images of an evaluation share: `kept` holds what a metric computes once for all of them.

    `annotations` maps images' paths to what the question's objects call them.
    """

    model: LoadedModel
    question: Question
    annotations: Mapping[str, str] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Other:
    """The image that another is paired with, whose scores are a control: its SHA-256 and arrays."""

    image: str
    arrays: Arrays


@dataclass(eq=False)
class Study:
    """One image: `arrays` is what is kept of it, by name; its pixels are decoded when first asked for, once.

    `image` is its SHA-256. `other` is None where no image has the same grid, or none is needed; `paired` says that some
    image of the evaluation has a pair. `changed`: arrays were added that are not written yet.
    """

    run: Run
    given: GivenImage
    image: str
    arrays: dict[str, npt.NDArray[Any]]
    other: Other | None = None
    paired: bool = False
    changed: bool = False

    @property
    def question(self) -> Question:
        """What is asked of every image."""
        return self.run.question

    @property
    def facts(self) -> Facts:
        """The image's grid, the model's number of layers, and the class explained."""
        return Facts.of(self.arrays)

    @property
    def annotation(self) -> str | None:
        """What the question's objects call the image; None where they have none of it."""
        return self.run.annotations.get(self.given.path)

    def is_explained(self, name: str) -> bool:
        """Whether the class explained is called so: its index, its WordNet id or one of its names."""
        target, labels = self.facts.target, self.run.model.labels
        target = target if target >= 0 else -1 - target
        return name == str(target) or (labels is not None and target in labels.find(name))

    @property
    def pixels(self) -> Tensor:
        """The pixels (1, 3, H, W) as the model sees them; InputError if the picture cannot be read."""
        return self.seen.pixels

    @cached_property
    def seen(self) -> Seen:
        """The picture as the model sees it; InputError if it cannot be read."""
        data = self.given.read()
        if digest(data) != self.image:
            raise InputError(f"{shown(self.given.path)}: the file changed meanwhile: run the same command again")
        return look(data, self.given.path, self.run.model, self.question)

    @cached_property
    def forward_pass(self) -> ForwardPass:
        """The image's pass, for the class explained, shared by metrics that run the model with patches removed."""
        return self.asked_of(ForwardPass(self.run.model, self.pixels, (), (self.image,)))

    def asked_of(self, forward_pass: ForwardPass) -> ForwardPass:
        """Return a pass of variants of the image for what is explained of it."""
        reference = self.question.reference_image
        if isinstance(reference, Reference):
            return forward_pass.for_reference(reference.embedding)
        return forward_pass.for_target(torch.tensor([self.facts.target] * len(forward_pass.pixels)))

    @cached_property
    def removals(self) -> Removals:
        """The model's answers without some of the patches, shared by the metrics that remove them."""
        return Removals(self.forward_pass, self.question.fill)

    def add(self, arrays: Arrays) -> None:
        """Keep more arrays of the image."""
        if arrays:
            self.arrays.update(arrays)
            self.changed = True

    def score(self) -> None:
        """Compute the scores that are not kept yet, of every method that a metric uses."""
        methods = missing(self.arrays, self.question.scored)
        if methods or FACTS not in self.arrays:
            targets = self.question.targets(self.run.model)
            self.add(measure(self.run.model, self.pixels, self.image, methods, targets))

    def candidates(self, *, by_layer: bool, shared: bool = False) -> list[Candidate]:
        """Return the methods to judge and their controls; another image's scores, too, if any image has them.

        `shared`: only the first method's are a control, of all methods, because the control costs as much as a method.
        """
        question, others = self.question, 0
        if self.paired or self.other is not None:
            others = 1 if shared else len(question.methods)
        return candidates(question.methods, question.seed, self.facts, self.image, others=others, by_layer=by_layer)

    def scores(self, candidate: Candidate, layer: int) -> npt.NDArray[Any] | None:
        """Return a candidate's scores (P,) at a layer; None for another image's where there is none."""
        if not candidate.of_other:
            return np.asarray(candidate.find(self.arrays, layer))
        return None if self.other is None else np.asarray(candidate.find(self.other.arrays, layer))

    def once(self, key: object, compute: Callable[[], Shared]) -> Shared:
        """Return what `compute` returns, computed once for all images of the run."""
        if key not in self.run.kept:
            self.run.kept[key] = compute()
        found: Shared = self.run.kept[key]
        return found
