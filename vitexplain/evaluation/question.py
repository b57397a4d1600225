"""Question: what the judge is asked of every image."""

from __future__ import annotations

from dataclasses import dataclass

from vitexplain.errors import UsageError
from vitexplain.images import DEFAULT_MAX_PIXELS, ViewKind
from vitexplain.methods import Method
from vitexplain.methods.fills import FillName
from vitexplain.models import LoadedModel
from vitexplain.pipeline import Request
from vitexplain.pipeline.targets import Targets, resolve_targets

METRICS = ("spearman", "deletion", "insertion", "saco", "randomisation")
"""Rank correlation with references, by layer; area under the target's probability while patches are removed, or
revealed, in the order of their scores; the faithfulness coefficient of groups of patches; rank correlation with the
scores of the same model with its upper layers drawn anew, by layer."""

REMOVAL = frozenset({"deletion", "insertion"})


@dataclass(frozen=True)
class Question:
    """The methods to judge, by which metrics, and against which references (methods too) by Spearman's correlation.

    `target`: top1, an index or a label: one class an image. `fill` and `steps` belong to deletion, insertion and
    SaCo, which has `groups`. `seed`: of random scores, of who is whose other image, of ties, bootstrap and weights.
    `others`: whether each method's map of another image is a control, too.
    """

    methods: tuple[Method, ...]
    references: tuple[Method, ...] = ()
    metrics: tuple[str, ...] = ("spearman",)
    target: str = "top1"
    view: ViewKind | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    seed: int = 0
    fill: FillName = "mean"
    steps: int = 16
    groups: int = 10
    others: bool = True

    def __post_init__(self) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                raise UsageError(f"metric '{metric}' does not exist: metrics are {', '.join(METRICS)}")
        if "spearman" in self.metrics and not self.references:
            raise UsageError("metric 'spearman' needs a reference: give blank-out or input-gradient")
        if self.steps < 1:
            raise UsageError(f"steps {self.steps} is not valid: expected a whole number from 1")

    @property
    def removes(self) -> bool:
        """Whether patches are removed in the order of the scores."""
        return bool(REMOVAL.intersection(self.metrics))

    @property
    def runs_again(self) -> bool:
        """Whether the model is run again with patches removed as the scores say."""
        return self.removes or "saco" in self.metrics

    def targets(self, model: LoadedModel) -> Targets:
        """Return the class to explain; UsageError: several, or one that does not exist; ModelError: no classifier."""
        targets = resolve_targets(self.target, None, model)
        if targets.top > 1 or len(targets.classes) > 1:
            raise UsageError(
                f"target '{self.target}' names several classes: explanations are judged for one class an image: give "
                "top1, an index or a label"
            )
        return targets

    def check(self, model: LoadedModel) -> None:
        """Raise the error that every image would meet, before any is read."""
        self.targets(model)
        references = self.references if "spearman" in self.metrics else ()
        Request((*self.methods, *references), self.view, max_pixels=self.max_pixels).for_model(model)
