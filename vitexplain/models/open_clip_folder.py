"""Models of open_clip's, pictures and texts: a folder with open_clip_config.json, or a built-in name and a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError
from vitexplain.images.files import shown
from vitexplain.models.built import Built
from vitexplain.models.checkpoint import read_every_tensor
from vitexplain.models.library_model import import_extra
from vitexplain.models.model_values import as_mean, as_std
from vitexplain.models.open_clip_values import checked_config
from vitexplain.models.prompts import Prompts
from vitexplain.models.text_files import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS
from vitexplain.models.training_settings import TrainingSettings

if TYPE_CHECKING:
    from torch import Tensor


def open_clip_model(
    table: Mapping[str, Any], where: Path | str, weights: Path | None, prompts: Prompts | None, label: str
) -> Built:
    """Return the tower that sees pictures, its embedding or with prompts as its classes.

    `table` is what open_clip_config.json says, `where` its folder, or the built-in name that it belongs to; `label`
    names the model in messages. ModelError: values that cannot be, weights or a tokenizer that are not there or do not
    fit; UsageError: prompts that do not fit.
    """
    folder = where if isinstance(where, Path) else None
    library = import_extra("open_clip", "open-clip", label)
    try:
        cfg, preprocess = checked_config(table)
    except ValueError as error:
        raise ModelError(
            f"model {label}: its {OPEN_CLIP_CONFIG} cannot be used: {error}: check the value in it"
        ) from None
    if folder is None and (tokenizer := cfg["text_cfg"].get("hf_tokenizer_name")):
        raise ModelError(
            f"model {label}: open_clip does not have its tokenizer and means: give its folder or name on the hub, such "
            f"as `model=clip:{shown(str(tokenizer))[:100]}`"
        )
    file = weights or _weights_in(folder, label)
    module = _built(cfg, _tensors(file), label, file)
    tower = module.visual
    tower.preprocess_cfg = preprocess
    origin = f"file: {file.name}" if folder is None else f"folder: {folder.resolve().name}"
    known_as = str(where) if folder is None else f"open_clip {type(module).__name__}"
    settings = TrainingSettings(mean=as_mean(preprocess.get("mean")), std=as_std(preprocess.get("std")))
    built = Built(tower, known_as, origin, file, settings=settings, takes_prompts=True)
    if prompts is None:
        return built
    from vitexplain.models.text_tower import with_prompts

    return with_prompts(built, label, _text_tower(library, module, cfg["text_cfg"], folder, label), prompts)


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


def _tensors(file: Path) -> dict[str, Tensor]:
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
            f"weights {shown(str(file))} do not fit {cls.__name__} of open_clip: {'; '.join(problems[:3])}{more}: "
            "check that both are of one model"
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
    assert folder is not None
    import_extra("transformers", "transformers", label)
    from vitexplain.models.transformers_prompts import read_tokenizer

    _ = read_tokenizer(folder, label)  # says what is missing
    mode = {key: cfg["tokenizer_mode"] for key in ("tokenizer_mode",) if cfg.get("tokenizer_mode")}
    strip = {"strip_sep_token": bool(options.get("strip_sep_token"))}
    theirs = library.tokenizer.HFTokenizer(
        str(folder), context, **clean, **strip, **mode, local_files_only=True, trust_remote_code=False
    )

    def read(sentences: list[str]) -> Tensor:
        try:
            found: Tensor = theirs(sentences)
        except AttributeError:
            raise ModelError(
                f"model {label}: this release of open_clip cannot use tokenizers of this release of transformers: pip "
                "install -U open_clip_torch"
            ) from None
        return found

    return read, lambda text: theirs.tokenizer(theirs.clean_fn(text))["input_ids"]
