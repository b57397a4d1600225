"""Damaged files of every kind: a result or one clear error, never anything raw, never much memory or time."""

from __future__ import annotations

import io
import json
import random
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from tests.models.small import tiny
from vitexplain.errors import VitexplainError
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.folder import read_model_folder
from vitexplain.models.label_files import resolve_labels
from vitexplain.models.weights import fit_weights

NETWORK = tiny(embed_dim=16, num_heads=2, num_classes=3)
STATE = NETWORK.state_dict()
ROUNDS = 150


def saved(zipped: bool) -> bytes:
    stream = io.BytesIO()
    torch.save({"model": STATE, "epoch": 3}, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def repacked() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(True))) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return stream.getvalue()


def header_only(data: bytes) -> tuple[int, int]:
    """Where damage matters most: the header, not the numbers."""
    return 0, 8 + int.from_bytes(data[:8], "little")


KINDS: dict[str, tuple[str, Callable[[], bytes], Callable[[bytes], tuple[int, int]]]] = {
    "safetensors": ("w.safetensors", lambda: save(STATE, {"labels": json.dumps(["a", "b", "c"])}), header_only),
    "archive, its table": ("w.pth", lambda: saved(True), lambda data: (0, data.index(b".format_version"))),
    "archive, its directory": ("w.pth", lambda: saved(True), lambda data: (data.index(b"PK\x01\x02"), len(data))),
    "packed archive": ("w.pth", repacked, lambda data: (0, len(data))),
    "old file": ("w.pth", lambda: saved(False), lambda data: (0, min(len(data), 6000))),
}


def damaged(data: bytes, begin: int, end: int, chance: random.Random) -> bytes:
    """Return the data with bytes changed, cut out, doubled or put in, in one to four places of a range."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = min(chance.randrange(begin, end), len(changed) - 1)
        kind = chance.random()
        if kind < 0.6:
            changed[place] = chance.choice([0, 1, 255, chance.randrange(256), ord(chance.choice('0123456789[]{}",:-'))])
        elif kind < 0.75:
            del changed[place : place + chance.choice([1, 2, 8, 100])]
        elif kind < 0.9:
            changed[place:place] = chance.choice(
                [b"9" * 20, b"\x00" * 8, b"\xff" * 4, b"[[", bytes(changed[place : place + 50])]
            )
        else:
            del changed[place:]
        if len(changed) < 4:
            break
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_weights(tmp_path: Path, kind: str) -> None:
    name, write, where = KINDS[kind]
    data, chance = write(), random.Random(kind)
    begin, end = where(data)
    (tmp_path / name).write_bytes(data)
    checkpoint = read_checkpoint(tmp_path / name)
    assert fit_weights(NETWORK, checkpoint.state, checkpoint.path) == ()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(ROUNDS):
        # A new file each time: tensors of the one before may still be mapped.
        file = tmp_path / f"{number}-{name}"
        file.write_bytes(damaged(data, begin, end, chance))
        start = time.process_time()
        try:
            checkpoint = read_checkpoint(file)
            fit_weights(NETWORK, checkpoint.state, file)
        except VitexplainError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 700
        assert time.process_time() - start < 5
        file.unlink()
    assert refused > ROUNDS // 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_damaged_configurations(tmp_path: Path) -> None:
    chance = random.Random(1)
    config = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2},
        "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "input_size": [3, 32, 32], "crop_pct": 0.9},
        "label_names": ["a", "b", "c"],
    }
    (tmp_path / "model.safetensors").write_bytes(save(STATE))
    odd = ["abc", -1, 0, 1e308, 10**17, None, True, [], {}, [[]], {"a": {}}, "\ud800", [None] * 3, "x" * 5000]
    for _ in range(300):
        table = json.loads(json.dumps(config))
        for _ in range(chance.randint(1, 3)):
            place = chance.choice([table, table.get("model_args"), table.get("pretrained_cfg")])
            if isinstance(place, dict) and place:
                place[chance.choice([*place, "checkpoint_path", "num_classes", "global_pool"])] = chance.choice(odd)
        text = json.dumps(table).encode()
        (tmp_path / "config.json").write_bytes(damaged(text, 0, len(text), chance) if chance.random() < 0.5 else text)
        try:
            folder = read_model_folder(str(tmp_path))
            resolve_labels(None, 3, folder.label_table)
        except VitexplainError as error:
            assert "\n" not in str(error) and len(str(error)) < 700


def test_damaged_labels(tmp_path: Path) -> None:
    chance = random.Random(2)
    forms = {
        "a.txt": b"ant\nbee\ncat\n",
        "b.txt": b"n00000001 ant, emmet\nn00000002 bee\nn00000003 cat\n",
        "a.json": b'["ant", "bee", "cat"]',
        "b.json": b'{"0": "ant", "1": "bee", "2": ["n00000003", "cat"]}',
        "c.json": b'{"id2label": {"0": "ant", "1": "bee", "2": "cat"}}',
        "a.tsv": b"0\tn00000001\tant, emmet\n1\t\tbee\n2\tn3\tcat\n",
    }
    for name, data in forms.items():
        for _ in range(60):
            (tmp_path / name).write_bytes(damaged(data, 0, len(data), chance))
            try:
                labels = resolve_labels(tmp_path / name, 3)
            except VitexplainError as error:
                assert "\n" not in str(error) and len(str(error)) < 700
            else:
                assert labels is not None
                assert all(str(labels.name(index)).encode() for index in range(3))
