#!/usr/bin/env bash
# Makes the figures of README and guide with the command line itself, from the repository's root or anywhere:
#     sample_images/explained/make.sh
# PYTHON chooses the interpreter that vitexplain is installed for.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# figure NAME COMMAND...: runs the command, and keeps the one figure it makes as NAME.webp, a quarter of the PNG
figure() {
  local name=$1
  shift
  "$python" -m vitexplain "$@" --quiet --format png --out "$made/$name"
  "$python" - "$made/$name" "explained/$name.webp" <<'PYTHON'
import sys
from pathlib import Path

from PIL import Image

(source,) = Path(sys.argv[1]).iterdir()
with Image.open(source) as figure:
    figure.convert("RGB").save(sys.argv[2], quality=82, method=6)
PYTHON
}

# animation NAME ARGUMENTS...: keeps the WebP that `animate` makes of it as NAME.webp
animation() {
  local name=$1
  shift
  "$python" -m vitexplain animate "$@" --quiet --format webp --out "$made/$name"
  cp "$made/$name"/*.webp "explained/$name.webp"
}

figure compare compare koala.jpg
figure by-layer compare koala.jpg --method raw --method rollout --by-layer
figure by-head compare koala.jpg --method raw --by-head --layers 10:12
figure paths graph koala.jpg
figure flow graph koala.jpg --flow-to 4,9
animation deletion koala.jpg --over deletion --size 480
