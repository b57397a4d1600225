"""A file of weights, read: the network's tensors in the names of its library, and all that the file says about it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_beginning, regular_size
from vitexplain.images.files import shown
from vitexplain.models.classifiers import OF_TRAINING, Classifier, find_classifier
from vitexplain.models.file_kinds import BEGINNING_BYTES, foreign_kind, is_safetensors
from vitexplain.models.found_network import FoundNetwork, find_network, tensors_of, without_shared_prefix
from vitexplain.models.json_text import parse_json
from vitexplain.models.looks import PATCHES, Looks, looks_of
from vitexplain.models.mmpretrain_names import in_timm_names
from vitexplain.models.safetensors_file import read_header, read_tensors
from vitexplain.models.torch_file import RefusedError, one_line, read_torch_file
from vitexplain.models.training_settings import TrainingSettings, class_table, settings_of

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_ENDINGS = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
_NAMED = 4
_ADAPTER = re.compile(
    r"(?:^|\.)(?:lora_\w+|ia3_l|hada_w\d\w*|lokr_w\d\w*|oft_r|boft_\w+|vera_lambda_\w+|prompt_encoder)(?:\.|$)"
)
_QUANTISED = re.compile(
    r"(?:^|\.)(?:_packed_params|SCB|qweight|qzeros|absmax|quant_map|(?:weight_)?zero_point)(?:\.|$)"
)
_SHARDED = re.compile(r"(?:^|\.)_?flat_param(?:\.|_|$)")


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds.

    `state`: the network's tensors, without prefix, the classifier as `head.*` (CLIP's tower keeps "visual.", by which
    timm's converter knows it). `looks`: what they look like, None for no vision transformer. `settings`: what the file
    says about its training. `label_table`: class names as they are in the file. `problem`: why its classifier cannot
    be used, "" where it can; without classifier (`num_classes=0`) the rest is usable.
    """

    path: Path
    state: State
    looks: Looks | None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    label_table: object = None
    notices: tuple[str, ...] = ()
    problem: str = ""

    def check_classifier(self) -> None:
        """Raise ModelError if the file holds a classifier that is not one linear layer."""
        if self.problem:
            raise ModelError(
                f"weights {shown(str(self.path))}: {self.problem}: explain the features alone with `num_classes=0`, "
                "or give the module itself in Python"
            )


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what the file holds, whatever its prefixes and nesting; nothing in it is run.

    ModelError: no such file, another form of a model, damaged, claims more than it holds, an adapter that is not
    merged, two networks of the same rank, or no tensors by name.
    """
    content, metadata = _content(path)
    try:
        state = tensors_of(content)
        _refuse_other_forms(path, state)
        found = find_network(content)
    except ValueError as error:
        raise _error(path, shown(str(error))) from None
    labels = class_table(content) if metadata is None else metadata_table(metadata)
    settings = settings_of(content if metadata is None else _parsed(metadata))
    if found is None:
        if not state:
            raise _error(path, "no tensors by name in it, expected the state_dict of a model")
        return Checkpoint(path, without_shared_prefix(state), None, settings, labels)
    return of_network(path, found, settings, labels)


def read_every_tensor(path: Path) -> State:
    """Return all tensors of the file by their own names, for a library that finds its network itself.

    ModelError: what `read_checkpoint` refuses, but for files without a network.
    """
    content, _ = _content(path)
    try:
        state = tensors_of(content)
        _refuse_other_forms(path, state)
    except ValueError as error:
        raise _error(path, shown(str(error))) from None
    return state


def metadata_table(metadata: Mapping[str, str]) -> object:
    """Return the class names in the metadata of a .safetensors file, None for none."""
    from vitexplain.models.configuration import label_table

    return label_table(_parsed(metadata))


def of_network(
    path: Path, found: FoundNetwork, settings: TrainingSettings | None = None, labels: object = None
) -> Checkpoint:
    """Return what a file of this path holds in which the network was found."""
    settings = settings or TrainingSettings()
    told: tuple[str, ...] = ()
    if found.library == "mmpretrain":
        found = replace(found, library="timm", state=in_timm_names(found.state))
        told = (f"{shown(path.name)}: these are weights of mmpretrain, read by timm's names",)
    ending = next(ending for ending, library in PATCHES.items() if library == found.library and ending in found.state)
    width = int(found.state[ending].shape[0])
    timm = found.library == "timm"
    classifier = find_classifier(found.state, found.beside, found.prefix, width) if timm else Classifier({})
    dropped = {*classifier.names, *classifier.projections}
    aside = {key for key in found.state if OF_TRAINING.match(key.split(".")[0])} if timm else set()
    if any(key.startswith("decoder") for key in aside):
        aside.add("mask_token")
    state = {key: value for key, value in found.state.items() if key not in dropped and key not in aside}
    notices = told + _notices(path, found, classifier, aside)
    state = {**state, **classifier.state}
    if found.library == "open_clip":
        state = {f"visual.{key}": value for key, value in state.items()}
        return Checkpoint(path, state, looks_of(found.state), settings, labels, notices)
    return Checkpoint(path, state, looks_of(state), settings, labels, notices, classifier.problem)


def _notices(path: Path, found: FoundNetwork, classifier: Classifier, aside: set[str]) -> tuple[str, ...]:
    names = [key for key in found.beside if key not in classifier.names]
    groups = [_group(key, found.prefix) for key in names]
    groups += [key.split(".")[0] for key in found.state if key in aside]
    groups += [".".join(key.split(".")[:2]) for key in classifier.projections]
    groups += [*found.others, *found.outside]
    groups = list(dict.fromkeys(shown(group)[:60] for group in groups))
    notices = []
    if groups:
        more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
        where = f" the weights under '{shown(found.where)[:80]}' are used," if found.where else ""
        notices.append(f"{shown(path.name)}:{where} left aside: {', '.join(groups[:_NAMED])}{more}")
    if classifier.taken_from and not classifier.problem:
        notices.append(
            f"{shown(path.name)}: '{shown(classifier.taken_from)[:80]}' is taken as the classifier, "
            "one linear layer that reads the pooled tokens"
        )
    return tuple(notices)


def _group(key: str, prefix: str) -> str:
    """Return the name of a tensor beside the network as far as it tells what it belongs to."""
    parts, shared = key.split("."), 0
    for part, other in zip(parts[:-1], prefix.split("."), strict=False):
        if part != other:
            break
        shared += 1
    return ".".join(parts[: max(1, min(shared + 1, len(parts) - 1))])


def require_weights_file(path: Path) -> None:
    """Raise ModelError unless there is a file that may hold weights; its tensors are not read."""
    try:
        size = regular_size(path)
        beginning = read_beginning(path, BEGINNING_BYTES)
    except UnreadableError as error:
        what = "a directory (a folder that timm wrote is given as `model=`)" if error.directory else error.reason
        raise _error(path, f"{what}, {_EXPECTED}") from None
    other = foreign_kind(path, beginning)
    if path.suffix.lower() not in ENDINGS:
        raise _error(path, f"expected a file that ends in {_ENDINGS}{f'; this is {other}' if other else ''}")
    if other:
        raise _error(path, other)
    _check_memory(path, size)


def _content(path: Path) -> tuple[Mapping[Any, Any], Mapping[str, str] | None]:
    """Return what the file holds, and the metadata of a .safetensors file."""
    require_weights_file(path)
    try:
        beginning = read_beginning(path, BEGINNING_BYTES)
        if is_safetensors(beginning) or (path.suffix.lower() == ".safetensors" and beginning[:2] != b"PK"):
            return _safetensors(path)
        content = read_torch_file(path)
    except (RefusedError, UnreadableError) as error:
        raise _error(path, str(error)) from None
    if not isinstance(content, Mapping):
        what = f"holds a {type(content).__name__}, expected the state_dict of a model: save model.state_dict()"
        raise _error(path, what)
    return content, None


def _safetensors(path: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    try:
        header = read_header(path)
        return read_tensors(path), header.metadata
    except Exception as error:  # ValueError of the header, SafetensorError, and what torch says of odd types
        raise RefusedError(f"not a readable safetensors file ({one_line(error)})") from None


def _check_memory(path: Path, size: int) -> None:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return
    if size > memory:
        raise _error(path, f"{size:,} bytes, this machine has {memory:,} of memory: use a smaller model")


def _refuse_other_forms(path: Path, state: State) -> None:
    """Refuse adapters, quantised and sharded files by the names of their tensors."""
    for pattern, words in (
        (
            _ADAPTER,
            "an adapter that is not merged (LoRA or its like): merge it, "
            "torch.save(model.merge_and_unload().state_dict(), 'weights.pth')",
        ),
        (_QUANTISED, "a quantised model: save the model in float32 or float16 before it is quantised"),
        (_SHARDED, "parameters in pieces (FSDP): save a full state dict (StateDictType.FULL_STATE_DICT)"),
    ):
        found = next((key for key in state if pattern.search(key)), None)
        if found is not None:
            what, _, remedy = words.partition(": ")
            raise _error(path, f"{what} ({shown(found)[:80]}): {remedy}")


def _parsed(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata with its values, which are always text, read as JSON where they are."""
    parsed: dict[str, Any] = {}
    for key, text in metadata.items():
        try:
            parsed[key] = parse_json(text)
        except (ValueError, json.JSONDecodeError):
            parsed[key] = text.split("\n") if "\n" in text else text
    return parsed


def _error(path: Path, what: str) -> ModelError:
    return ModelError(f"weights {shown(str(path))}: {what}")


_EXPECTED = f"expected a {_ENDINGS} file: check the name"
