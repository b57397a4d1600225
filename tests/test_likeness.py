"""Suggestions: what contains the word, what is spelt like it, and nothing else."""

from __future__ import annotations

import pytest

from vitexplain.likeness import alike

KNOWN = ("attn-lrp", "legrad", "rollout", "raw", "vit_base_patch16_224", "vit_base_patch8_224", "German shepherd")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("rolout", ["rollout"]),
        ("LRP", ["attn-lrp"]),
        ("attnlrp", ["attn-lrp"]),
        ("gradcam", []),
        ("torchvision", []),
        ("zz", []),
        ("", []),
        ("vit-base", ["vit_base_patch8_224", "vit_base_patch16_224"]),
        ("shepherd", ["German shepherd"]),
        ("german shepard", ["German shepherd"]),
    ],
)
def test_alike(word: str, found: list[str]) -> None:
    assert alike(word, KNOWN, 3) == found
