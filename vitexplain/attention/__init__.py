"""Attention as a graph: head fusion, discard, residual, source; what rollout and flow are computed on."""

from vitexplain.attention.convolved import Convolved, ConvolvedLayer
from vitexplain.attention.dense import DenseLayer, Everywhere, dense_layer, discard_smallest, mix_residual
from vitexplain.attention.fusion import EVERY_HEAD, FUSIONS, RULES, Fusion, fuse_by_gradient, require_head
from vitexplain.attention.joining import Joining
from vitexplain.attention.layer import Layer, Mixing, Place
from vitexplain.attention.layered_graph import Floats, LayeredGraph
from vitexplain.attention.levels import Levels
from vitexplain.attention.merging import Merging, MergingLayer
from vitexplain.attention.pooled import PooledKeys, PooledLayer
from vitexplain.attention.replacing import Replacing
from vitexplain.attention.source import Source, check_source, resolve_source
from vitexplain.attention.windowed import WindowedLayer, Windows

__all__ = [
    "EVERY_HEAD",
    "FUSIONS",
    "RULES",
    "Convolved",
    "ConvolvedLayer",
    "DenseLayer",
    "Everywhere",
    "Floats",
    "Fusion",
    "Joining",
    "Layer",
    "LayeredGraph",
    "Levels",
    "Merging",
    "MergingLayer",
    "Mixing",
    "Place",
    "PooledKeys",
    "PooledLayer",
    "Replacing",
    "Source",
    "WindowedLayer",
    "Windows",
    "check_source",
    "dense_layer",
    "discard_smallest",
    "fuse_by_gradient",
    "mix_residual",
    "require_head",
    "resolve_source",
]
