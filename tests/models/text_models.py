"""Small models of pictures and texts with random weights, written into folders with small tokenizers of their own."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.networks.other_libraries import PICTURES, SIZES, shaken
from vitexplain.models.timm_import import import_timm

CONTEXT = 12
WORDS = ("a", "the", "of", "photo", "koala", "tree", "red", "blue", "itap", ".")
PROMPTS = ["a koala", "the red tree", "blue"]


def word_tokenizer(folder: Path, *, start: bool = False) -> int:
    """Write a tokenizer of whole words as transformers does; return how many tokens it knows."""
    import_timm()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<end>": 1, "<unk>": 2, "<start>": 3}
    vocabulary |= {word: len(vocabulary) + number for number, word in enumerate(WORDS)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>" if start else "$A <end>", special_tokens=[("<end>", 1), ("<start>", 3)]
    )
    special = {"pad_token": "<pad>", "eos_token": "<end>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)
    return len(vocabulary)


def clip_tokenizer(folder: Path) -> int:
    """Write a tokenizer of CLIP's own class, of single letters with two merges; return how many tokens it knows."""
    import_timm()
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz."
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "ko", "tr", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocabulary, merges=[("k", "o"), ("t", "r")]).save_pretrained(folder)
    return len(tokens)


def letter_tokenizer(folder: Path) -> int:
    """Write a tokenizer of SigLIP 2's own class, of single letters; return how many tokens it knows."""
    import_timm()
    from transformers import Siglip2Tokenizer

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *"abcdefghijklmnopqrstuvwxyz."]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    Siglip2Tokenizer(vocab=vocabulary, merges=[], padding_side="right").save_pretrained(folder)
    return len(tokens)


def write_text_model(folder: Path, name: str, seed: int = 0, *, own_tokenizer: bool = True, **vision: Any) -> Any:
    """Return a small model of the class `name` of transformers that was written into the folder, with a tokenizer."""
    import_timm()
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    clip = name == "CLIPModel"
    own = {"CLIPModel": clip_tokenizer, "Siglip2Model": letter_tokenizer}.get(name) if own_tokenizer else None
    known = own(folder) if own else word_tokenizer(folder, start=clip)
    text = {**SIZES, "vocab_size": known, "max_position_embeddings": 40 if own else CONTEXT}
    if clip:
        ends = {"bos_token_id": known - 2, "eos_token_id": known - 1} if own_tokenizer else {"eos_token_id": 1}
        text |= {"pad_token_id": 0, **ends}
    else:
        text |= {"projection_size": SIZES["hidden_size"], "eos_token_id": 1, "bos_token_id": 3, "pad_token_id": 0}
    cls = getattr(transformers, name)
    pictures = {"num_patches": 16, "patch_size": 8} if name == "Siglip2Model" else PICTURES
    made = cls.config_class(
        vision_config={**SIZES, **pictures, **vision}, text_config=text, **({"projection_dim": 24} if clip else {})
    )
    torch.manual_seed(seed)
    module = shaken(cls(made))
    with torch.no_grad():
        module.logit_scale.fill_(2.0)
        if not clip:
            module.logit_bias.fill_(-1.5)
    module.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    if name != "Siglip2Model":
        processor = transformers.CLIPImageProcessor if clip else transformers.SiglipImageProcessor
        shortest = {"size": {"shortest_edge": 32}, "crop_size": size} if clip else {"size": size}
        processor(**shortest).save_pretrained(folder)
    return module


def write_open_clip(folder: Path, *, siglip: bool = False, seed: int = 0) -> Any:
    """Return a small model of open_clip's that was written into the folder as `push_to_hf_hub` does.

    `siglip`: with a tower of timm's, a text tower of its own, a bias and a tokenizer of transformers.
    """
    import_timm()
    import open_clip
    from open_clip.model import CLIP, CustomTextCLIP
    from safetensors.torch import save_file

    if siglip and "batch_encode_plus" in inspect.getsource(open_clip.tokenizer.HFTokenizer):
        pytest.skip("this release of open_clip cannot use tokenizers of transformers 5")
    folder.mkdir(parents=True, exist_ok=True)
    text: dict[str, Any] = {"context_length": CONTEXT, "width": 32, "heads": 2, "layers": 1}
    vision: dict[str, Any] = {"image_size": 32, "patch_size": 8, "layers": 2, "width": 48, "head_width": 16}
    config: dict[str, Any] = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    preprocess: dict[str, Any] = {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
    }
    if siglip:
        known = word_tokenizer(folder)
        text |= {"vocab_size": known, "hf_tokenizer_name": "me/words", "tokenizer_kwargs": {"clean": "canonicalize"}}
        text |= {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}
        vision = {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"}
        config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text, "custom_text": True, "init_logit_bias": -2.0}
        preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    options = {key: value for key, value in config.items() if key != "custom_text"}
    torch.manual_seed(seed)
    module = shaken((CustomTextCLIP if siglip else CLIP)(**options))
    table = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(table))
    save_file(
        {key: value.contiguous() for key, value in module.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return module
