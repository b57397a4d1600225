"""Explain what a Vision Transformer based its prediction on."""

__version__ = "0.1.0"
