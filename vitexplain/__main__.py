"""`python -m vitexplain` and the command `vitexplain`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end with its exit code (errors.py; 130 interrupted, 143 terminated, 141 closed pipe)."""
    from vitexplain.cli.app import run_app

    run_app()


if __name__ == "__main__":
    main()
