"""Names on the hub (`hf-hub:me/my-vit`, `google/vit-base-patch16-224`): the folder of files that the hub keeps."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from vitexplain.errors import ModelError
from vitexplain.images.files import shown
from vitexplain.models.hub import NotOnHubError, hub_file
from vitexplain.models.image_processor import REPOSITORY
from vitexplain.models.text_files import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS, TOKENIZER_FILES
from vitexplain.models.timm_import import import_timm
from vitexplain.models.transformers_model import check_scope, has_text, transformers_config
from vitexplain.models.weight_index import files_of

_HUB = re.compile(r"hf[-_]hub:|https?://huggingface\.co/", re.IGNORECASE)
_PAGE = re.compile(r"(?:/tree/(?P<revision>[^/]+))?/?$")
"""What an address of a repository ends in."""
_FOLDER = re.compile(r"local-dir:", re.IGNORECASE)
_TIMM = "timm/"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_OPTIONAL = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class HubName:
    """A repository on the hub, "owner/name", perhaps at a revision; `asked` is the name as the user gave it."""

    asked: str
    repository: str
    revision: str | None

    @property
    def name(self) -> str:
        """The repository and its revision, as they are shown."""
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def folder_name(name: str) -> str:
    """Return the path in "local-dir:PATH", as timm writes that of a folder; other names as they are."""
    if not _FOLDER.match(name):
        return name
    path = _FOLDER.sub("", name, count=1)
    return path if "/" in path else f"./{path}"


def timm_name(name: str) -> str:
    """Return timm's own name for what it keeps on the hub ("timm/NAME", with "hf-hub:" or not), or a folder's path.

    Others are returned as they are.
    """
    if _FOLDER.match(name):
        return folder_name(name)
    bare = _on_hub(name) or name
    if not bare.startswith(_TIMM) or Path(name).exists():
        return name
    own = bare.removeprefix(_TIMM)
    return own if import_timm().models.is_model_pretrained(own) else name


def hub_name(name: str) -> HubName | None:
    """Return the repository that the name means; None: it is a path, or a plain name.

    A name with one slash is one unless there is a folder or file of that name. ModelError: "hf-hub:" before something
    else.
    """
    bare = _on_hub(name)
    repository, _, revision = (name if bare is None else bare).partition("@")
    if REPOSITORY.fullmatch(repository) and (bare is not None or not Path(name).exists()):
        return HubName(name, repository, revision or None)
    if bare is not None:
        raise ModelError(f"model {shown(name)[:100]}: expected a name on the hub as OWNER/NAME after the colon")
    return None


def _on_hub(name: str) -> str | None:
    """Return what follows the hub's prefix or address, OWNER/NAME or OWNER/NAME@REVISION; None: it has neither."""
    found = _HUB.match(name)
    if found is None:
        return None
    rest = name[found.end() :]
    return _PAGE.sub(lambda page: f"@{page['revision']}" if page["revision"] else "", rest, count=1)


def hub_folder(name: HubName) -> Path:
    """Return the folder in the hub's cache that holds config.json, weights and how pictures are prepared.

    What is cached is used as it is, the rest is downloaded. ModelError: neither is possible.
    """
    return _told(name, _OF_PICTURES)


def hub_text_folder(name: HubName) -> Path:
    """Return the same of a model of pictures and texts, with its tokenizer: transformers', or else open_clip's.

    ModelError: neither is there.
    """
    texts = _Files("config.json", _WEIGHTS, (*_OPTIONAL, *TOKENIZER_FILES), TOKENIZER_FILES)
    others = _Files(OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS, TOKENIZER_FILES)
    if _is_cached(name, others.config) and not _is_cached(name, texts.config):
        return _told(name, others)
    folder: Path | None = None
    try:
        with contextlib.suppress(NotOnHubError):
            folder = _config_of(name, texts).parent
            config = transformers_config(str(folder))
            if config is not None and has_text(config):
                return _fetched(name, texts)
        return _fetched(name, others)
    except ModelError as error:
        if folder is not None and not has_text(transformers_config(str(folder)) or {}):
            return folder  # of a model without texts, which is told when it is read
        raise _no_folder(name, error) from None


@dataclass(frozen=True)
class _Files:
    """The files of a model: its configuration, weights under one of these names, others where they exist.

    `needed`: without one of them in the cache, the others are looked for on the hub.
    """

    config: str
    weights: tuple[str, ...]
    optional: tuple[str, ...]
    needed: tuple[str, ...] = ()


_OF_PICTURES = _Files("config.json", _WEIGHTS, _OPTIONAL)


def _told(name: HubName, files: _Files) -> Path:
    try:
        return _fetched(name, files)
    except ModelError as error:
        raise _no_folder(name, error) from None


def _no_folder(name: HubName, error: ModelError) -> ModelError:
    """Return the error with what else the name may have meant, unless the model is there and not supported."""
    if _HUB.match(name.asked) or error.reason is not None:
        return error
    start = f"model {name.asked}: "
    return ModelError(f"{start}there is no such folder; on the hub: {str(error).removeprefix(start)}")


def _is_cached(name: HubName, file: str) -> bool:
    import huggingface_hub as hub

    return isinstance(hub.try_to_load_from_cache(name.repository, file, revision=name.revision), str)


def _config_of(name: HubName, files: _Files) -> Path:
    return hub_file(name.asked, name.repository, name.revision, [files.config])


def _fetched(name: HubName, files: _Files) -> Path:
    complete = _is_cached(name, files.config)
    folder = _config_of(name, files).parent
    if (config := transformers_config(str(folder))) is not None:
        check_scope(config, shown(name.name)[:200])  # before the weights are downloaded
    # The other files are those of the same commit, whatever has happened on the hub since.
    commit = folder.name if folder.parent.name == "snapshots" else name.revision
    complete = complete and any((folder / file).is_file() for file in files.weights)
    complete = complete and (not files.needed or any((folder / file).is_file() for file in files.needed))
    weights = hub_file(name.asked, name.repository, commit, list(files.weights))
    for piece in files_of(weights)[1:]:
        hub_file(name.asked, name.repository, commit, [piece.name])
    if not complete:
        for file in files.optional:
            with contextlib.suppress(NotOnHubError):
                hub_file(name.asked, name.repository, commit, [file])
    return folder
