"""Where the objects of the images are: boxes from a table or COCO's JSON, masks from a folder."""

from __future__ import annotations

from vitexplain.evaluation.objects.boxes import Boxes, read_boxes
from vitexplain.evaluation.objects.masks import Masks, list_masks
from vitexplain.evaluation.objects.region import Region
from vitexplain.evaluation.objects.seen import Seen

__all__ = ["Boxes", "Masks", "Objects", "Region", "Seen", "list_masks", "read_boxes"]

Objects = Boxes | Masks
"""What localisation is measured against."""
