"""Freed memory stays in the process: batches would otherwise spend time returning pages and asking for them again."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt(3): how many bytes may stay free at the top of the heap; from which size a block gets a
mapping of its own, which is returned as soon as it is freed."""

_LARGEST_HEAP_BLOCK = 32 * 2**20
"""glibc allows no more; larger blocks, such as huge pictures, are still returned at once."""


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next batch; does nothing with another C library.

    A batch of eight images through a small ViT touches 150 MB of activations, and drawing an overlay 10 MB. Getting
    them as new, empty pages costs a tenth of the processor time. For commands only: a library is a guest in someone
    else's process.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
