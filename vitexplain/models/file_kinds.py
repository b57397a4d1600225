"""Files that hold a model in another form, told by their first bytes, each with the line that saves it usefully."""

from __future__ import annotations

from pathlib import Path

BEGINNING_BYTES = 512

_SAVE = "save the weights of the PyTorch model: torch.save(model.state_dict(), 'weights.pth')"

TORCHSCRIPT = (
    "a TorchScript archive, a program: save its weights with "
    "torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(), 'weights.pth')"
)
WHOLE_MODULE = (
    "where you trust it, save its weights with "
    "torch.save(torch.load(FILE, map_location='cpu', weights_only=False).state_dict(), 'weights.pth')"
)

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", f"a Keras or HDF5 file (.h5): Keras's models cannot be read, {_SAVE}"),
    (0, b"GGUF", f"a GGUF file of quantised weights: {_SAVE}"),
    (4, b"TFL3", f"a TensorFlow Lite model: {_SAVE}"),
    (0, b"\x93NUMPY", f"a NumPy array: {_SAVE}"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the weights themselves: fetch them with git lfs pull"),
    (0, b"\x1f\x8b", "compressed (gzip): unpack it first"),
    (0, b"\xfd7zXZ\x00", "compressed (xz): unpack it first"),
    (0, b"BZh", "compressed (bzip2): unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "compressed (zstd): unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "compressed (7z): unpack it first"),
    (257, b"ustar", "a tar archive: unpack it, and give the file of weights in it"),
)

_ENDINGS = {
    ".onnx": f"an ONNX model, a graph without the modules to explain: {_SAVE}",
    ".h5": f"a Keras or HDF5 file: Keras's models cannot be read, {_SAVE}",
    ".hdf5": f"a Keras or HDF5 file: Keras's models cannot be read, {_SAVE}",
    ".keras": f"a Keras model: Keras's models cannot be read, {_SAVE}",
    ".pb": f"a TensorFlow model: {_SAVE}",
    ".tflite": f"a TensorFlow Lite model: {_SAVE}",
    ".msgpack": f"weights of Flax: {_SAVE}",
    ".npz": f"arrays of NumPy: {_SAVE}",
    ".npy": f"a NumPy array: {_SAVE}",
    ".gguf": f"a GGUF file of quantised weights: {_SAVE}",
    ".pt2": f"an exported program (torch.export): {_SAVE}",
    ".mlmodel": f"a Core ML model: {_SAVE}",
    ".engine": f"a TensorRT engine: {_SAVE}",
    ".plan": f"a TensorRT engine: {_SAVE}",
    ".json": "a text, no weights: give the file of weights itself, or its folder as `model=`",
}


def foreign_kind(path: Path, beginning: bytes) -> str | None:
    """Return what a file is and what to do, by its first BEGINNING_BYTES bytes; None: nothing that is known here."""
    for place, magic, words in _MAGIC:
        if beginning[place : place + len(magic)] == magic:
            return words
    if _is_onnx(beginning):
        return _ENDINGS[".onnx"]
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "a page of HTML or XML, not weights: the download answered with a page, download it again"
    if beginning[:2] != b"PK" and not is_safetensors(beginning):
        if text.startswith((b"{", b"[")):
            return _ENDINGS[".json"]
        return _ENDINGS.get(path.suffix.lower())
    return None


def zip_kind(names: list[str]) -> str | None:
    """Return what a zip archive is, by the names in it; None: it may be what torch.save wrote."""
    last = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last:
        return TORCHSCRIPT
    if "model.weights.h5" in last:
        return _ENDINGS[".keras"]
    if any("exported_program" in name for name in names):
        return _ENDINGS[".pt2"]
    if names and all(name.endswith(".npy") for name in names):
        return _ENDINGS[".npz"]
    if "data.pkl" not in last:
        inside = f" (it holds {', '.join(sorted(last)[:2])[:80]})" if last else ""
        return f"a zip archive, but not one of torch.save{inside}: unpack it, and give the file of weights in it"
    return None


def is_safetensors(beginning: bytes) -> bool:
    """Whether the first bytes are those of a .safetensors file: a length, then a table in JSON."""
    return len(beginning) > 8 and beginning[8:9] == b"{" and int.from_bytes(beginning[:8], "little") < 1 << 32


def _is_onnx(beginning: bytes) -> bool:
    """Whether the first bytes are ONNX's: a small version, then the name of the program that wrote it."""
    number = (beginning[1:2] or b"\0")[0]
    return beginning[:1] == b"\x08" and 0 < number < 32 and (beginning[2:3] == b"\x12" or b"onnx" in beginning[:64])
