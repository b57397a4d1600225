"""transformers' models of pictures and texts (CLIP, SigLIP, SigLIP 2) with prompts as classes, from their folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitexplain.errors import MissingExtraError, ModelError
from vitexplain.models.built import Built
from vitexplain.models.prompts import Prompts
from vitexplain.models.text_files import VOCABULARIES
from vitexplain.models.text_tower import TextTower, with_prompts
from vitexplain.models.transformers_model import quiet, read_module
from vitexplain.networks.outputs import read_output

_INPUTS = ("input_ids", "attention_mask")
_TEXT = ("text_model", "text_projection")


def transformers_prompted(
    folder: str, config: Mapping[str, Any], weights: Path | None, prompts: Prompts, label: str
) -> Built:
    """Return the tower in a folder, whose config.json is `config`, with the prompts as its classes.

    `label` names the model in messages. The text tower reads the prompts once and is left out afterwards. UsageError:
    prompts that do not fit; ModelError: weights or a tokenizer that are not there or do not fit; MissingExtraError: a
    library that they need.
    """
    module, built = read_module(folder, config, weights, whole=True)
    module.eval()
    text = _text_tower(module, read_tokenizer(Path(folder).expanduser(), label))
    with quiet():
        built = with_prompts(built, label, text, prompts)
    for part in _TEXT:
        if hasattr(module, part):
            setattr(module, part, nn.Identity())
    return built


def read_tokenizer(folder: Path, label: str, **options: Any) -> Any:
    """Return the tokenizer that transformers reads from a folder; code in it is never run.

    ModelError: there is none, or it cannot be read; MissingExtraError: a library that it needs.
    """
    if not any((folder / file).is_file() for file in VOCABULARIES):
        raise ModelError(
            f"model {label}: no tokenizer in it (none of {', '.join(VOCABULARIES)}), which reads the prompts: save it "
            "there, too, with tokenizer.save_pretrained(folder)"
        )
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **options)
    except ImportError as error:
        reason = " ".join(str(error).split())
        needed = next((each for each in ("sentencepiece", "protobuf", "tiktoken") if each in reason.lower()), None)
        if needed is None:
            raise ModelError(f"model {label}: its tokenizer needs a library ({reason[:160]}): install it") from None
        raise MissingExtraError(
            f"model {label}: its tokenizer needs {needed}, which is not installed: pip install {needed}"
        ) from None
    except Exception as error:  # whatever the library raises on files that it does not take
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(
            f"model {label}: its tokenizer cannot be read ({reason}): save it again with "
            "tokenizer.save_pretrained(folder)"
        ) from None


def _text_tower(module: Any, tokenizer: Any) -> TextTower:
    settings, bias = module.config.text_config, getattr(module, "logit_bias", None)
    context = int(settings.max_position_embeddings)
    # SigLIP was trained on sentences filled up to the context; CLIP never reads what follows the end of one.
    padding = {"padding": True} if bias is None else {"padding": "max_length", "max_length": context}

    def tokens(sentences: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = tokenizer(list(sentences))["input_ids"]
        return found

    def embed(sentences: Sequence[str]) -> Tensor:
        inputs = tokenizer(list(sentences), return_tensors="pt", **padding)
        given = {key: value for key, value in inputs.items() if key in _INPUTS}
        return read_output(module.get_text_features(**given), len(sentences), ("pooler_output", "text_embeds"))

    with torch.no_grad():
        scale = float(module.logit_scale.exp())
        return TextTower(tokens, embed, context, int(settings.vocab_size), scale, None if bias is None else float(bias))
