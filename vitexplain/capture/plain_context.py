"""plain_context: torch as it is when nobody has set anything, whatever context the caller is in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def plain_context() -> Iterator[None]:
    """Leave inference mode, `no_grad`, autocast, and other default devices and types, until the end of the block.

    Inside, a model computes in its own precision, gradients can be taken, and what torch compiled runs as written:
    explanations are the same in every context.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        before = torch.get_default_dtype()
        if before != torch.float32:
            stack.callback(torch.set_default_dtype, before)
            torch.set_default_dtype(torch.float32)
        if "torch._dynamo" in sys.modules:  # nothing is compiled before it is imported
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
