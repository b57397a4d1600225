"""Fine-tuning of the built-in model: the recipe and its parts; `vitexplain.models.builtin.train` is the command."""
