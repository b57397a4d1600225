"""Exact maximum flow in a layered graph: arrays in, arrays out; nothing here knows a model."""
