"""Write the golden scores again: python -m tests.golden.make

Only where scores are meant to change, which the changelog then says under "Numerical changes".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.golden.cases import GOLDEN, cases


def main() -> None:
    """Compute every case and write the file."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for case, compute in cases():
        arrays |= {f"{case}: {name}": array for name, array in compute().items()}
        print(case, flush=True)
    np.savez_compressed(GOLDEN, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
