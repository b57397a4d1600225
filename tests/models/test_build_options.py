"""Networks are built as the weights were trained: patches, size of pictures, pooling."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.small import tiny
from vitexplain.models.build_options import options_for
from vitexplain.models.checkpoint import read_checkpoint
from vitexplain.models.looks import looks_of
from vitexplain.models.weights import fit_weights


@pytest.mark.parametrize(
    ("trained", "said", "options", "words"),
    [
        ({}, None, {}, []),
        ({"img_size": 64}, None, {"img_size": (64, 64)}, ["built for pictures of 64 x 64 pixels"]),
        ({"img_size": 64}, Namespace(img_size=64), {"img_size": (64, 64)}, ["64 x 64"]),
        ({"img_size": 64}, Namespace(img_size=32), {"img_size": (64, 64)}, ["64 x 64"]),
        ({"img_size": (32, 64)}, None, {"img_size": (32, 64)}, ["taken as pictures of 32 x 64.*`image_size=64x32`"]),
        ({"img_size": (64, 32)}, Namespace(img_size=[64, 32]), {"img_size": (64, 32)}, ["64 x 32"]),
        (
            {"patch_size": 4},
            None,
            {"patch_size": 4, "img_size": (32, 32)},
            ["patch_embed: the weights have patches of 4 x 4 pixels.* 8 x 8", "32 x 32"],
        ),
        ({"patch_size": 4, "img_size": 16}, None, {"patch_size": 4, "img_size": (16, 16)}, ["patch_embed", "16 x 16"]),
        ({"global_pool": "avg"}, None, {"global_pool": "avg"}, []),
        ({"global_pool": "avg", "img_size": 64}, None, {"global_pool": "avg", "img_size": (64, 64)}, ["64 x 64"]),
    ],
)
def test_the_network_built_with_them_is_the_one_that_was_trained(
    tmp_path: Path, trained: dict[str, Any], said: object, options: dict[str, Any], words: list[str]
) -> None:
    network = tiny(3, **trained)
    torch.save({"model": network.state_dict(), "args": said}, tmp_path / "w.pth")
    checkpoint = read_checkpoint(tmp_path / "w.pth")
    found, notices = options_for(checkpoint, looks_of(tiny().state_dict()))
    assert found == options
    assert len(notices) == len(words)
    for notice, pattern in zip(notices, words, strict=True):
        assert __import__("re").search(pattern, notice), notice
    built = tiny(4, **found)
    assert fit_weights(built, checkpoint.state, checkpoint.path) == ()
    height, width = options.get("img_size", (32, 32))
    pixels = torch.randn(1, 3, height, width)
    torch.testing.assert_close(built(pixels), network(pixels))
