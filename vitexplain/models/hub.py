"""The file of a model's pretrained weights: from the hub's cache, or downloaded if the hub answers within seconds."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

from vitexplain.errors import ModelError

ANSWER_SECONDS = 5.0
"""So long the hub may take to answer the first question; then it counts as unreachable."""

_DEFAULT = "pytorch_model.bin"


def pretrained_file(name: str, cfg: Any) -> Path:
    """Return the file of weights that timm's pretrained configuration `cfg` of the model `name` points to.

    A cached file is used as it is, without asking the hub. ModelError: there is none, or it is not cached and the hub
    cannot be reached.
    """
    if cfg.hf_hub_id:
        return _from_hub(name, str(cfg.hf_hub_id), _file_names(cfg.hf_hub_filename or _DEFAULT))
    if isinstance(cfg.url, str) and cfg.url:
        return _from_url(name, cfg.url)
    raise ModelError(f"model {name}: timm knows no pretrained weights for it: give a file with `weights=`")


def _file_names(name: str) -> list[str]:
    """Return the names to try, the safe format first, as timm does."""
    safe = "model.safetensors" if name == _DEFAULT else str(Path(name).with_suffix(".safetensors"))
    candidates = [safe, safe.replace("_pytorch_model", "_model"), name]
    return list(dict.fromkeys(candidates))


def _from_hub(name: str, hub_id: str, file_names: list[str]) -> Path:
    import huggingface_hub as hub
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    repository, _, revision = hub_id.partition("@")
    for file_name in file_names:
        cached = hub.try_to_load_from_cache(repository, file_name, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    for file_name in file_names:
        try:
            # One question without retries: hf_hub_download alone would ask an unreachable hub for half a minute.
            hub.get_hf_file_metadata(
                hub.hf_hub_url(repository, file_name, revision=revision or None), timeout=ANSWER_SECONDS
            )
            return Path(hub.hf_hub_download(repository, file_name, revision=revision or None))
        except RepositoryNotFoundError:
            raise ModelError(f"model {name}: the hub has no {repository} (or asks for a login): {_REMEDY}") from None
        except EntryNotFoundError:
            continue
        except Exception as error:  # every library below has its own classes for a broken connection
            raise _unreachable(name, "the model hub", error) from None
    raise ModelError(f"model {name}: {repository} on the hub has none of {', '.join(file_names)}: {_REMEDY}")


def _from_url(name: str, url: str) -> Path:
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / url.rpartition("/")[2]
    if file.is_file():
        return file
    try:
        question = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "vitexplain"})
        urllib.request.urlopen(question, timeout=ANSWER_SECONDS).close()
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), progress=False)
    except Exception as error:
        raise _unreachable(name, url.split("/")[2], error) from None
    return file


_REMEDY = "use `model=builtin` (no download) or give a file with `weights=`"


def _unreachable(name: str, where: str, error: Exception) -> ModelError:
    return ModelError(
        f"model {name}: its weights are not cached and {where} cannot be reached ({type(error).__name__}): {_REMEDY}"
    )
