"""Many images: a folder's pictures, read ahead by workers, explained in batches, written so that a killed run goes on.

Nothing is imported here: the worker processes that read pictures import this room, and stay without torch.
"""
