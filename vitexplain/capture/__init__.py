"""What is watched or changed inside one forward pass: attention, tokens, module outputs; the model stays as it was."""

from vitexplain.capture.attention import AttentionCapture, OnAttention, capture
from vitexplain.capture.dropped import DroppedTokens
from vitexplain.capture.fused import FusedAttention, over_all_tokens
from vitexplain.capture.gradients import Gradients, gradients_of
from vitexplain.capture.observed import observed
from vitexplain.capture.relevance_rules import RelevanceRules
from vitexplain.capture.trace import Trace, trace, with_gradients

__all__ = [
    "AttentionCapture",
    "DroppedTokens",
    "FusedAttention",
    "Gradients",
    "OnAttention",
    "RelevanceRules",
    "Trace",
    "capture",
    "gradients_of",
    "observed",
    "over_all_tokens",
    "trace",
    "with_gradients",
]
