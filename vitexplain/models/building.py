"""From a name, a folder or a file of weights to a torch module that holds them, built as they were trained."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError, UsageError
from vitexplain.images.files import shown
from vitexplain.models.build_options import options_for, trained_size
from vitexplain.models.built import Built
from vitexplain.models.builtin import network as builtin
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.folder import is_folder_name, labels_beside, read_model_folder, settings_beside
from vitexplain.models.given_settings import require_whole_patches
from vitexplain.models.hub import pretrained_file
from vitexplain.models.hub_folder import hub_folder, hub_name, timm_name
from vitexplain.models.library_model import check_classes, library_model
from vitexplain.models.looks import classes_of, looks_of
from vitexplain.models.open_clip_names import timm_name_of_tower
from vitexplain.models.pooling import pool_as_said
from vitexplain.models.prompted import prompted
from vitexplain.models.prompts import PREFIX, Prompts
from vitexplain.models.registry import BUILTIN, check_name, check_possible_name
from vitexplain.models.timm_import import import_timm
from vitexplain.models.timm_network import blank_network, create_network
from vitexplain.models.training_settings import TrainingSettings
from vitexplain.models.weights import fit_weights, refuse_other_library, refuse_other_network, refuse_other_size
from vitexplain.networks import recognise

if TYPE_CHECKING:
    import torch

_SPARE_BYTES = 200 << 20
_CLASSIFIERS = ("head.", "head_dist.", "visual.proj")


def build(
    name: str,
    weights: Path | None,
    num_classes: int | None,
    given: TrainingSettings,
    prompts: Prompts | None = None,
) -> Built:
    """Return the module `name` ("builtin", timm's name, a folder's path), with its own weights or those of the file.

    Also "torchvision:NAME", "open_clip:NAME" and names on the hub. `given` is what the user says about its training:
    the size counts where a module takes one size only. `prompts`: classes in words, which take a model that has a text
    tower, as "clip:NAME_OR_FOLDER" without any does.
    """
    if prompts is not None or (isinstance(name, str) and name.startswith(PREFIX)):
        return prompted(name, weights, prompts)
    if name == BUILTIN and weights is None:
        return _builtin(num_classes)
    check_possible_name(name)
    wanted = timm_name_of_tower(timm_name(name))
    on_hub = hub_name(wanted)
    if on_hub is not None:
        wanted = str(hub_folder(on_hub))
    elsewhere = library_model(wanted, weights, num_classes)
    built = elsewhere or _of_timm(wanted, weights, num_classes, given)
    return built if on_hub is None else replace(built, name=on_hub.name, origin="hub")


def _of_timm(name: str, weights: Path | None, num_classes: int | None, given: TrainingSettings) -> Built:
    if is_folder_name(name):
        return _from_folder(name, weights, num_classes, given)
    current, notices = (name, ()) if name == BUILTIN else _current(name)
    if weights is None:
        built = _pretrained(current, num_classes, given)
    else:
        built = _from_file(current, weights, num_classes, given)
    return replace(built, notices=(*notices, *built.notices))


def _current(name: str) -> tuple[str, tuple[str, ...]]:
    """Return timm's present name of the model, and a notice where it was given an older one."""
    current = check_name(name)
    return current, () if current == name else (f"timm calls {name} {current} now",)


def _builtin(num_classes: int | None) -> Built:
    network: Any = builtin.load_network()
    if num_classes == 0:
        network.reset_classifier(0)
    elif num_classes not in (None, builtin.CLASSES):
        raise _other_classes("the built-in model", builtin.CLASSES, num_classes)
    return Built(network, BUILTIN, "built-in", builtin.WEIGHTS_FILE)


def _pretrained(name: str, num_classes: int | None, given: TrainingSettings) -> Built:
    """Return timm's pretrained network, its weights' file found (or downloaded) before anything is built."""
    timm = import_timm()
    cfg = timm.models.get_pretrained_cfg(name)
    if cfg is None or not cfg.has_weights:
        raise ModelError(f"model {name}: timm knows no pretrained weights for it: give a file with `weights=`")
    if num_classes not in (None, 0, cfg.num_classes):
        raise _other_classes(f"model {name}", cfg.num_classes, num_classes)
    file = pretrained_file(name, cfg)
    if file.suffix == ".safetensors":
        overlay: dict[str, object] = {"file": str(file), "custom_load": False}
    else:
        overlay = {"state_dict": read_checkpoint(file).state, "custom_load": False}
    options, trained = {}, None
    if given.image_size:
        own = recognise(blank_network(name, {"pretrained": False})).pixels
        require_whole_patches(given.image_size, own.patch)
        options, trained = {} if own.flexible else {"img_size": given.image_size}, own.built_for
    try:
        # timm checks that every parameter is loaded as long as the number of classes is that of the weights.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of how timm resizes tables
            network = create_network(name, {"pretrained": True, "pretrained_cfg_overlay": overlay, **options})
        if num_classes == 0:
            network.reset_classifier(0)
    except ModelError:
        raise
    except Exception as error:  # torch and safetensors raise several classes on a damaged file
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"model {name}: its weights in {file} cannot be used ({reason}): delete the file") from None
    # The tensors have been copied into the network; its configuration need not keep them, too.
    network.pretrained_cfg.pop("state_dict", None)
    full_name = name if "." in name or not cfg.tag else f"{name}.{cfg.tag}"
    return Built(network, full_name, "timm", file, trained_size=trained)


def _from_file(name: str, file: Path, num_classes: int | None, given: TrainingSettings) -> Built:
    """Return the architecture `name` with the weights in `file`."""
    if name == BUILTIN:
        architecture, options = builtin.ARCHITECTURE, builtin.architecture_options()
    else:
        architecture, options = name, {"pretrained": False}
    return _with_weights(Built(None, name, f"file: {file.name}", file), architecture, options, num_classes, given)


def _from_folder(name: str, weights: Path | None, num_classes: int | None, given: TrainingSettings) -> Built:
    """Return the network that a folder describes, with its weights, or those in another file."""
    folder = read_model_folder(name, weights)
    architecture, notices = _current(folder.architecture)
    built = Built(
        module=None,
        name=folder.architecture,
        origin=f"folder: {folder.path.resolve().name}",
        file=folder.weights,
        notices=notices,
        label_table=folder.label_table,
        problem_type=folder.problem_type,
    )
    try:
        return _with_weights(built, architecture, dict(folder.options), num_classes, given)
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(
            f"model {shown(name)}: timm cannot build what its config.json says ({reason}): check model_args in it"
        ) from None


def _with_weights(
    built: Built, architecture: str, options: dict[str, Any], num_classes: int | None, given: TrainingSettings
) -> Built:
    """Return `built` with the architecture's network and the weights of its file, as many classes as they have.

    The network is built without memory first, until it is known to be of the size of the weights.
    """
    file = built.file
    checkpoint = read_checkpoint(file)
    refuse_other_library(checkpoint)
    if num_classes != 0:
        checkpoint.check_classifier()
    state = checkpoint.state
    options |= {"num_classes": 0}
    plain = blank_network(architecture, options)
    refuse_other_size(plain, state, file, built.name)
    own, pixels = looks_of(plain.state_dict()), recognise(plain).pixels
    stride = pixels.patch[0] // own.patch[0] if own and own.patch else 1
    more, told = options_for(checkpoint, own, given.image_size, stride)
    trained = trained_size(checkpoint, given.image_size, stride)[0]
    if more:
        plain = blank_network(architecture, {**options, **more})
        pixels = recognise(plain).pixels
    if given.image_size and not pixels.flexible:
        require_whole_patches(given.image_size, pixels.patch)
        more["img_size"] = given.image_size
        plain = blank_network(architecture, {**options, **more})
    held = (checkpoint.looks.classes if checkpoint.looks else classes_of(state)) or 0
    check_classes(f"the file {shown(file.name)}", held, num_classes)
    if checkpoint.looks is None:
        refuse_other_network(plain, state, file)
    _refuse_more_than_the_file(plain, state, file)
    classes = held if num_classes is None else num_classes
    if classes == 0:
        state = {key: value for key, value in state.items() if not key.startswith(_CLASSIFIERS)}
    network = create_network(architecture, {**options, **more, "num_classes": classes})
    told += pool_as_said(recognise(network), checkpoint)
    beside, problems = settings_beside(file)
    return replace(
        built,
        module=network,
        notices=built.notices + checkpoint.notices + told + fit_weights(network, state, file, built.name) + problems,
        label_table=checkpoint.label_table or labels_beside(file) or built.label_table,
        trained_size=trained or pixels.built_for,
        settings=replace(checkpoint.settings.before(beside), image_size=None),
    )


def _refuse_more_than_the_file(network: torch.nn.Module, state: dict[str, torch.Tensor], file: Path) -> None:
    """Raise ModelError if the network, whose size a configuration may have claimed, is far larger than the weights."""
    tensors = chain(network.parameters(), network.buffers())
    needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    held = sum(4 * tensor.numel() for tensor in state.values())
    if needed > 2 * held + _SPARE_BYTES:
        raise ModelError(
            f"weights {shown(str(file))}: {held:,} bytes of them, the network for the pictures' size and the options "
            f"that were given or read beside them takes {needed:,}: give a smaller `image_size=`"
        )


def _other_classes(what: str, has: int, given: int | None) -> UsageError:
    return UsageError(
        f"num_classes {given}: {what} has {has} classes, expected {has} or 0: for another classifier give its file "
        "with `weights=`"
    )
