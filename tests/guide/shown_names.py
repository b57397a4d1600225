"""The names that the documents use, as real files: photographs, folders of them, somebody's weights and model."""

from __future__ import annotations

import importlib.util
import io
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import torch

from tests.batch.merging.run_folders import write_parts
from tests.models.small import tiny
from tests.models.text_models import write_text_model
from tests.report.run_folders import explained
from tests.tiny_folder import LABELS, write_tiny_folder
from vitexplain.batch.parts import Shard
from vitexplain.models.timm_import import import_timm
from vitexplain.output import WriteOptions, write_result

SAMPLES = Path(__file__).parents[2] / "sample_images"
PHOTOGRAPHS = ("cat.jpg", "koala.jpg")
FOLDERS = ("photos", "val100", "val200", "val500", "sample_images")

LIBRARIES = ("transformers", "open_clip", "duckdb", "pandas", "polars")
"""What some of the recipes need, and the package itself does not."""


def write_shown_names(place: Path) -> None:
    """Write all files and folders that a command or a block of Python in the documents reads."""
    for folder in (place, *(place / name for name in FOLDERS)):
        folder.mkdir(exist_ok=True)
        for name in PHOTOGRAPHS:
            shutil.copy(SAMPLES / name, folder / name)
    shutil.copy(SAMPLES / "german_shepherd.jpg", place / "photo.jpg")
    write_tiny_folder(place / "my_model")
    torch.manual_seed(0)
    trained = import_timm().create_model("vit_tiny_patch16_224", num_classes=len(LABELS))
    torch.save(trained.state_dict(), place / "mine.pth")
    in_stages = import_timm().create_model("swin_tiny_patch4_window7_224", num_classes=len(LABELS))
    torch.save(in_stages.half().state_dict(), place / "my_swin.pth")
    without_graph = import_timm().create_model("xcit_nano_12_p16_224", num_classes=len(LABELS))
    torch.save(without_graph.half().state_dict(), place / "my_xcit.pth")
    _write_torchvision(place / "vit_b_16.pth")
    if has_library("transformers"):
        _write_transformers(place / "hf_vit")
        write_text_model(place / "hf_clip", "CLIPModel")
    _write_shards(place / "shards")
    (place / "list.txt").write_text("".join(f"val100/{name}\n" for name in PHOTOGRAPHS), encoding="utf-8")
    boxes = [f"{name}\tcat\t10\t10\t200\t200" for name in PHOTOGRAPHS]
    (place / "boxes.tsv").write_text("\n".join(boxes), encoding="utf-8")
    (place / "names.txt").write_text("\n".join(LABELS), encoding="utf-8")


def _write_shards(folder: Path) -> None:
    """Write tars in WebDataset's layout."""
    folder.mkdir()
    for number in (1, 2):
        with tarfile.open(folder / f"train-{number:04}.tar", "w") as archive:
            for name in PHOTOGRAPHS:
                archive.add(SAMPLES / name, name)
                label = tarfile.TarInfo(f"{Path(name).stem}.cls")
                label.size = 1
                archive.addfile(label, io.BytesIO(b"7"))


def has_library(name: str) -> bool:
    """Whether a library that some of the documents' recipes need is installed."""
    return importlib.util.find_spec(name) is not None


def _write_torchvision(file: Path) -> None:
    from torchvision import models

    torch.save(models.vit_b_16(image_size=32, num_classes=len(LABELS)).half().state_dict(), file)


def _write_transformers(folder: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    sizes = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 64}
    names = dict(enumerate(LABELS))
    ViTForImageClassification(ViTConfig(**sizes, id2label=names)).save_pretrained(folder)
    ViTImageProcessor().save_pretrained(folder)


def write_run_folder(folder: Path, picture: Path) -> None:
    """Write what `run` writes of a picture, from a result that no model made."""
    write_result(explained(picture, str(picture), "tabby", 0.5, 0), WriteOptions(folder))


def write_shards(folders: Sequence[str], form: str = "jsonl") -> None:
    """Write parts of one batch into these folders, a shard in each, instead of what another command wrote there."""
    for number, folder in enumerate(folders, 1):
        shutil.rmtree(folder, ignore_errors=True)
        write_parts(Path(folder), (("a.jpg", "b.jpg", "c.jpg"),), shard=Shard(number, len(folders)), form=form)


def write_stand_in(folder: Path) -> Path:
    """Write a model of as many layers as the built-in one, with 16 patches, for commands that take minutes with it."""
    save = import_timm().models.save_for_hf
    save(tiny(depth=12), str(folder), model_config={"label_names": LABELS}, safe_serialization=True)
    return folder
