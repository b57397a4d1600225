"""Many images: a folder's pictures, read ahead by workers and explained in batches; a killed run can be resumed.

Nothing is imported here: the worker processes that read pictures import this package and must not load torch.
"""
