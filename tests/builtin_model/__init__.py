"""How the built-in model is trained and measured; no part of the package, since explaining a picture needs none of it.

`python -m tests.builtin_model.train` fine-tunes it, `python -m tests.builtin_model.measure` measures it, both from
the repository's root. `vitexplain/models/builtin/MODEL_CARD.md` says what they gave.
"""
