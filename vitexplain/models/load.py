"""load_model: the built-in model, timm's pretrained ones, and any timm vision transformer with weights from a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError, UsageError
from vitexplain.models.builtin import labels as builtin_labels
from vitexplain.models.builtin import network as builtin
from vitexplain.models.evaluation_transform import builtin_preprocess, timm_preprocess
from vitexplain.models.folder import is_folder_name, labels_with, read_model_folder
from vitexplain.models.hub import pretrained_file
from vitexplain.models.hub_folder import hub_folder, hub_name, timm_name
from vitexplain.models.image_processor import known_transform
from vitexplain.models.label_files import LabelSource, label_notices, resolve_labels
from vitexplain.models.labels import Labels
from vitexplain.models.library_model import library_model
from vitexplain.models.loaded import LoadedModel
from vitexplain.models.open_clip_names import timm_name_of_tower
from vitexplain.models.placement import resolve_device, resolve_dtype
from vitexplain.models.registry import BUILTIN, check_name, check_possible_name, flexible_options
from vitexplain.models.timm_import import import_timm
from vitexplain.models.weights import classifier_size, fit_weights, read_weights
from vitexplain.networks import recognise

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Built:
    """A torch module with its weights, on the CPU in float32, and where they come from."""

    module: Any
    name: str
    origin: str
    file: Path
    notices: tuple[str, ...] = ()
    label_table: object = None


def load_model(
    name: str = BUILTIN,
    *,
    weights: str | os.PathLike[str] | None = None,
    labels: LabelSource | None = None,
    num_classes: int | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
) -> LoadedModel:
    """Return the model `name`, ready to run: "builtin", timm's name with or without a tag, or a folder's path.

    Also "torchvision:NAME", "open_clip:NAME", and a name on the hub ("hf-hub:OWNER/NAME", or without the prefix).

    Without `weights` a timm model gets its pretrained ones from the hub or its cache; with it, those in the file, and
    as many classes as its classifier has. A folder holds both (see folder.py). `num_classes` is checked against the
    weights (0: leave the classifier out).
    UsageError: device, dtype or num_classes cannot be; ModelError: name, weights or labels are not there or do not fit.
    """
    where, what = resolve_device(device), resolve_dtype(dtype)
    if num_classes is not None and num_classes < 0:
        raise UsageError(f"num_classes {num_classes}: expected 0 (no classifier) or more")
    built = _built(name, None if weights is None else Path(weights), num_classes)
    for parameter in built.module.parameters():
        parameter.requires_grad_(False)
    network = recognise(built.module.to(device=where, dtype=what).eval())
    classes = network.classes
    metadata = built.label_table or network.configuration.get("label_names")
    is_builtin = name == BUILTIN
    if is_builtin and labels is None and built.label_table is None and classes == builtin.CLASSES:
        table = builtin_labels.read_labels()
        labels = Labels([names for _, names in table], [wordnet_id for wordnet_id, _ in table])
    return LoadedModel(
        network=network,
        name=built.name,
        origin=built.origin,
        preprocess=builtin_preprocess() if is_builtin else timm_preprocess(network),
        labels=resolve_labels(labels, classes, metadata),
        num_classes=classes,
        device=where,
        dtype=what,
        weights_file=built.file,
        notices=(
            *built.notices,
            *known_transform(network.configuration)[1],
            *(label_notices(built.label_table, classes) if labels is None else ()),
        ),
    )


def _built(name: str, weights: Path | None, num_classes: int | None) -> _Built:
    """Return the module that the name means, with its own weights or those of the file."""
    check_possible_name(name)
    wanted = timm_name_of_tower(timm_name(name))
    on_hub = hub_name(wanted)
    if on_hub is not None:
        wanted = str(hub_folder(on_hub))
    elsewhere = library_model(wanted, weights, num_classes)
    if elsewhere is not None:
        built = _Built(**vars(elsewhere))
    elif name == BUILTIN and weights is None:
        built = _builtin(num_classes)
    elif is_folder_name(wanted):
        built = _from_folder(wanted, weights, num_classes)
    elif weights is not None:
        built = _from_file(wanted, weights, num_classes)
    else:
        built = _pretrained(wanted, num_classes)
    return built if on_hub is None else replace(built, name=on_hub.name, origin="hub")


def _builtin(num_classes: int | None) -> _Built:
    network: Any = builtin.load_network()
    if num_classes == 0:
        network.reset_classifier(0)
    elif num_classes not in (None, builtin.CLASSES):
        raise _other_classes("the built-in model", builtin.CLASSES, num_classes)
    return _Built(network, BUILTIN, "built-in", builtin.WEIGHTS_FILE)


def _pretrained(name: str, num_classes: int | None) -> _Built:
    """Return timm's pretrained network, its weights' file found (or downloaded) before anything is built."""
    check_name(name)
    timm = import_timm()
    cfg = timm.models.get_pretrained_cfg(name)
    if cfg is None or not cfg.has_weights:
        raise ModelError(f"model {name}: timm knows no pretrained weights for it: give a file with --weights")
    if num_classes not in (None, 0, cfg.num_classes):
        raise _other_classes(f"model {name}", cfg.num_classes, num_classes)
    file = pretrained_file(name, cfg)
    if file.suffix == ".safetensors":
        overlay: dict[str, object] = {"file": str(file), "custom_load": False}
    else:
        overlay = {"state_dict": read_weights(file), "custom_load": False}
    try:
        # timm checks that every parameter is loaded as long as the number of classes is that of the weights.
        network = _create(name, pretrained=True, pretrained_cfg_overlay=overlay)
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
    return _Built(network, full_name, "timm", file)


def _from_file(name: str, file: Path, num_classes: int | None) -> _Built:
    """Return the architecture `name` with the weights in `file`, as many classes as its classifier has."""
    if name == BUILTIN:
        architecture, options = builtin.ARCHITECTURE, builtin.architecture_options()
    else:
        check_name(name)
        architecture, options = name, {"pretrained": False}
    return _with_weights(_Built(None, name, f"file: {file.name}", file), architecture, options, num_classes)


def _from_folder(name: str, weights: Path | None, num_classes: int | None) -> _Built:
    """Return the network that a folder describes, with its weights, or those in another file."""
    folder = read_model_folder(name)
    check_name(folder.architecture)
    built = _Built(
        None,
        folder.architecture,
        f"folder: {folder.path.resolve().name}",
        weights or folder.weights,
        (),
        folder.label_table,
    )
    try:
        return _with_weights(built, folder.architecture, dict(folder.options), num_classes)
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(
            f"model {name}: timm cannot build what its config.json says ({reason}): check model_args in it"
        ) from None


def _with_weights(built: _Built, architecture: str, options: dict[str, Any], num_classes: int | None) -> _Built:
    """Return `built` with the architecture's network and the weights of its file, as many classes as they have."""
    file = built.file
    state = read_weights(file)
    timm = import_timm()
    cfg = timm.models.get_pretrained_cfg(architecture)
    classifiers = getattr(cfg, "classifier", None) or "head"
    found = classifier_size(state, (classifiers,) if isinstance(classifiers, str) else tuple(classifiers))
    if found is None and "visual.proj" in state:  # CLIP's projection becomes the classifier of timm's network
        found = int(state["visual.proj"].shape[1])
    classes = (found or 0) if num_classes is None else num_classes
    if classes == 0:
        last = ("head.", "head_dist.", "visual.proj")
        state = {key: value for key, value in state.items() if not key.startswith(last)}
    network = _create(architecture, **{**options, "num_classes": classes})
    notices = fit_weights(network, state, file)
    return replace(built, module=network, notices=notices, label_table=labels_with(file) or built.label_table)


def _create(name: str, **options: Any) -> Any:
    """Return timm's network, for any image size where it can; refused if the graph does not describe it.

    Its parameters are not initialised: the caller makes sure that every one of them is loaded.
    """
    from vitexplain.models.without_start import WithoutRandomStart

    timm, flexible = import_timm(), flexible_options(name)
    with WithoutRandomStart():
        try:
            network = timm.create_model(name, **{**flexible, **options})
        except TypeError:  # a class without that option
            network = timm.create_model(name, **options)
    recognise(network)
    return network


def _other_classes(what: str, has: int, given: int | None) -> UsageError:
    return UsageError(
        f"num_classes {given}: {what} has {has} classes, expected {has} or 0: for another classifier give its file "
        "with --weights"
    )
