"""A folder that transformers wrote (`save_pretrained`): its own class, built from config.json, with its weights.

Only classes that an adapter describes are built, by their name in transformers; nothing in the folder is run.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.built import Built
from vitexplain.models.checkpoint import read_every_tensor
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.library_model import check_classes, import_extra
from vitexplain.models.transformers_values import check_values
from vitexplain.models.weight_index import ENDING, pieces_in
from vitexplain.networks import ADAPTERS, SUPPORTED, known_reason, other_task, out_of_scope, refusal

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

_TOWERS = {
    "CLIPModel": "CLIPVisionModelWithProjection",
    "SiglipModel": "SiglipVisionModel",
    "Siglip2Model": "Siglip2VisionModel",
}
"""Of models of pictures and texts only the part that sees pictures is built."""
_WRITTEN_BY_TIMM = "architecture"
_INDEX = {"model.safetensors": "model.safetensors.index.json", "pytorch_model.bin": "pytorch_model.bin.index.json"}


def transformers_config(name: str) -> Mapping[str, Any] | None:
    """Return the table in the config.json of a folder that transformers wrote; None: it is another folder, or none.

    What it keeps of a network of timm's is read as a folder of timm's.
    """
    path = Path(name).expanduser()
    try:
        config = parse_json(read_regular(path / "config.json", MAX_BYTES))
    except (UnreadableError, ValueError, RuntimeError):  # told by the reader of timm's folders
        return None
    if not isinstance(config, dict) or _WRITTEN_BY_TIMM in config or (path / "adapter_config.json").exists():
        return None
    return config if isinstance(config.get("architectures"), list) or "model_type" in config else None


def has_text(config: Mapping[str, Any]) -> bool:
    """Whether the configuration is one of a model of pictures and texts."""
    return _first_class(config) in _TOWERS


def check_scope(config: Mapping[str, Any], label: str) -> None:
    """Raise ModelError if the configuration is one of a model for another task than to classify pictures.

    `label` names the model in the message.
    """
    named, kind = _first_class(config), config.get("model_type")
    family = kind if isinstance(kind, str) else ""
    if (task := other_task(f"transformers.{family}.{named or ''}")) is not None:
        raise out_of_scope(f"{label} ({shown(named or family)[:60]})", task)


def transformers_model(name: str, config: Mapping[str, Any], weights: Path | None, num_classes: int | None) -> Built:
    """Return the model in the folder `name`, whose config.json is `config`, with its weights or those in the file.

    ModelError: a class that no adapter describes, values that cannot be, weights that are not there or do not fit.
    """
    module, built = read_module(name, config, weights)
    if hasattr(module, "num_labels") and num_classes is not None:
        check_classes(f"model {shown(name)[:200]}", module.num_labels, num_classes)
        if num_classes == 0:
            _leave_out_classifiers(module)
    return built


def read_module(
    name: str, config: Mapping[str, Any], weights: Path | None, *, whole: bool = False
) -> tuple[Any, Built]:
    """Return the module of a folder as it is, and what is known of it; `whole`: with its text tower.

    ModelError as for `transformers_model`.
    """
    label, path = shown(name)[:200], Path(name).expanduser()
    cls = _class_of(config, label, whole=whole)
    try:
        check_values(config)
    except ValueError as error:
        raise ModelError(f"model {label}: its config.json cannot be used: {error}: check the value in it") from None
    file = weights or _weights_in(path, label)
    state = _without_shared_prefix(_tensors(file, label), cls)
    with quiet():
        module, problems = _built(cls, config, state, label)
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(
            f"weights {shown(str(file))} do not fit {cls.__name__} as config.json describes it: "
            f"{'; '.join(problems[:3])}{more}: check that both are of one model"
        )
    module.config._name_or_path = str(path)
    built = Built(module, cls.__name__, f"folder: {path.resolve().name}", file, takes_prompts=has_text(config))
    return module, built


def _first_class(config: Mapping[str, Any]) -> str | None:
    named = config.get("architectures")
    return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else None


def _class_of(config: Mapping[str, Any], label: str, *, whole: bool) -> Any:
    """Return the class of transformers that the configuration names, or unless `whole` that of its pictures' part."""
    described = {
        each.rpartition(".")[2]: each.rpartition(".")[0]
        for adapter in ADAPTERS
        for each in adapter.handles
        if each.startswith("transformers.")
    }
    first = _first_class(config)
    if first is None or first not in described:
        check_scope(config, label)
        what = "names no class (architectures)" if first is None else f"describes {shown(first)[:60]} of transformers"
        if first is not None and isinstance(kind := config.get("model_type"), str) and (why := known_reason(kind)):
            raise refusal(f"{label} ({shown(first)[:60]})", kind, why)
        raise ModelError(f"model {label}: its config.json {what}, which is not supported: use one of the {SUPPORTED}")
    import_extra("transformers", "transformers", label)
    wanted = first if whole else _TOWERS.get(first, first)
    try:
        return getattr(importlib.import_module(described[wanted]), wanted)
    except (ImportError, AttributeError):
        raise ModelError(
            f"model {label}: this release of transformers has no {wanted}: pip install -U transformers"
        ) from None


def _weights_in(path: Path, label: str) -> Path:
    for file, index in _INDEX.items():
        found = next((path / each for each in (file, index) if (path / each).is_file()), None)
        if found is not None:
            return found
    raise ModelError(f"model {label}: neither {' nor '.join(_INDEX)} in it: add `weights=FILE`, or save it again")


def _tensors(file: Path, label: str) -> State:
    """Return every tensor in the file, or in the files of the folder that an index names."""
    if not file.name.endswith(ENDING):
        return read_every_tensor(file)
    try:
        pieces = pieces_in(file)
    except ValueError as error:
        raise ModelError(f"model {label}: {file.name} {error}") from None
    return {key: value for piece in pieces for key, value in read_every_tensor(piece).items()}


def _without_shared_prefix(state: State, cls: Any) -> State:
    """Return the state without a name that training put before all others ("module.", "model.")."""
    first = next(iter(state), "").split(".")[0]
    own = {getattr(cls, "base_model_prefix", ""), "classifier", "vision_model", "embeddings"}
    if first in own or not all(key.startswith(f"{first}.") for key in state):
        return state
    return {key.partition(".")[2]: value for key, value in state.items()}


def _built(cls: Any, config: Mapping[str, Any], state: State, label: str) -> tuple[Any, list[str]]:
    """Return the module with its weights, and what is missing or of another size, in words."""
    import torch

    try:
        made = cls.config_class.from_dict(_part_for(cls, config))
        with torch.device("meta"):
            blank = cls(made)
        claimed, held = (sum(each.numel() for each in part.values()) for part in (blank.state_dict(), state))
        if claimed > 2 * held:
            return None, [f"it describes {claimed:,} numbers, the weights hold {held:,}"]
        module, told = cls.from_pretrained(
            None,
            config=made,
            state_dict=state,
            attn_implementation="sdpa" if getattr(cls, "_supports_sdpa", True) else "eager",
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # whatever the library raises on values that it does not take
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"model {label}: transformers cannot build what its config.json says ({reason})") from None
    problems = [f"{shown(key)[:100]} is absent" for key in sorted(told["missing_keys"])]
    for key, given, wanted in sorted(told["mismatched_keys"]):
        sizes = (" x ".join(map(str, size)) for size in (given, wanted))
        problems.append("{} is {}, expected {}".format(shown(key)[:100], *sizes))
    return module, problems


def _part_for(cls: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the class is configured by: all of it, or the part that describes the tower for pictures."""
    vision = config.get("vision_config")
    if not isinstance(vision, dict) or "vision_config" in getattr(cls.config_class, "sub_configs", {}):
        return {key: value for key, value in config.items() if key != "auto_map"}
    width = config.get("projection_dim")
    return vision if width is None else {**vision, "projection_dim": width}


def _leave_out_classifiers(module: Any) -> None:
    from torch import nn

    for name in ("classifier", "cls_classifier", "distillation_classifier"):
        if hasattr(module, name):
            setattr(module, name, nn.Identity())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing bars and reports inside: what they say is told in one line."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
