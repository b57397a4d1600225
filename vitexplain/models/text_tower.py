"""TextTower: the part of a model of pictures and texts that reads sentences; prompts as the rows of a classifier."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.errors import ModelError, UsageError
from vitexplain.images.files import shown
from vitexplain.models.built import Built
from vitexplain.models.prompts import Prompts, require_different
from vitexplain.networks.prompt_classifier import PromptClassifier

Answer = TypeVar("Answer")

_AT_ONCE = 64
"""Sentences that the text tower reads together."""


@dataclass(frozen=True, eq=False)
class TextTower:
    """Reads sentences: `tokens` returns their numbers, uncut, `embed` the embeddings (n, D) of n sentences.

    `context` is the most tokens of a sentence, `vocabulary` how many different ones there are. A logit is
    `scale` * cosine similarity + `bias`; without a bias the model was trained to choose between texts, with one to
    judge each by itself.
    """

    tokens: Callable[[Sequence[str]], list[list[int]]]
    embed: Callable[[Sequence[str]], Tensor]
    context: int
    vocabulary: int
    scale: float
    bias: float | None

    @property
    def problem_type(self) -> str:
        """transformers' name of the question that the logits answer: one of several, or each by itself."""
        return "single_label_classification" if self.bias is None else "multi_label_classification"


def with_prompts(built: Built, label: str, text: TextTower, prompts: Prompts) -> Built:
    """Return the tower that sees pictures with the prompts as its classes; errors as of `embed_prompts`."""
    embeddings, asked = embed_prompts(label, text, prompts)
    return replace(
        built,
        module=PromptClassifier(built.module, embeddings, text.scale, text.bias),
        label_table=asked.labels,
        problem_type=text.problem_type,
        prompts=asked,
    )


def embed_prompts(name: str, text: TextTower, prompts: Prompts) -> tuple[Tensor, Prompts]:
    """Return the normalised embeddings (C, D) of the prompts, and the prompts with the digest of their tokens.

    The embedding of a prompt with templates is the mean of the normalised embeddings of all its sentences, normalised
    once more (CLIP's section 3.1.4 and its notebook). UsageError: a sentence that is too long, or two prompts that the
    model cannot tell apart; ModelError: the towers or the tokenizer do not fit.
    """
    sentences = list(prompts.sentences())
    numbers = iter(_answer(name, text.tokens, list(chain(*sentences))))
    tokens = [[next(numbers) for _ in group] for group in sentences]
    for sentence, found in zip(chain(*sentences), chain(*tokens), strict=True):
        if len(found) > text.context:
            raise UsageError(
                f"prompt '{shown(sentence)[:60]}' has {len(found)} tokens, the model reads at most {text.context}: "
                "shorten it"
            )
        if max(found, default=0) >= text.vocabulary:
            raise ModelError(
                f"model {name}: its tokenizer has tokens that its text tower does not know ({max(found)} of "
                f"{text.vocabulary}): both must be of one model"
            )
    require_different([str(group) for group in tokens], prompts.texts, " to this model's tokenizer")
    with torch.no_grad():
        each = functional.normalize(_embedded(name, text, list(chain(*sentences))), dim=-1)
        embeddings = functional.normalize(each.reshape(len(sentences), -1, each.size(1)).mean(1), dim=-1)
    if not (torch.isfinite(embeddings).all() and math.isfinite(text.scale) and math.isfinite(text.bias or 0.0)):
        raise ModelError(f"model {name}: its text tower returned numbers that are not finite: try other weights")
    digest = hashlib.sha256(json.dumps(tokens).encode()).hexdigest()
    return embeddings, replace(prompts, tokens_sha256=digest)


def _embedded(name: str, text: TextTower, sentences: Sequence[str]) -> Tensor:
    starts = range(0, len(sentences), _AT_ONCE)
    return torch.cat([_answer(name, text.embed, sentences[start : start + _AT_ONCE]).float() for start in starts])


def _answer(name: str, function: Callable[[Sequence[str]], Answer], sentences: Sequence[str]) -> Answer:
    """Return what a library's function makes of sentences; ModelError for whatever it raises."""
    try:
        return function(sentences)
    except ModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(
            f"model {name}: its tokenizer and text tower cannot read the prompts ({type(error).__name__}: {reason}): "
            "check that both are of one model"
        ) from None
