"""What there is and what works: the machine with its libraries, and one model, looked at and tried."""

from vitexplain.doctor.machine import machine_report
from vitexplain.doctor.model import model_report
from vitexplain.doctor.supported import Support, names_like, support
from vitexplain.doctor.trial import (
    LargeTokens,
    Trial,
    are_large,
    large_in_words,
    large_tokens,
    require_passed,
    self_check,
    try_methods,
)

__all__ = [
    "LargeTokens",
    "Support",
    "Trial",
    "are_large",
    "large_in_words",
    "large_tokens",
    "machine_report",
    "model_report",
    "names_like",
    "require_passed",
    "self_check",
    "support",
    "try_methods",
]
