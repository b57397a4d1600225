"""PromptClassifier: a tower that sees pictures, whose embedding is compared with those of prompts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class PromptClassifier(nn.Module):
    """The logits of a model of pictures and texts for fixed texts: scale * cosine similarity + bias.

    Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.2; with
    the bias Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training". The texts are a linear layer behind the
    normalised embedding.
    """

    def __init__(self, tower: Any, embeddings: Tensor, scale: float, bias: float | None) -> None:
        """Take the tower and the normalised embeddings (C, D) of the prompts."""
        super().__init__()
        self.tower = tower
        self.classifier = nn.Linear(embeddings.size(1), embeddings.size(0), bias=bias is not None)
        with torch.no_grad():
            self.classifier.weight.copy_(scale * embeddings)
            if bias is not None:
                self.classifier.bias.fill_(bias)

    def compared(self, embedding: Tensor) -> Tensor:
        """Return the logits (B, C) for what the tower makes of pictures (B, D)."""
        logits: Tensor = self.classifier(functional.normalize(embedding, dim=-1))
        return logits
