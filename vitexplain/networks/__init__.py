"""Networks: all that methods may ask of a neural network; one adapter an architecture, found by `recognise`."""

from vitexplain.networks.layout import Layout, by_token, dimensions
from vitexplain.networks.network import Network, Pixels
from vitexplain.networks.out_of_scope import other_task, out_of_scope
from vitexplain.networks.outputs import read_output
from vitexplain.networks.plain_vit import are_placeholders
from vitexplain.networks.recognise import ADAPTERS, adapter_of, described_modules, recognise, undescribed
from vitexplain.networks.refusals import SUPPORTED, graphless_modules, known_reason, refusal, refuse

__all__ = [
    "ADAPTERS",
    "SUPPORTED",
    "Layout",
    "Network",
    "Pixels",
    "adapter_of",
    "are_placeholders",
    "by_token",
    "described_modules",
    "dimensions",
    "graphless_modules",
    "known_reason",
    "other_task",
    "out_of_scope",
    "read_output",
    "recognise",
    "refusal",
    "refuse",
    "undescribed",
]
