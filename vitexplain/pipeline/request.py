"""Request: what is asked of every image, and the check that a model can serve it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitexplain.errors import UsageError
from vitexplain.images import DEFAULT_MAX_PIXELS, ViewKind
from vitexplain.methods import Method, over_upper_layers, without_gradients
from vitexplain.methods.method import Need
from vitexplain.models import LoadedModel
from vitexplain.models.targets import Targets
from vitexplain.pipeline.explanations import FULL_PRECISION, check_effect, require_flow, resolve


@dataclass(frozen=True)
class Request:
    """What is asked of every image: the methods, the view, how many predictions, how large a picture may be.

    `target` (top1, topK, an index, a label, several with commas or in a tuple, all) and `against` are the classes that
    class-specific methods explain. `top_k` is the most predictions that are returned; a model with fewer classes
    returns as many as it has. `verify` asks of flows that they be materialised edge by edge and checked. `by_default`:
    nobody chose the methods, so they may give way to one that any model can serve.
    """

    methods: tuple[Method, ...]
    view: ViewKind | None = None
    top_k: int = 5
    max_pixels: int = DEFAULT_MAX_PIXELS
    target: str | tuple[str, ...] = "top1"
    against: str | None = None
    verify: bool = False
    by_default: bool = False

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise UsageError(f"top-k {self.top_k} is not valid: expected a whole number from 1")
        check_effect(self.methods, self.target, self.against)
        if self.verify:
            require_flow("verify", self.methods)

    @property
    def needs(self) -> frozenset[Need]:
        """What the methods need beside attention."""
        return frozenset(need for method in self.methods for need in method.needs)

    def targets(self, model: LoadedModel) -> Targets | None:
        """Return the classes to explain, None where no method explains one; UsageError if one does not exist."""
        return resolve(self.methods, self.target, self.against, model)

    def served_by(self, model: LoadedModel) -> Request:
        """Return the request for this model: the default over its upper layers, or plain rollout where it must be.

        That is without a classifier, or with numbers too coarse for gradients. A class asked for is not forgotten.
        """
        if not self.by_default:
            return self
        asked = self.target != "top1" or self.against is not None
        if asked or (model.num_classes and model.dtype in FULL_PRECISION):
            return replace(self, methods=over_upper_layers(self.methods, model.depth))
        return replace(self, methods=without_gradients(self.methods))


def check_view(model: LoadedModel, request: Request) -> None:
    """Raise the error of a view, a target or a precision that the model cannot serve: no image needs to be read."""
    request.targets(model)
    if request.view == "whole" and not model.preprocess.flexible:
        size = " x ".join(map(str, model.preprocess.size))
        raise UsageError(f"view whole: model {model.name} takes {size} pixels only: use --view crop or squash")
