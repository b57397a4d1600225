"""The options of `evaluate` alone: what is judged, by what, and how the tables are printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitexplain.cli.groups import option
from vitexplain.cli.method_options import MethodFlags, TargetOptions, method_option
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.evaluation import Objects, Question

REFERENCES = ("blank-out", "input-gradient")
"""What spearman compares with where no reference is given."""


@dataclass(frozen=True)
class JudgedMethods(MethodFlags):
    """The methods that are judged, by which metrics, against what.

    `steps` are those of deletion and insertion and replace integrated gradients' flag of the same name.
    """

    method: list[str] = method_option([], "the default, attn-lrp, relevance, raw, rollout, flow")
    reference: list[str] = option(
        [],
        "What spearman correlates the methods with: blank-out, input-gradient, or another method. Repeatable.",
        metavar="SPEC",
        shown="blank-out, input-gradient",
    )
    metric: list[str] = option(
        [],
        "deletion, insertion, saco, spearman (rank correlation with the references, by layer), energy, auroc and "
        "pointing (by --boxes or --masks), stability, target_sensitivity, sparseness, completeness or randomisation "
        "('vitexplain guide judging' explains them). Repeatable.",
        shown="deletion, insertion; spearman with --reference",
    )
    ceiling: bool = option(
        False,
        "Also look for the best order of deletion and insertion, step by step among all methods': doubles their time.",
    )
    boxes: Path | None = option(
        None,
        "Boxes of the objects: lines of file, class, left, top, right, bottom (tabs between), or COCO's JSON. Adds "
        "energy, auroc and pointing, unless --metric names one of them.",
        metavar="FILE",
    )
    masks: Path | None = option(
        None,
        "The same by masks: one picture an image, of its name and size; what is not 0 is object.",
        metavar="DIR",
    )
    steps: int = option(16, "Steps of deletion and insertion.", low=1)
    others: bool = option(
        True,
        "Also use maps of another image as a control; deletion, insertion and saco take the first method's alone.",
        flags=["--others/--no-others"],
    )

    def question(self, target: TargetOptions, picture: PictureOptions) -> Question:
        """Return the question; UsageError for an option that none of the methods, references or metrics has."""
        from vitexplain.evaluation import METRICS, Question, usual_methods
        from vitexplain.methods import parse_methods, parse_spec
        from vitexplain.methods.blank_out import BlankOut
        from vitexplain.methods.random import Random

        objects = self._objects()
        metrics = self.metric or (["spearman"] if self.reference else ["deletion", "insertion"])
        by_object = METRICS["energy"].names
        if objects is not None and not any(name in by_object for name in metrics):
            metrics = [*metrics, *by_object]
        if self.reference and "spearman" not in metrics:
            raise UsageError("--reference has no effect without --metric spearman: add it, or leave the reference out")
        # What the metrics themselves use, besides the seed.
        used = {option for name in metrics if name in METRICS for option in METRICS[name].options}
        compared = (self.reference or list(REFERENCES)) if "references" in used else []
        methods = tuple(parse_spec(spec, self.flags) for spec in self.method) or usual_methods(self.flags)
        flags = {name: text for name, text in self.flags.items() if name not in {"seed", *used}}
        parse_methods([*(self.method or [method.name for method in methods]), *compared], flags)
        removal = parse_spec("blank-out", self._flags_of("fill"))
        control = parse_spec("random", self._flags_of("seed"))
        assert isinstance(removal, BlankOut) and isinstance(control, Random)
        return Question(
            methods=tuple(dict.fromkeys(methods)),
            references=tuple(dict.fromkeys(parse_spec(spec, self.flags) for spec in compared)),
            metrics=tuple(dict.fromkeys(metrics)),
            target=",".join(target.target),
            view=picture.view_kind,
            max_pixels=picture.limit,
            seed=control.seed,
            fill=removal.fill,
            steps=self.steps,
            others=self.others,
            reference_image=target.reference_image,
            objects=objects,
            ceiling=self.ceiling,
            usual=not self.method,
        )

    def _objects(self) -> Objects | None:
        """Return where the objects are; UsageError: both boxes and masks, InputError: they cannot be read."""
        from vitexplain.evaluation import list_masks, read_boxes

        if self.boxes is not None and self.masks is not None:
            raise UsageError("--boxes and --masks cannot be combined: give one of them")
        if self.masks is not None:
            return list_masks(self.masks)
        return None if self.boxes is None else read_boxes(self.boxes)

    def _flags_of(self, name: str) -> Mapping[str, str]:
        return {name: self.flags[name]} if name in self.flags else {}


@dataclass(frozen=True)
class TableOptions(OutputOptions):
    """How the tables are printed, and where they are written."""

    csv: bool = option(False, "Print CSV on stdout and nothing else.")

    def check(self) -> None:
        """Raise UsageError for two formats at once."""
        if self.json and self.csv:
            raise UsageError("--json and --csv cannot be combined: give one of them")
