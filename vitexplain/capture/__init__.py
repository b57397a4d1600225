"""What is watched or changed inside one forward pass: attention, tokens, module outputs; the model stays as it was."""

from vitexplain.capture.attend import OnAttention
from vitexplain.capture.attention import AttentionCapture, capture, capture_network
from vitexplain.capture.dropped import DroppedTokens
from vitexplain.capture.fused import FusedAttention, over_all_tokens
from vitexplain.capture.gradients import Gradients, gradients_of
from vitexplain.capture.live_bytes import LiveBytes
from vitexplain.capture.observed import observed
from vitexplain.capture.plain_context import plain_context
from vitexplain.capture.relevance_rules import AT_ATTENTION, ATTN_LRP, LIBRA, LIBRA_ATTENTION, RelevanceRules, Rules
from vitexplain.capture.token_norms import TokenNorms
from vitexplain.capture.trace import Trace, trace, with_gradients
from vitexplain.capture.traced_call import TracedCall

__all__ = [
    "ATTN_LRP",
    "AT_ATTENTION",
    "LIBRA",
    "LIBRA_ATTENTION",
    "AttentionCapture",
    "DroppedTokens",
    "FusedAttention",
    "Gradients",
    "LiveBytes",
    "OnAttention",
    "RelevanceRules",
    "Rules",
    "TokenNorms",
    "Trace",
    "TracedCall",
    "capture",
    "capture_network",
    "gradients_of",
    "observed",
    "over_all_tokens",
    "plain_context",
    "trace",
    "with_gradients",
]
