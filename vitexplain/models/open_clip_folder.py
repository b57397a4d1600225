"""Models of open_clip's, pictures and texts: a folder with open_clip_config.json, or a built-in name and a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.built import Built
from vitexplain.models.checkpoint import read_every_tensor
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.library_model import import_extra
from vitexplain.models.model_values import as_count, as_mean, as_size, as_std
from vitexplain.models.open_clip_names import PREFIX
from vitexplain.models.prompts import Prompts
from vitexplain.models.text_files import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS
from vitexplain.models.training_settings import TrainingSettings

if TYPE_CHECKING:
    from torch import Tensor

_OPTIONS = ("quick_gelu", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale")
_LIMITS = {
    "embed_dim": 16_384,
    "width": 16_384,
    "layers": 512,
    "head_width": 16_384,
    "heads": 1_024,
    "context_length": 1 << 16,
    "vocab_size": 1 << 21,
}
_CHOICES = {
    "interpolation": ("bicubic", "bilinear", "random"),
    "resize_mode": ("shortest", "longest", "squash"),
}
_CLEAN = ("canonicalize", "lower", "whitespace")


def open_clip_config(folder: Path) -> Mapping[str, Any] | None:
    """Return the table in a folder's open_clip_config.json; None: there is none, or it describes no model."""
    try:
        table = parse_json(read_regular(folder / OPEN_CLIP_CONFIG, MAX_BYTES))
    except (UnreadableError, ValueError):
        return None
    return table if isinstance(table, dict) and isinstance(table.get("model_cfg"), dict) else None


def open_clip_model(
    name: str, table: Mapping[str, Any], folder: Path | None, weights: Path | None, prompts: Prompts | None
) -> Built:
    """Return the tower that sees pictures, its embedding or with prompts as its classes.

    `table` is what open_clip_config.json says; `folder` None: it belongs to the built-in name `name`. ModelError:
    values that cannot be, weights or a tokenizer that are not there or do not fit; UsageError: prompts that do not fit.
    """
    label = shown(name)[:200]
    library = import_extra("open_clip", "open-clip", label)
    try:
        cfg, preprocess = _checked(table)
    except ValueError as error:
        raise ModelError(
            f"model {label}: its {OPEN_CLIP_CONFIG} cannot be used: {error}: check the value in it"
        ) from None
    file = weights or _weights_in(folder, label)
    module = _built(cfg, _tensors(file, library), label, file)
    tower = module.visual
    tower.preprocess_cfg = preprocess
    origin = f"file: {file.name}" if folder is None else f"folder: {folder.resolve().name}"
    known_as = name.removeprefix(PREFIX) if folder is None else f"open_clip {type(module).__name__}"
    settings = TrainingSettings(mean=as_mean(preprocess.get("mean")), std=as_std(preprocess.get("std")))
    built = Built(tower, known_as, origin, file, settings=settings, takes_prompts=True)
    if prompts is None:
        return built
    from vitexplain.models.text_tower import embed_prompts
    from vitexplain.networks.prompt_classifier import PromptClassifier

    text = _text_tower(library, module, cfg["text_cfg"], folder, label)
    embeddings, prompts = embed_prompts(label, text, prompts)
    classifier = PromptClassifier(tower, embeddings, text.scale, text.bias)
    return replace(
        built, module=classifier, label_table=prompts.labels, problem_type=text.problem_type, prompts=prompts
    )


def _checked(table: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the model's and the pictures' settings; ValueError for the first value that no model has."""
    cfg = table["model_cfg"]
    parts = {name: cfg.get(name) for name in ("vision_cfg", "text_cfg")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise ValueError(f"{name} is {ascii(part)[:60]}, expected a table")
    for each in (cfg, *parts.values()):
        for key, most in _LIMITS.items():
            value = each.get(key)
            if value is not None and as_count(value, 1, most) is None:
                raise ValueError(f"{key} is {ascii(value)[:60]}, expected a whole number up to {most:,}")
    if as_count(cfg.get("embed_dim"), 1, _LIMITS["embed_dim"]) is None:
        raise ValueError("embed_dim is not there, expected a whole number")
    size = parts["vision_cfg"].get("image_size")
    if size is not None and as_size(size) is None:
        raise ValueError(f"image_size is {ascii(size)[:60]}, expected pixels, such as 224")
    if "multimodal_cfg" in cfg:
        raise ValueError("multimodal_cfg describes CoCa, whose two poolings are not described here")
    if parts["text_cfg"].get("hf_model_name"):
        raise ValueError("hf_model_name: a text tower of transformers inside open_clip is not supported")
    clean = (parts["text_cfg"].get("tokenizer_kwargs") or {}).get("clean")
    if clean is not None and clean not in _CLEAN:
        raise ValueError(f"clean is {ascii(clean)[:60]}, expected one of {', '.join(_CLEAN)}")
    vision = {**parts["vision_cfg"], "timm_model_pretrained": False}
    made = {"embed_dim": cfg["embed_dim"], "vision_cfg": vision, "text_cfg": parts["text_cfg"]}
    made |= {key: cfg[key] for key in _OPTIONS if key in cfg}
    return {**made, "custom_text": bool(cfg.get("custom_text"))}, _preprocess(table.get("preprocess_cfg"))


def _preprocess(given: object) -> dict[str, Any]:
    kept: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    for key, read in (("mean", as_mean), ("std", as_std)):
        if kept.get(key) is not None and read(kept[key]) is None:
            raise ValueError(f"{key} is {ascii(kept[key])[:60]}, expected three numbers, [0.5, 0.5, 0.5]")
    for key, words in _CHOICES.items():
        if kept.get(key) is not None and kept[key] not in words:
            raise ValueError(f"{key} is {ascii(kept[key])[:60]}, expected one of {', '.join(words)}")
    return {key: kept[key] for key in ("mean", "std", *_CHOICES) if kept.get(key) is not None}


def _weights_in(folder: Path | None, label: str) -> Path:
    if folder is None:
        raise ModelError(
            f"model {label}: give its file of weights with `weights=`, or a folder or name on the hub that holds "
            f"{OPEN_CLIP_CONFIG}, such as `model=clip:laion/CLIP-ViT-B-32-laion2B-s34B-b79K`"
        )
    found = next((folder / each for each in OPEN_CLIP_WEIGHTS if (folder / each).is_file()), None)
    if found is None:
        raise ModelError(f"model {label}: none of {', '.join(OPEN_CLIP_WEIGHTS)} in it: add `weights=FILE`")
    return found


def _tensors(file: Path, library: Any) -> dict[str, Tensor]:
    state = read_every_tensor(file)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _built(cfg: dict[str, Any], state: dict[str, Tensor], label: str, file: Path) -> Any:
    """Return the module of open_clip with its weights; ModelError: they do not fit, or it cannot be built."""
    import torch
    from open_clip.model import CLIP, CustomTextCLIP, convert_to_custom_text_state_dict

    options = dict(cfg)
    custom = options.pop("custom_text")
    cls = CustomTextCLIP if custom else CLIP
    if custom and "positional_embedding" in state:
        state = convert_to_custom_text_state_dict(state)
    try:
        with torch.device("meta"):
            claimed = sum(each.numel() for each in cls(**options).state_dict().values())
        held = sum(each.numel() for each in state.values())
        if claimed > 2 * held:
            raise ValueError(f"it describes {claimed:,} numbers, the weights hold {held:,}")
        with torch.random.fork_rng(devices=[]):
            module = cls(**options)
    except Exception as error:  # whatever the library raises on values that it does not take
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"model {label}: open_clip cannot build what its {OPEN_CLIP_CONFIG} says ({reason})") from None
    own = module.state_dict()
    state = {
        key: value.reshape(own[key].shape) if key in own and value.numel() == own[key].numel() == 1 else value
        for key, value in state.items()
        if not key.endswith("position_ids")
    }
    absent = [f"{shown(key)[:100]} is absent" for key in own if key not in state]
    other = [f"{shown(key)[:100]} has no place" for key in state if key not in own]
    sizes = [
        f"{shown(key)[:100]} is {' x '.join(map(str, state[key].shape))}, expected {' x '.join(map(str, each.shape))}"
        for key, each in own.items()
        if key in state and state[key].shape != each.shape
    ]
    problems = [*absent, *sizes, *other]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(
            f"weights {shown(str(file))} do not fit {cls.__name__} of open_clip: {'; '.join(problems[:3])}{more}: check "
            "that both are of one model"
        )
    module.load_state_dict(state)
    return module.eval()


def _text_tower(library: Any, module: Any, cfg: Mapping[str, Any], folder: Path | None, label: str) -> Any:
    import torch

    from vitexplain.models.text_tower import TextTower

    tokenizer, count = _tokenizer(library, cfg, folder, label, int(module.context_length))

    def embed(sentences: Sequence[str]) -> Tensor:
        found: Tensor = module.encode_text(tokenizer(list(sentences)))
        return found

    with torch.no_grad():
        return TextTower(
            tokens=lambda sentences: [count(each) for each in sentences],
            embed=embed,
            context=int(module.context_length),
            vocabulary=int(module.vocab_size),
            scale=float(module.logit_scale.exp()),
            bias=None if module.logit_bias is None else float(module.logit_bias),
        )


def _tokenizer(library: Any, cfg: Mapping[str, Any], folder: Path | None, label: str, context: int) -> Any:
    """Return open_clip's tokenizer, and a function that returns all tokens of a sentence."""
    options = cfg.get("tokenizer_kwargs") or {}
    clean = {"clean": options["clean"]} if options.get("clean") else {}
    if not cfg.get("hf_tokenizer_name"):
        own = library.SimpleTokenizer(context_length=context, **clean)
        return own, lambda text: [own.sot_token_id, *own.encode(text), own.eot_token_id]
    if folder is None:
        raise ModelError(
            f"model {label}: its tokenizer is not part of open_clip: give the folder or the name on the hub, "
            f"`model=clip:{shown(str(cfg['hf_tokenizer_name']))[:100]}`"
        )
    import_extra("transformers", "transformers", label)
    from vitexplain.models.transformers_prompts import read_tokenizer

    _ = read_tokenizer(folder, label)  # says what is missing
    mode = {key: cfg["tokenizer_mode"] for key in ("tokenizer_mode",) if cfg.get("tokenizer_mode")}
    strip = {"strip_sep_token": bool(options.get("strip_sep_token"))}
    theirs = library.tokenizer.HFTokenizer(
        str(folder), context, **clean, **strip, **mode, local_files_only=True, trust_remote_code=False
    )
    return theirs, lambda text: theirs.tokenizer(theirs.clean_fn(text))["input_ids"]
