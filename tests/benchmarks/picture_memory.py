"""Memory of one large picture: python -m tests.benchmarks.picture_memory

Pictures of 120,000,000 pixels (the default limit), one of each mode and a few of other formats, are written to a
temporary folder and opened, each in a process of its own; printed are the bytes of the file, the peak of the resident
memory above that of the imports, and the seconds. The goal is at most 1,200 MB whatever the mode. About 500 MB of disk
are used at a time. It needs Linux.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

MODES = ("1", "L", "P", "LA", "I;16", "I", "F", "RGB", "RGBA", "CMYK", "LAB", "YCbCr")
FORMATS = ("PNG", "PNG 16", "PNG transparent", "JPEG", "JPEG turned", "WEBP", "JPEG2000", "GIF", "TIFF deflate")
TURNED = ("TIFF turned", "TIFF float turned")

OPEN = """
import pathlib, re, sys, time
from vitexplain.images import open_picture
# Not getrusage: there a process begins with the peak of the one that started it.
def peak(): return int(re.search(r"VmHWM:\\s*(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
before, started = peak(), time.perf_counter()
picture = open_picture(sys.argv[1], max_pixels=10**9)
print(f"{peak() - before:8.0f} MB {time.perf_counter() - started:8.1f} s  {picture.notices}")
"""


def noise(mode: str, side: tuple[int, int]) -> Image.Image:
    """Return a picture of `side` (width, height): a small one of noise, repeated."""
    rng = np.random.default_rng(0)
    width, height = side
    tile = rng.integers(0, 256, (500, width, 4), dtype=np.uint8)
    image = Image.new(mode, side)
    if mode == "P":
        image.putpalette(rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    for top in range(0, height, 500):
        image.paste(_part(mode, tile[: height - top]), (0, top))
    return image


def _part(mode: str, tile: np.ndarray) -> Image.Image:
    """Return a part of `mode` made of uint8 noise (H, W, 4)."""
    if mode in ("1", "L", "P"):
        return Image.frombytes("L", tile.shape[1::-1], tile[:, :, 0].tobytes()).convert("1" if mode == "1" else "L")
    if mode == "I;16":
        return Image.fromarray(tile[:, :, :2].copy().view(np.uint16)[:, :, 0])
    if mode == "I":
        return Image.fromarray(tile.copy().view(np.int32)[:, :, 0])
    if mode == "F":
        return Image.fromarray(tile[:, :, 0].astype(np.float32) / 255)
    return Image.frombytes(mode, tile.shape[1::-1], tile[:, :, : len(Image.new(mode, (1, 1)).getbands())].tobytes())


def write(kind: str, folder: Path, pixels: int) -> Path:
    """Write a picture of a mode (as TIFF) or format, and return its path."""
    form, _, how = kind.partition(" ")
    side = (4000, max(1, pixels // 4000))
    mode = {"PNG 16": "I;16", "PNG transparent": "RGBA", "GIF": "P", "TIFF deflate": "I", "TIFF turned": "I"}
    mode["TIFF float turned"] = "F"
    if kind in MODES:
        form, image = "TIFF", noise(kind, side)
    elif form == "WEBP":
        image = noise("RGB", (12_000, max(1, pixels // 12_000)))
    else:
        image = noise(mode.get(kind, "RGB"), side)
    options: dict[str, object] = {"compress_level": 1} if form == "PNG" else {}
    if how.endswith("turned"):
        exif = Image.Exif()
        exif[0x0112] = 6
        options["exif"] = exif
    if how == "deflate":
        options["compression"] = "tiff_adobe_deflate"
    if form == "JPEG2000":
        options |= {"quality_mode": "rates", "quality_layers": [20]}
    path = folder / f"picture.{form.lower()}"
    image.save(path, form, **options)
    return path


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=120_000_000)
    parser.add_argument("kinds", nargs="*", default=[*MODES, *FORMATS, *TURNED])
    options = parser.parse_args()
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as place:
            code = "import sys\nfrom pathlib import Path\nfrom tests.benchmarks.picture_memory import write\n"
            code += "print(write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))"
            made = [sys.executable, "-c", code, kind, place, str(options.pixels)]
            path = Path(subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip())
            ended = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False)
            said = ended.stdout.strip("\n") or ended.stderr.strip().rpartition("\n")[2]
            print(f"{kind:16} {path.stat().st_size / 2**20:6.0f} MB file {said}", flush=True)


if __name__ == "__main__":
    main()
