"""The options of `compare` alone: what its figure shows side by side, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitexplain.cli.figure_output import check_choice, format_option
from vitexplain.cli.groups import OUTPUT, Group, option
from vitexplain.cli.method_options import MethodFlags, TargetOptions, method_option, target_option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.methods import Method

BY_LAYER, BY_HEAD, BY_TARGET = "--by-layer", "--by-head", "--by-target"
METHODS = ["attn-lrp", "relevance", "raw", "random"]
"""Drawn beside the default of `run`: two that explain the class, attention, and the control."""
METHODS_BY_PART = ["raw", "rollout", "flow"]
"""Drawn by layer and by head."""
METHODS_BY_TARGET = ["relevance", "rollout"]
"""Drawn beside the default of `run` by class."""


@dataclass(frozen=True)
class ComparedMethods(MethodFlags):
    """The methods of a figure, and what its rows and columns are."""

    method: list[str] = method_option(
        [],
        f"the default of run, {', '.join(METHODS)}; with --by-layer and --by-head {', '.join(METHODS_BY_PART)}; with "
        f"--by-target the default of run, {', '.join(METHODS_BY_TARGET)}",
    )
    by_layer: bool = option(False, "One row per method, one column per layer k: the graph cut off after layer k.")
    by_head: bool = option(
        False,
        "One column per head: raw attention in a row for each layer, rollout and flow with one head number throughout. "
        "Head numbers do not correspond between layers.",
    )
    by_target: bool = option(
        False,
        "One row per class, by default the three most probable (never that of --against); one column per method that "
        "explains a class. Methods that explain no class are drawn once, in the last row.",
    )

    @property
    def arrangement(self) -> str | None:
        """The one flag that was given, None for panels side by side; UsageError for several."""
        given = {BY_LAYER: self.by_layer, BY_HEAD: self.by_head, BY_TARGET: self.by_target}
        flags = [flag for flag, wanted in given.items() if wanted]
        if len(flags) > 1:
            raise UsageError(f"{' and '.join(flags)} cannot be combined: give one of them")
        return flags[0] if flags else None

    def chosen(self) -> tuple[Method, ...]:
        """Return the methods; UsageError for a figure by class if none of them explains a class."""
        from vitexplain.methods import parse_methods
        from vitexplain.pipeline import default_methods, require_class_method

        chosen: Sequence[str | Method] = self.method or METHODS_BY_PART
        if not self.method and not (self.by_layer or self.by_head):
            beside = METHODS_BY_TARGET if self.by_target else METHODS
            chosen = [*default_methods(self.flags), *beside]
        methods = parse_methods(chosen, self.flags)
        if self.by_target:
            require_class_method("by_target", methods)
        return methods


@dataclass(frozen=True)
class ComparedTarget(TargetOptions):
    """The class of the figure, or the classes of its rows."""

    target: list[str] = target_option([], "top1; with --by-target top3")

    def classes_of(self, arrangement: str | None) -> str | tuple[str, ...]:
        """Return the classes, by default top1, or top3 for rows by class."""
        return self.classes or ("top3" if arrangement == BY_TARGET and self.reference_image is None else "top1")


@dataclass(frozen=True)
class FigureOptions(Group):
    """How the figure is drawn."""

    panel: ClassVar[str] = OUTPUT
    form: str = format_option("png")
    scale_per: str | None = option(
        None,
        "What shares one colour scale: each panel has its own (default), or all panels of a method (gradient fusion "
        "counts as a method of its own), or all panels of the figure.",
        metavar="panel|method|figure",
    )

    def check(self, scale: str | None) -> None:
        """Raise UsageError for an unknown word, or a `scale` given as well."""
        from vitexplain.figures import FIGURE_FORMATS

        if scale is not None and self.scale_per is not None:
            raise UsageError("--scale and --scale-per cannot be combined: give one of them")
        check_choice("scale-per", self.scale_per or "panel", ("panel", "method", "figure"))
        check_choice("format", self.form, FIGURE_FORMATS)
