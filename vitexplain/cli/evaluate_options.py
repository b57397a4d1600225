"""The options of `evaluate` alone: what is judged, by what, and how the tables are printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitexplain.cli.groups import option
from vitexplain.cli.method_options import MethodFlags, TargetOptions, method_option
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.evaluation import Question


@dataclass(frozen=True)
class JudgedMethods(MethodFlags):
    """The methods that are judged, by which metrics, against what.

    `steps` are those of deletion and insertion and replace integrated gradients' flag of the same name.
    """

    method: list[str] = method_option(["raw", "rollout", "flow"])
    reference: list[str] = option(
        ["blank-out", "input-gradient"],
        "What the methods are correlated with: blank-out, input-gradient, or another method. Repeatable.",
        metavar="SPEC",
    )
    metric: list[str] = option(
        ["spearman"],
        "spearman (rank correlation with the references, by layer), deletion, insertion, saco, or randomisation (rank "
        "correlation with the model's upper layers re-initialised). Repeatable.",
    )
    steps: int = option(16, "Steps of deletion and insertion.", low=1)
    others: bool = option(
        True,
        "Also use each method's map of another image as a control; doubles the time of deletion, insertion and saco.",
        flags=["--others/--no-others"],
    )

    def question(self, target: TargetOptions, picture: PictureOptions) -> Question:
        """Return the question; UsageError for an option that none of the methods, references or metrics has."""
        from vitexplain.evaluation import METRICS, Question
        from vitexplain.methods import parse_methods, parse_spec
        from vitexplain.methods.blank_out import BlankOut
        from vitexplain.methods.random import Random

        # What the metrics themselves use, besides the seed.
        used = {option for name in self.metric if name in METRICS for option in METRICS[name].options}
        compared = self.reference if "references" in used else []
        parse_methods(
            [*self.method, *compared], {name: text for name, text in self.flags.items() if name not in {"seed", *used}}
        )
        removal = parse_spec("blank-out", self._flags_of("fill"))
        control = parse_spec("random", self._flags_of("seed"))
        assert isinstance(removal, BlankOut) and isinstance(control, Random)
        return Question(
            methods=tuple(dict.fromkeys(parse_spec(spec, self.flags) for spec in self.method)),
            references=tuple(dict.fromkeys(parse_spec(spec, self.flags) for spec in compared)),
            metrics=tuple(dict.fromkeys(self.metric)),
            target=",".join(target.target),
            view=picture.view_kind,
            max_pixels=picture.limit,
            seed=control.seed,
            fill=removal.fill,
            steps=self.steps,
            others=self.others,
            reference_image=target.reference_image,
        )

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
