"""Fine-tuning of the built-in model: the recipe and its parts; `tests.builtin_model.train` is the command."""
