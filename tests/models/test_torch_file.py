"""Files of torch.save: archives that claim too much, other forms of a model, tables that would take memory or time."""

from __future__ import annotations

import collections
import io
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.small import tiny
from vitexplain.errors import ModelError
from vitexplain.models.checkpoint import read_checkpoint


def rewritten(path: Path, edit: Callable[[bytes], bytes] = bytes, packed: bool = False, **more: bytes) -> Path:
    """Write the archive of one small tensor again, its table edited, and packed if asked."""
    source = io.BytesIO()
    torch.save({"a": torch.zeros(4)}, source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", 8 if packed else 0) as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry.filename, edit(data) if entry.filename.endswith("data.pkl") else data)
        for name, data in more.items():
            new.writestr(f"archive/{name}", data)
    return path


def script(network: torch.nn.Module, given: torch.Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, given), path)  # type: ignore[no-untyped-call]


BIG = b"J" + (10**9).to_bytes(4, "little")
EDITS: dict[str, Callable[[bytes], bytes]] = {
    "a storage of more numbers than its record": lambda table: table.replace(b"K\x04tq\x07Q", BIG + b"tq\x07Q").replace(
        b"QK\x00K\x04\x85", b"QK\x00" + BIG + b"\x85"
    ),
    "a tensor beyond its storage": lambda table: table.replace(b"QK\x00K\x04\x85", b"QK\x00" + BIG + b"\x85"),
    "strides of 0": lambda table: table.replace(b"QK\x00K\x04\x85", b"QK\x00" + BIG + b"\x85").replace(
        b"K\x01\x85q\x09", b"K\x00\x85q\x09"
    ),
    "an offset beyond the file": lambda table: table.replace(b"QK\x00K\x04\x85", b"QK\x7fK\x04\x85"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", EDITS)
def test_tensors_that_claim_more_than_the_file_holds(tmp_path: Path, name: str, packed: bool) -> None:
    with pytest.raises(ModelError, match=r"not a readable file of weights|claims to be") as caught:
        read_checkpoint(rewritten(tmp_path / "w.pth", EDITS[name], packed))
    assert "\n" not in str(caught.value)


def test_what_is_only_repacked_is_read(tmp_path: Path) -> None:
    for packed in (False, True):
        state = read_checkpoint(rewritten(tmp_path / "w.pth", packed=packed)).state
        assert torch.equal(state["a"], torch.zeros(4))


def test_a_large_storage_packed_small_takes_neither_memory_nor_time(tmp_path: Path) -> None:
    rewritten(tmp_path / "bomb.pth", packed=True, extra=bytes(300 << 20))
    assert (tmp_path / "bomb.pth").stat().st_size < 1 << 20
    code = (
        "import resource, sys, time; from pathlib import Path; import torch\n"
        "from vitexplain.errors import ModelError\n"
        "from vitexplain.models.checkpoint import read_checkpoint\n"
        "before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()\n"
        "try: read_checkpoint(Path(sys.argv[1]))\n"
        "except ModelError as error: print(error)\n"
        "took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(took < 100_000, time.process_time() - start < 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bomb.pth")], capture_output=True, text=True)
    assert "claims 314," in done.stdout and done.stdout.endswith("True True\n"), done.stdout + done.stderr


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """Each entry of the list points at the same large record."""
    file = rewritten(tmp_path / "w.pth", extra=bytes(20 << 20))
    data = file.read_bytes()
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry, tail = data[start:end], bytearray(data[end:])
    count = int.from_bytes(tail[8:10], "little") + 50
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (int.from_bytes(tail[12:16], "little") + 50 * len(entry)).to_bytes(4, "little")
    file.write_bytes(data[:end] + entry * 50 + tail)
    with pytest.raises(ModelError, match="claims 1,"):
        read_checkpoint(file)


def test_other_forms_of_a_model_are_named_with_the_line_that_saves_them(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    script(network, torch.zeros(1, 2), tmp_path / "script.pt")
    torch.save(network, tmp_path / "whole.pth")
    torch.save({"epoch": 1, "model": tiny()}, tmp_path / "nested.pth")
    torch.save(network, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(tmp_path / "zipped.pth", "w") as archive:
        archive.writestr("checkpoints/best.pth", b"x")
    with zipfile.ZipFile(tmp_path / "keras.ckpt", "w") as archive:
        archive.writestr("model.weights.h5", b"x")
    for name, words in [
        ("script.pt", r"a TorchScript archive.*torch\.jit\.load\(FILE, map_location='cpu'\)\.state_dict\(\)"),
        ("whole.pth", r"refused, .*a whole module.*weights_only=False\)\.state_dict\(\)"),
        ("nested.pth", r"refused, .*a whole module, timm\.models\.vision_transformer\.VisionTransformer"),
        ("old.pth", "a whole module"),
        ("zipped.pth", r"a zip archive, but not one of torch\.save \(it holds best\.pth\): unpack it"),
        ("keras.ckpt", "a Keras model"),
    ]:
        with pytest.raises(ModelError, match=words) as caught:
            read_checkpoint(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_line_for_a_torchscript_archive_works(tmp_path: Path) -> None:
    script(tiny(), torch.zeros(1, 3, 32, 32), tmp_path / "script.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = torch.jit.load(tmp_path / "script.pt", map_location="cpu")  # type: ignore[no-untyped-call]
        torch.save(loaded.state_dict(), tmp_path / "weights.pth")
    assert read_checkpoint(tmp_path / "weights.pth").state.keys() == tiny().state_dict().keys()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("w.h5", b"\x89HDF\r\n\x1a\n" + bytes(20), "Keras"),
        ("w.pth", b"\x89HDF\r\n\x1a\n" + bytes(20), "Keras"),
        ("w.onnx", b"\x08\x07\x12\x07pytorch\x1a", "an ONNX model"),
        ("w.pt", b"\x08\x07\x12\x07pytorch\x1a", "an ONNX model"),
        ("w.bin", b"GGUF" + bytes(40), "GGUF"),
        ("w.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("w.pth", b"<!DOCTYPE html><html>", "a page of HTML"),
        ("w.pth", b"\x1f\x8b\x08" + bytes(40), "compressed"),
        ("w.tar", bytes(257) + b"ustar\0" + bytes(300), "a tar archive"),
        ("w.bin", b'{"weight_map": {}}', "a text, no weights"),
        ("model.safetensors.index.json", b'{"weight_map": {}}', "a text, no weights"),
        ("w.npz", b"PK\x03\x04" + bytes(40), "expected a file that ends in"),
        ("w.pb", b"\x0a\x0b", "a TensorFlow model"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_under_the_wrong_ending_is_read_by_its_content(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(tiny().state_dict(), tmp_path / "w.pth")
    torch.save(tiny().state_dict(), tmp_path / "w.safetensors")
    assert read_checkpoint(tmp_path / "w.pth").state.keys() == read_checkpoint(tmp_path / "w.safetensors").state.keys()


def test_files_of_torch_before_1_6(tmp_path: Path) -> None:
    torch.save({"model": tiny().state_dict()}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert read_checkpoint(tmp_path / "old.pth").state.keys() == tiny().state_dict().keys()
    data = (tmp_path / "old.pth").read_bytes()
    (tmp_path / "short.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="not a readable file of weights"):
        read_checkpoint(tmp_path / "short.pth")


def test_bytes_by_a_length_and_endless_tables_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1), "b": bytearray(3)}, tmp_path / "bytes.pth")
    torch.save(collections.OrderedDict(a=torch.zeros(1), log=list(range(1_100_000))), tmp_path / "long.pth")
    (tmp_path / "bomb.pth").write_bytes(b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.")
    for name, words in [
        ("bytes.pth", "bytes of a length"),
        ("long.pth", "more than"),
        ("bomb.pth", "bytes of a length"),
    ]:
        with pytest.raises(ModelError, match=words):
            read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("value", [[1, 2], {"a": {"b": 3}}, pickle.dumps({"a": 1}), "text"])
def test_files_without_tensors(tmp_path: Path, value: Any) -> None:
    torch.save(value, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"holds a|no tensors by name"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_tensors_that_are_no_plain_numbers(tmp_path: Path) -> None:
    for value, words in [
        (torch.eye(3).to_sparse(), "a sparse"),
        (torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.quint8), "quantised"),
        (torch.zeros(3, device="meta"), "without values"),
    ]:
        torch.save({"a": value}, tmp_path / "w.pth")
        with pytest.raises(ModelError, match=words):
            read_checkpoint(tmp_path / "w.pth")
