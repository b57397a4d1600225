"""Result and Failure: what is known about one image, and its record (schema "vitexplain/1").

A record is a plain dict whose keys are always in the same order, so that the same result gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from vitexplain import __version__, errors
from vitexplain.errors import InputError, UsageError, VitexplainError
from vitexplain.images import View, ViewKind
from vitexplain.result.explanation import Explanation, Prediction, Similarity, Target, class_fields, read_class
from vitexplain.result.fields import Fields
from vitexplain.result.json_values import dump, plain
from vitexplain.result.recorded import RecordedPicture
from vitexplain.result.transform import Transform
from vitexplain.result.truth import Truth

if TYPE_CHECKING:
    from PIL import Image

    from vitexplain.images import Picture

SCHEMA = "vitexplain/1"


@dataclass(frozen=True)
class ModelInfo:
    """The model as a record names it; `grid` is (rows, cols) for the pixels that this image was given as.

    `origin` says where its weights come from; in the record it is called `source`. `transform` is how its pictures are
    prepared, the same for all of them. `activation`: what made probabilities of its outputs, softmax, sigmoid or none.
    `prompts`: the questions in words that are its classes, each put into the `templates`; () where there are none.
    """

    name: str
    origin: str
    layers: int
    heads: int
    tokens: int
    prefix: int
    grid: tuple[int, int]
    transform: Transform
    activation: str = "softmax"
    prompts: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()

    def questions(self) -> dict[str, list[str]]:
        """Return the prompts and their templates as the record has them, those that there are."""
        both = {"prompts": list(self.prompts), "templates": list(self.templates)}
        return {name: texts for name, texts in both.items() if texts}


@dataclass(frozen=True, eq=False)
class Result:
    """One image explained: the picture, the view the model had of it, what it predicted, and what each method found.

    `drawn_by` draws the overlay of an explanation; a result that was read from its record has none, and no pixels.
    `key` is the picture's name in the source of a batch, `truth` the label that came with it; None where there is none.
    """

    picture: Picture | RecordedPicture
    view: View
    model: ModelInfo
    predictions: tuple[Prediction, ...]
    explanations: tuple[Explanation, ...]
    runtime: Mapping[str, object] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    version: str = __version__
    drawn_by: Callable[..., Image.Image] | None = field(default=None, repr=False)
    key: str | None = None
    truth: Truth | None = None

    def __repr__(self) -> str:
        """Return one line: the picture, the first prediction, the specs."""
        first = self.predictions[0] if self.predictions else None
        seen = f"{first.label or first.index} {first.shown}" if first else "no predictions"
        specs = ", ".join(explanation.spec for explanation in self.explanations)
        return f"<Result of {self.picture.path or 'an image'}: {seen}; {specs}>"

    def is_first(self, target: Target | Similarity) -> bool:
        """Return whether `target` is what raises the class of the first prediction."""
        if isinstance(target, Similarity) or target.lowers:
            return False
        return [target.index] == [prediction.index for prediction in self.predictions[:1]]

    def to_record(
        self,
        files: Sequence[Mapping[str, str]] | None = None,
        display: Callable[[Explanation], tuple[float, float] | None] | None = None,
    ) -> dict[str, Any]:
        """Return the record; `files` has one mapping per explanation, `display` gives the ends of the colour scale.

        They are those that were asked for (`Drawing.asked`); None where that is the usual scale.
        The top-level `notices` (an animation's first frame, say) is present only if there are any.
        """
        (width, height), box = self._in_file()
        written: Sequence[Mapping[str, str] | None] = [None] * len(self.explanations) if files is None else files
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "image": {
                **_named(self.picture.path, self.key),
                "sha256": self.picture.sha256,
                "width": width,
                "height": height,
                "view": {"kind": self.view.kind, "box": plain(box), "size": plain(self.view.size)},
            },
            "model": {
                "name": self.model.name,
                "source": self.model.origin,
                "layers": self.model.layers,
                "heads": self.model.heads,
                "tokens": self.model.tokens,
                "prefix": self.model.prefix,
                "grid": list(self.model.grid),
                "transform": self.model.transform.to_record(),
                "activation": self.model.activation,
                **self.model.questions(),
            },
            **({} if self.truth is None else {"truth": self.truth.to_record()}),
            "predictions": [
                {**class_fields(p), "probability": plain(p.probability), "logit": plain(p.logit)}
                for p in self.predictions
            ],
            "explanations": [
                explanation.to_record(named, display(explanation) if display else None)
                for explanation, named in zip(self.explanations, written, strict=True)
            ],
            "runtime": plain(self.runtime),
        }
        notices = [*self.picture.notices, *self.notices]
        if notices:
            record["notices"] = notices
        return {**record, "seconds": _seconds(self.seconds), "version": self.version}

    def _in_file(self) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
        """Return the picture's (width, height) and the view's box in pixels of the whole, upright file."""
        size, box = (self.picture.width, self.picture.height), self.view.box
        whole = self.picture.whole
        if whole is None:
            return size, box
        across, down = whole[0] / size[0], whole[1] / size[1]
        return whole, (box[0] * across, box[1] * down, box[2] * across, box[3] * down)

    def to_json(self) -> str:
        """Return the record as one line of JSON, without the line's end."""
        return dump(self.to_record())

    def overlay(self, index: int = 0, **drawing: Any) -> Image.Image:
        """Return the picture with the heatmap of explanation `index` on it; keywords are the fields of Drawing."""
        if not -len(self.explanations) <= index < len(self.explanations):
            raise UsageError(
                f"there is no explanation {index}: this result holds {len(self.explanations)}, counted from 0"
            )
        if self.drawn_by is None:
            raise UsageError("a result that was read from its record has no pixels to draw on: explain the image again")
        return self.drawn_by(self, self.explanations[index], **drawing)

    def _repr_png_(self) -> bytes | None:
        """Return the overlay of the first explanation as PNG: what a notebook shows."""
        if not self.explanations or self.drawn_by is None:
            return None
        stream = io.BytesIO()
        self.overlay().save(stream, "PNG")
        return stream.getvalue()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Result:
        """Return the result of a record: what `to_record` wrote; the picture without its pixels.

        InputError: another schema, the record of an image that failed, a field that is missing or of another type.
        """
        fields = Fields(record)
        fields.require_schema(SCHEMA)
        if "error" in fields:
            raise InputError("the record is that of an image that failed: `Failure.from_record` reads it")
        image, model = fields.inside("image"), fields.inside("model")
        view, activation = image.inside("view"), model.one_of("activation", ("softmax", "sigmoid", "none"))
        return cls(
            picture=RecordedPicture.from_record(image),
            view=View(view.one_of("kind", get_args(ViewKind)), view.numbers("box", 4), view.numbers("size", 2)),
            model=ModelInfo(
                name=model.text("name"),
                origin=model.text("source"),
                layers=model.whole("layers"),
                heads=model.whole("heads"),
                tokens=model.whole("tokens"),
                prefix=model.whole("prefix"),
                grid=model.numbers("grid", 2),
                transform=Transform.from_record(model.inside("transform")),
                activation=activation,
                prompts=model.texts("prompts") if "prompts" in model else (),
                templates=model.texts("templates") if "templates" in model else (),
            ),
            predictions=tuple(
                Prediction(*read_class(each), each.number("probability"), each.number("logit"), activation)
                for each in fields.each("predictions")
            ),
            explanations=tuple(Explanation.from_record(each) for each in fields.each("explanations")),
            runtime=dict(fields.mapping("runtime")),
            seconds=dict(fields.mapping("seconds")),
            notices=fields.texts("notices") if "notices" in fields else (),
            version=fields.text("version"),
            key=image.text("key") if "key" in image else None,
            truth=Truth.from_record(fields.inside("truth")) if "truth" in fields else None,
        )


@dataclass(frozen=True, eq=False)
class Failure:
    """One image that could not be explained, and why; `path` and `key` are those of a Result."""

    path: str | None
    error: VitexplainError
    seconds: Mapping[str, float] = field(default_factory=dict)
    version: str = __version__
    key: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the record of the failure."""
        return {
            "schema": SCHEMA,
            "image": _named(self.path, self.key),
            "error": {"type": type(self.error).__name__, "message": str(self.error)},
            "seconds": _seconds(self.seconds),
            "version": self.version,
        }

    def to_json(self) -> str:
        """Return the record as one line of JSON, without the line's end."""
        return dump(self.to_record())

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Failure:
        """Return the failure of a record: what `to_record` wrote; InputError as in `Result.from_record`."""
        fields = Fields(record)
        fields.require_schema(SCHEMA)
        error = fields.inside("error")
        kind = getattr(errors, error.text("type"), None)
        if not (isinstance(kind, type) and issubclass(kind, VitexplainError)):
            kind = VitexplainError  # of a later version
        image = fields.inside("image")
        return cls(
            path=image.text_or_none("path"),
            error=kind(error.text("message")),
            seconds=dict(fields.mapping("seconds")),
            version=fields.text("version"),
            key=image.text("key") if "key" in image else None,
        )


def _named(path: str | None, key: str | None) -> dict[str, Any]:
    """Return what names a picture in its record."""
    return {"path": path} if key is None else {"path": path, "key": key}


def _seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return timings rounded to microseconds."""
    return {name: round(float(value), 6) for name, value in seconds.items()}
