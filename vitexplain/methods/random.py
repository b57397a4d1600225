"""Random scores: the control that every explanation has to beat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vitexplain.attention import Fusion
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import NOTHING, EveryMethod, MethodScores, Need
from vitexplain.options import count


@dataclass(frozen=True)
class Random(EveryMethod):
    """Nothing: the control that an explanation has to beat.

    Uniform in [0, 1). The same seed and image always give the same scores.
    """

    name: ClassVar[str] = "random"
    needs: ClassVar[frozenset[Need]] = NOTHING
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    seed: int = count(0, "Seed of the random control (0).")

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch."""
        drawn = [self.draw(key, forward_pass.grid.patches) for key in forward_pass.image_keys]
        return MethodScores(values=np.stack(drawn), unit="uniform in [0, 1)", layers=forward_pass.all_layers)

    def draw(self, image_key: str, patches: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Return the scores (P,) of the image that `image_key` (its SHA-256) identifies."""
        digest = hashlib.sha256(f"{self.seed}:{image_key}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest, "big")).random(patches, dtype=np.float32)
