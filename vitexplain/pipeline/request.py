"""Request: what is asked of every image, fitted to a model and checked before the first image is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitexplain.errors import ModelError, UsageError
from vitexplain.images import DEFAULT_MAX_PIXELS, Least, PictureInput, Preprocess, ViewKind
from vitexplain.methods import Method
from vitexplain.models import LoadedModel
from vitexplain.pipeline.checks import (
    check_dimensions,
    check_graph,
    check_output,
    check_precision,
    check_view,
    require_class_method,
)
from vitexplain.pipeline.default import those_possible, with_default_for
from vitexplain.pipeline.picture_check import PictureCheck
from vitexplain.pipeline.reference import Reference, embed_reference
from vitexplain.pipeline.targets import Targets, as_words, resolve_targets
from vitexplain.pipeline.variants import AS_THEY_ARE, Variants


@dataclass(frozen=True)
class Request:
    """What is asked of every image: the methods, the view, how many predictions, how large a picture may be.

    `target` (top1, topK, aboveP, an index, a label, "not:" before one, several with commas or in a tuple, all) and
    `against` are the classes that class-specific methods explain; `reference_image`: a picture, likeness to which they
    explain for a model that returns an embedding. `top_k` is the most predictions that are returned; a model with fewer
    classes returns as many as it has. `variants`: what stands for each method, by layer or by head, say. `check`: how
    every explanation is checked on its own picture, None: it is not. `notices`: what `for_model` changed.
    `fast_decode`: large JPEGs are decoded at a part of their size, which makes scores differ a little, and keep so many
    pixels on their longer side (0: as few as the model needs); None: they are decoded whole. UsageError:
    options without effect on any of the methods.
    """

    methods: tuple[Method, ...]
    view: ViewKind | None = None
    top_k: int = 5
    max_pixels: int = DEFAULT_MAX_PIXELS
    target: str | tuple[str, ...] = "top1"
    against: str | None = None
    reference_image: PictureInput | Reference | None = None
    variants: Variants = AS_THEY_ARE
    check: PictureCheck | None = None
    notices: tuple[str, ...] = ()
    fast_decode: int | None = None

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise UsageError(f"`top_k={self.top_k}` is not valid: expected a whole number from 1")
        object.__setattr__(self, "target", as_words("target", self.target))
        if self.against is not None:
            object.__setattr__(self, "against", as_words("against", [self.against])[0])
        asked = {"target": self.target != "top1", "against": self.against is not None}
        asked["reference_image"] = self.reference_image is not None
        given = [name for name, is_given in asked.items() if is_given]
        if "reference_image" in given and len(given) > 1:
            raise UsageError(f"`{given[0]}=` and `reference_image=` cannot be combined: give one of them")
        # The check is about the likeness to the reference, whatever the methods.
        if given and not (self.check and given == ["reference_image"]):
            require_class_method(given[0], self.methods)
        self.variants.check(self.methods)

    @property
    def asks_for_class(self) -> bool:
        """Whether another class than the first prediction is to be explained, or likeness to a reference."""
        return self.target != "top1" or self.against is not None or self.reference_image is not None

    @property
    def reference_sha256(self) -> str | None:
        """The SHA-256 of the reference, once `for_model` has read it."""
        return self.reference_image.sha256 if isinstance(self.reference_image, Reference) else None

    def for_model(self, model: LoadedModel) -> Request:
        """Return the request as this model serves it, the default fitted to it.

        No image is read, and the model not run, but for the reference's embedding and to see whether the default's
        rules know its functions.
        UsageError: a class, view, layer, head, source or window that does not exist, gradients in half precision, a
        reference for a model with classes; ModelError: a class of a model without classifier.
        """
        methods, notices = with_default_for(model, self.methods, class_asked=self.asks_for_class)
        fitted = replace(self, methods=methods, notices=(*self.notices, *notices))
        if self.reference_image is None:
            fitted.targets(model)
        if self.check and self.reference_image is None and not model.num_classes:
            raise ModelError(
                f"`check=True` removes patches and asks the model again, but '{model.name}' returns no classes: give a "
                "picture to compare with as `reference_image=`, or leave the check out"
            )
        check_graph(model, methods)
        check_precision(model, methods)
        check_output(model, methods)
        check_view(model, self.view)
        check_dimensions(model, methods, self.view)
        if self.reference_image is None:
            return fitted
        return replace(fitted, reference_image=embed_reference(model, self.reference_image, self.view, self.max_pixels))

    def least(self, preprocess: Preprocess) -> Least | None:
        """Return how far a JPEG may be reduced: never below twice what the model sees; None: not at all."""
        return None if self.fast_decode is None else Least(2 * max(preprocess.resized), self.fast_decode)

    def where_possible(self, model: LoadedModel) -> Request:
        """Return the request without the methods that this model cannot do; the same if it is about a class."""
        return self if self.asks_for_class else replace(self, methods=those_possible(model, self.methods))

    def targets(self, model: LoadedModel) -> Targets | Reference | None:
        """Return the classes to explain, or the reference, None where no method explains one.

        UsageError: a class that does not exist; ModelError: a model without classifier.
        """
        about_class = any("target" in method.needs for method in self.methods)
        if isinstance(self.reference_image, Reference) and (about_class or self.check):
            return self.reference_image
        if not about_class:
            return None
        return resolve_targets(self.target, self.against, model)
