"""Prompts: questions in words that pictures are compared with, and the templates that they are put into."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitexplain.errors import ModelError, UsageError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.json_text import MAX_BYTES
from vitexplain.models.label_files import PLAIN, unprintable
from vitexplain.models.labels import Labels

PREFIX = "clip:"
"""Before the name of a model that has a text tower: a folder, a name on the hub, or one of open_clip's."""

Templates = str | os.PathLike[str] | Sequence[str]

SIMPLE = "simple"
PLACE = "{}"
BUILT_IN = {
    SIMPLE: (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    )
}
"""Seven templates that serve nearly as well as all 80: from CLIP's notebook Prompt_Engineering_for_ImageNet."""

_FORMS = f"one template a line, with {PLACE} where the prompt stands, or the word {SIMPLE}"


_CHOOSING = "single_label_classification"


@dataclass(frozen=True)
class Prompts:
    """The prompts as they were given, each a class; `templates` that each is put into, () for the prompt as it is.

    `tokens_sha256`: of the numbers that the model's tokenizer makes of all sentences, once it has.
    """

    texts: tuple[str, ...]
    templates: tuple[str, ...] = ()
    tokens_sha256: str | None = None

    @property
    def labels(self) -> Labels:
        """The prompts as names of classes."""
        return Labels([[text] for text in self.texts])

    def sentences(self) -> Iterator[list[str]]:
        """Yield for each prompt the sentences whose mean stands for it: itself, or one for each template."""
        for text in self.texts:
            yield [template.replace(PLACE, text) for template in self.templates or (PLACE,)]


def read_prompts(prompts: str | Sequence[str] | None, templates: Templates | None = None) -> Prompts | None:
    """Return the prompts given, None for none; their number is not looked at.

    UsageError: empty ones, two that are equal, or templates without prompts; ModelError: templates that cannot be read.
    """
    if prompts is None:
        if templates is not None:
            raise UsageError("`templates=` has no effect without prompts: add them, `prompts='koala'`")
        return None
    given = [prompts] if isinstance(prompts, str) else list(prompts)
    if not given:
        raise UsageError("no prompts given: add one for each answer, `prompts='a koala'`")
    texts: list[str] = []
    for number, text in enumerate(given, start=1):
        if not isinstance(text, str):
            raise UsageError(f"prompt {number} is of type {type(text).__name__}: expected text, `prompts='a koala'`")
        if not text.strip():
            raise UsageError(f"prompt {number} is empty: give words, `prompts='a koala'`")
        texts.append(" ".join(text.split()))
    require_different([text.casefold() for text in texts], texts)
    found = Prompts(tuple(texts), () if templates is None else _read_templates(templates))
    odd = unprintable(found.labels)
    if odd is not None:
        raise UsageError(f"prompt {odd + 1} has a sign that cannot be shown, or no end: {PLAIN}")
    return found


def without_prefix(name: str) -> str:
    """Return the folder or name in "clip:NAME_OR_FOLDER"; other names as they are."""
    return name.removeprefix(PREFIX)


def check_beside_prompts(others: Mapping[str, object]) -> None:
    """Raise UsageError for an option that is given beside prompts, which decide what it is about."""
    for option, value in others.items():
        if value is not None:
            raise UsageError(f"`{option}=` has no effect beside `prompts=`, which are the classes: leave one out")


def refuse_for_module(prompts: object, templates: object) -> None:
    """Raise UsageError for prompts or templates beside a module."""
    if prompts is not None or templates is not None:
        raise UsageError(
            "`prompts=` needs the tokenizer, too, which a module does not have: save both into a folder with "
            "save_pretrained, and give `model=clip:FOLDER`"
        )


def check_comparable(prompts: Prompts | None, problem_type: str | None, activation: str) -> None:
    """Raise UsageError for one prompt alone where probabilities are shares of all prompts."""
    choosing = problem_type == _CHOOSING and activation == "auto"
    if prompts is not None and len(prompts.texts) == 1 and (choosing or activation == "softmax"):
        raise UsageError(
            f"the prompt '{shown(prompts.texts[0])[:60]}' alone would always have 100%: add others to choose from, "
            "such as `prompts='a photo'`, or `activation=none` for its value (100 times the cosine similarity in CLIP)"
        )


def prompt_notices(prompts: Prompts | None, problem_type: str | None, activation: str) -> tuple[str, ...]:
    """Return a notice where probabilities were asked for that the model was not trained to give."""
    if prompts is None or (problem_type, activation) != (_CHOOSING, "sigmoid"):
        return ()
    return ("the model was trained to choose between prompts: sigmoids of its logits say little of a prompt alone",)


def require_different(each: Sequence[object], texts: Sequence[str], why: str = "") -> None:
    """Raise UsageError for the first two prompts that are equal, going by what stands for each; `why` they are."""
    places: dict[object, int] = {}
    for number, what in enumerate(each):
        first = places.setdefault(what, number)
        if first != number:
            raise UsageError(
                f"prompts {first + 1} and {number + 1}, '{shown(texts[first])[:60]}' and "
                f"'{shown(texts[number])[:60]}', are the same{why}: give each once"
            )


def _read_templates(given: Templates) -> tuple[str, ...]:
    if isinstance(given, str) and given in BUILT_IN:
        return BUILT_IN[given]
    if isinstance(given, str) and PLACE in given:
        return (given,)
    if not isinstance(given, str | os.PathLike):
        return _checked(list(given), "given")
    label = shown(str(given))
    try:
        lines = read_regular(Path(given), MAX_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ModelError(f"templates {label}: not a text in UTF-8, expected {_FORMS}") from None
    except UnreadableError as error:
        raise ModelError(f"templates {label}: cannot be read ({error.reason}), expected {_FORMS}") from None
    return _checked([line for line in lines if line.strip()], label)


def _checked(lines: Sequence[object], label: str) -> tuple[str, ...]:
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str) or PLACE not in line:
            raise ModelError(f"templates {label}: template {number} is {ascii(line)[:60]}, expected {_FORMS}")
    if not lines:
        raise ModelError(f"templates {label}: none in it, expected {_FORMS}")
    return tuple(" ".join(str(line).split()) for line in lines)
