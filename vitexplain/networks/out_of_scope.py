"""What is out of scope: models for videos, detection, segmentation, depth and sound, by their libraries' names."""

from __future__ import annotations

import re

from vitexplain.errors import ModelError

_OF_TORCHVISION = {
    "detection": "detection",
    "optical_flow": "optical flow",
    "segmentation": "segmentation",
    "video": "videos",
}
"""Tasks by the package of torchvision.models."""

_TASK = re.compile(r"For\w*?(Detection|Segmentation|Video|Audio|Depth|Pose)\w*$")
_TASKS = {
    "Detection": "detection",
    "Segmentation": "segmentation",
    "Video": "videos",
    "Audio": "sound",
    "Depth": "depth",
    "Pose": "poses",
}
"""Tasks by what transformers' names of classes say after "For": DetrForObjectDetection."""

_FAMILIES = {
    "videos": """
        pe_video timesformer videomae videoprism videoprism_vision_model vivit vjepa2 x_clip xclip
    """,
    "detection": """
        conditional_detr d_fine dab_detr deformable_detr deimv2 deta detr grounding_dino lw_detr mm_grounding_dino
        omdet_turbo owlv2 owlvit pp_doclayout_v2 pp_doclayout_v3 pp_doclayout_v4 rf_detr rt_detr rt_detr_v2
        table_transformer yolos
    """,
    "segmentation": """
        clipseg edgetam edgetam_video eomt eomt_dinov3 mask2former maskformer oneformer sam sam2 sam2_video sam3
        sam3_lite_text sam3_tracker sam3_tracker_video sam3_video sam_hq seggpt upernet videomt
    """,
    "depth": "depth_anything depth_pro glpn prompt_depth_anything zoedepth",
    "sound": """
        audio_spectrogram_transformer clap data2vec_audio hubert moonshine parakeet seamless_m4t seamless_m4t_v2 sew
        sew_d speech_to_text speecht5 unispeech unispeech_sat wav2vec2 wav2vec2_bert wav2vec2_conformer wavlm whisper
    """,
}
_BY_FAMILY = {family: task for task, families in _FAMILIES.items() for family in families.split()}
"""Tasks by the family of transformers that has no classifier of pictures: its module, or `model_type`."""


def other_task(name: str, *, part: bool = False) -> str | None:
    """Return what a class, "package.module.Class", is for; None: nothing is known that is out of scope.

    Only classes of transformers and torchvision have names that tell. `part`: it is a part of another module; what its
    family is for counts no more, since a classifier may read its tokens.
    """
    library, _, rest = name.partition(".")
    module, _, cls = rest.rpartition(".")
    if library == "torchvision":
        return next((task for kind, task in _OF_TORCHVISION.items() if module.startswith(f"models.{kind}.")), None)
    if library != "transformers":
        return None
    if found := _TASK.search(cls):
        return _TASKS[found[1]]
    family = module.rpartition(".")[2].removeprefix("modeling_").replace("-", "_")
    return None if part else _BY_FAMILY.get(family)


def out_of_scope(model: str, task: str) -> ModelError:
    """Return the error for the model, as it is called in messages, that is for the task."""
    reason = f"out of scope, a model for {task}"
    error = ModelError(f"model {model}: {reason}: use a classifier of pictures (vitexplain models lists timm's)")
    error.reason = reason
    return error
