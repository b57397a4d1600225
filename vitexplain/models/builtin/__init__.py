"""The built-in model: a ViT-S/14 for 200 ImageNet classes, its weights and its labels.

Nothing heavy is imported here; `network` needs torch, `labels` needs nothing. MODEL_CARD.md says what the model is.
"""
