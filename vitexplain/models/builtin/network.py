"""The network of the built-in model, without timm's random start, and what its pixels must look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError
from vitexplain.models.timm_import import import_timm

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "vit_small_patch14_dinov2"
CLASSES = 200
SIZE = 224  # pixels of a side; other multiples of PATCH work too
PATCH = 14  # pixels of a side
MEAN = (0.485, 0.456, 0.406)  # of the RGB channels, values in [0, 1]
STD = (0.229, 0.224, 0.225)
INTERPOLATION = "bicubic"
WEIGHTS_FILE = Path(__file__).with_name("weights.safetensors")


def load_network(weights: Path = WEIGHTS_FILE) -> torch.nn.Module:
    """Return the network (B, 3, H, W) -> logits (B, 200) with `weights`, in float32, on the CPU, in eval mode.

    H and W are multiples of 14; pixels are RGB in [0, 1], normalised by MEAN and STD.

    Raises ModelError if the weights cannot be read or are those of another network.
    """
    import torch

    state = read_weights(weights)
    # On the meta device nothing is allocated or initialised: the weights become the parameters as they are.
    with torch.device("meta"):
        network: torch.nn.Module = import_timm().create_model(ARCHITECTURE, **architecture_options())
    check_fit(network, state, weights)
    network.load_state_dict(state, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    return network.eval()


def architecture_options() -> dict[str, object]:
    """Return the keyword arguments with which timm builds the network's architecture."""
    return {"pretrained": False, "img_size": SIZE, "num_classes": CLASSES, "dynamic_img_size": True}


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of the safetensors file `path` by name, in float32.

    Raises ModelError if the file is missing or is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        remedy = "install vitexplain again" if path == WEIGHTS_FILE else "give a .safetensors file"
        raise ModelError(f"the weights {path} cannot be read ({error}); {remedy}") from error


def check_fit(network: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Raise ModelError with the first three differences if the tensors of `state` are not those of `network`."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    differences = [
        f"{name} is {given.get(name, 'missing')}, expected {wanted.get(name, 'nothing')}"
        for name in sorted(wanted.keys() | given.keys())
        if given.get(name) != wanted.get(name)
    ]
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise ModelError(
            f"the weights {path} do not fit the network: {'; '.join(differences[:3])}{more}; "
            "give weights of the same architecture"
        )
