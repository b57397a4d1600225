"""The options of `animate` alone: what its frames show, how many there are, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vitexplain.cli.check_options import SHARED, removal_options
from vitexplain.cli.figure_output import check_choice
from vitexplain.cli.groups import OUTPUT, Group, option
from vitexplain.cli.method_options import MethodOptions
from vitexplain.errors import ModelError, UsageError

if TYPE_CHECKING:
    from vitexplain.methods import Method
    from vitexplain.methods.deletion import Deletion
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request, Variants
    from vitexplain.result import Explanation

LAYERS, DELETION = OVER = ("layers", "deletion")
STEPS = 16
"""Steps of a deletion, as many as the judge's."""


@dataclass(frozen=True)
class AnimationOptions(Group):
    """What the frames show, how many there are, and what kind of file they become."""

    panel: ClassVar[str] = OUTPUT
    over: str = option(
        LAYERS,
        "layers (how the map grows: up to layer k, for raw each layer alone) or deletion (patches removed, the highest "
        "scores first, with the model's answer; --fill and --seed apply).",
        metavar="|".join(OVER),
    )
    form: str = option("gif", "gif or webp, a fraction of the size.", flags=["--format"], metavar="FORMAT")
    frames: int | None = option(
        None, "Most frames.", low=2, high=100, shown=f"one for each layer; {STEPS + 1} of a deletion"
    )
    duration: float = option(0.4, "Seconds that a frame is shown; the last one four times as long.", low=0.02, high=60)
    size: int = option(640, "Pixels of the longer side.", low=160, high=1600)

    @property
    def by_layer(self) -> bool:
        """Whether each frame shows layers, not a step of a deletion."""
        return self.over == LAYERS

    @property
    def ending(self) -> str:
        """How the file's name ends."""
        return f".animate-{self.over}.{self.form}"

    def shown(self, method: MethodOptions, deletions: list[Deletion]) -> tuple[tuple[Method, ...], Variants]:
        """Return the one method, and what stands for it; a deletion is added to `deletions` when it is computed.

        UsageError: an unknown word, several methods, or one without layers over layers.
        """
        from vitexplain.pipeline import BY_LAYER, keeping_deletions, require_layers
        from vitexplain.render.moving import MOVING_FORMATS

        check_choice("over", self.over, OVER)
        check_choice("format", self.form, MOVING_FORMATS)
        methods = method.chosen(but=() if self.by_layer else SHARED)
        if len(methods) > 1:
            raise UsageError(f"animate shows one method, given {len(methods)}: give --method once")
        if not self.by_layer:
            steps = (self.frames or STEPS + 1) - 1
            return methods, keeping_deletions(deletions, steps, **removal_options(method.flags))
        if method.method:
            require_layers(methods)
        return methods, BY_LAYER

    def check(self, request: Request, model: LoadedModel) -> None:
        """Raise UsageError for several classes, or one layer alone; ModelError for a deletion without an answer."""
        from vitexplain.methods import options_of
        from vitexplain.pipeline.targets import Targets

        targets = request.targets(model)
        if isinstance(targets, Targets) and targets.may_be_several:
            raise UsageError("animate shows one class: give `target=top1`, an index or a label")
        if not (self.by_layer or model.num_classes or request.reference_image):
            raise ModelError(
                f"`over=deletion` asks the model again without patches, but '{model.name}' returns no classes: give a "
                "picture to compare with as `reference_image=`, and `methods=relevance`, or `over=layers`"
            )
        first, last = options_of(request.methods[0]).get("layers") or (1, model.depth)
        if self.by_layer and first == last:
            raise UsageError(f"layer {last} alone is one frame: give more with `layers=`, or `over=deletion`")

    def chosen_of(self, explanations: Sequence[Explanation]) -> tuple[Explanation, ...]:
        """Return the explanations that become frames, evenly spaced and both ends among them."""
        if not self.by_layer:
            return tuple(explanations)
        count = min(self.frames or len(explanations), len(explanations))
        return tuple(explanations[round(place * (len(explanations) - 1) / (count - 1))] for place in range(count))
