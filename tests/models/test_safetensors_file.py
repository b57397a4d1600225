"""Headers of .safetensors files are compared with the length of the file before anything is loaded."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vitexplain.errors import ModelError
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.safetensors_file import read_header, read_tensors


def written(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(shape: object, offsets: object, dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_what_safetensors_writes_is_accepted(tmp_path: Path) -> None:
    tensors = {
        "a": torch.zeros(2, 3),
        "b": torch.zeros(()),
        "c": torch.zeros(0),
        "d": torch.zeros(5, dtype=torch.bfloat16),
        "e": torch.zeros(3, dtype=torch.bool),
        "f": torch.zeros(3, dtype=torch.int64),
    }
    save_file(tensors, tmp_path / "w.safetensors", metadata={"format": "pt"})
    header = read_header(tmp_path / "w.safetensors")
    assert header.shapes == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert header.metadata == {"format": "pt"}
    assert read_tensors(tmp_path / "w.safetensors").keys() == tensors.keys()


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"head.weight": entry([2**40, 0], [0, 0])}, b"", r"1,099,511,627,776 x 0 in F32, the file holds 0 bytes"),
        ({"head.weight": entry([2**40, 192], [0, 2**40 * 768])}, b"", "take .* bytes, the file has 0"),
        ({"a": entry([2], [0, 4])}, b"\0" * 4, "should be 2 in F32, the file holds 4 bytes"),
        ({"a": entry([-1], [0, 4])}, b"\0" * 4, "has the shape"),
        ({"a": entry([True], [0, 4])}, b"\0" * 4, "has the shape"),
        ({"a": entry([1.0], [0, 4])}, b"\0" * 4, "has the shape"),
        ({"a": entry("1", [0, 4])}, b"\0" * 4, "has the shape"),
        ({"a": entry([1] * 9, [0, 4])}, b"\0" * 4, "has the shape"),
        ({"a": entry([1], [4, 0])}, b"\0" * 4, "lies at"),
        ({"a": entry([1], [0])}, b"\0" * 4, "lies at"),
        ({"a": entry([1], [0, 4], "X9")}, b"\0" * 4, "type 'X9', which does not exist"),
        ({"a": entry([1], [0, 4], ["F32"])}, b"\0" * 4, "which does not exist"),
        ({"a": entry([4], [0, 4], "F8_E4M3")}, b"\0" * 4, "quantised"),
        ({"a": entry([1], [0, 4]), "b": entry([1], [0, 4])}, b"\0" * 4, "begins at 0, expected 4"),
        ({"a": entry([1], [4, 8])}, b"\0" * 8, "begins at 4, expected 0"),
        ({"a": entry([1], [0, 4])}, b"\0" * 9, "take 4 bytes, the file has 9"),
        ({"a": {"dtype": "F32", "shape": [1]}}, b"", "has no dtype, shape and data_offsets"),
        ({"a": 1}, b"", "has no dtype, shape and data_offsets"),
        (["a"], b"", "no table of tensors"),
        ({"__metadata__": {"a": 1}}, b"", "no table of texts"),
        (b'{"a": NaN}', b"", "NaN is no number"),
        (b'{"a": ' + b"9" * 10_000 + b"}", b"", "a number of 10,000 digits"),
        (b"[" * 100_000, b"", "nested too deep"),
        (b'{"a": 1, "a": 2}', b"", "'a' stands in it twice"),
        (b"{\xff", b"", "UTF-8"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, header: object, data: bytes, words: str) -> None:
    file = written(tmp_path / "w.safetensors", header, data)
    with pytest.raises(ValueError, match=words):
        read_header(file)
    with pytest.raises(ModelError, match="not a readable safetensors file") as caught:
        read_checkpoint(file)
    assert "\n" not in str(caught.value)


def test_a_header_that_is_longer_than_the_file_takes_no_memory(tmp_path: Path) -> None:
    for length in (2**63, 2**40, 200, 8):
        (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
        tracemalloc.start()
        with pytest.raises(ValueError, match="damaged or not complete"):
            read_header(tmp_path / "w.safetensors")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 1 << 30) + b"{")
        file.truncate(2 << 30)
    with pytest.raises(ValueError, match="expected at most"):
        read_header(tmp_path / "w.safetensors")
