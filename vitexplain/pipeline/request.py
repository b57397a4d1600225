"""Request: what is asked of every image, fitted to a model and checked before the first image is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitexplain.errors import UsageError
from vitexplain.images import DEFAULT_MAX_PIXELS, ViewKind
from vitexplain.methods import Method
from vitexplain.models import LoadedModel
from vitexplain.pipeline.checks import check_dimensions, check_precision, check_view, require_class_method
from vitexplain.pipeline.class_words import Classes, class_words, one_class
from vitexplain.pipeline.default import DEFAULT, PLAIN, Default, why_plain
from vitexplain.pipeline.targets import Targets, resolve_targets
from vitexplain.pipeline.variants import AS_THEY_ARE, Variants


@dataclass(frozen=True)
class Request:
    """What is asked of every image: the methods, the view, how many predictions, how large a picture may be.

    `target` (top1, topK, an index, a label, several with commas or in a list, all) and `against` are the classes that
    class-specific methods explain; they are kept as text. `top_k` is the most predictions that are returned; a model
    with fewer classes returns as many as it has. `variants`: what stands for each method, by layer or by head, say.
    `notices`: what `for_model` changed. UsageError: options without effect on any of the methods.
    """

    methods: tuple[Method, ...]
    view: ViewKind | None = None
    top_k: int = 5
    max_pixels: int = DEFAULT_MAX_PIXELS
    target: Classes = "top1"
    against: str | int | None = None
    variants: Variants = AS_THEY_ARE
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", class_words("target", self.target))
        if self.against is not None:
            object.__setattr__(self, "against", one_class("against", self.against))
        if self.top_k < 1:
            raise UsageError(f"`top_k={self.top_k}` is not valid: expected a whole number from 1")
        if self.asks_for_class:
            require_class_method("target" if self.target != "top1" else "against", self.methods)
        self.variants.check(self.methods)

    @property
    def asks_for_class(self) -> bool:
        """Whether another class than the first prediction is to be explained."""
        return self.target != "top1" or self.against is not None

    def for_model(self, model: LoadedModel) -> Request:
        """Return the request as this model serves it, the default fitted to it; no image is read, the model not run.

        UsageError: a class, view, layer, head, source or window that does not exist, or gradients in half precision;
        ModelError: a class of a model without classifier.
        """
        methods = tuple(
            method.for_model(model, class_asked=self.asks_for_class) if isinstance(method, Default) else method
            for method in self.methods
        )
        gave_way = any(method.needs != before.needs for method, before in zip(methods, self.methods, strict=True))
        notices = (f"plain {PLAIN} instead of {DEFAULT}: {why_plain(model)}",) if gave_way else ()
        fitted = replace(self, methods=methods, notices=(*self.notices, *notices))
        fitted.targets(model)
        check_precision(model, methods)
        check_view(model, self.view)
        check_dimensions(model, methods, self.view)
        return fitted

    def targets(self, model: LoadedModel) -> Targets | None:
        """Return the classes to explain, None where no method explains one.

        UsageError: a class that does not exist; ModelError: a model without classifier.
        """
        if not any("target" in method.needs for method in self.methods):
            return None
        assert isinstance(self.target, str | tuple) and not isinstance(self.against, int)
        return resolve_targets(self.target, self.against, model)
