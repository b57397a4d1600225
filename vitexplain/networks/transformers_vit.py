"""transformers' ViT; the base of the other plain ViTs of that library, with a classifier and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import ModelError
from vitexplain.networks.network import Pixels
from vitexplain.networks.outputs import read_output
from vitexplain.networks.plain_vit import PlainVit, are_placeholders, outputs_of, pair
from vitexplain.networks.refusals import refuse
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor

HALF = (0.5, 0.5, 0.5)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LISTS = ("layers", "encoder.layer", "encoder.layers", "model.layer", "layer")
_SEEN = (None, "eager", "sdpa")
_OUTPUTS = ("logits", "image_embeds", "pooler_output")


@dataclass(frozen=True, eq=False)
class TransformersVit(PlainVit):
    """A ViT of transformers: `embeddings`, layers, a last norm; read by a pooler or a classifier."""

    handles: ClassVar[tuple[str, ...]] = tuple(
        f"transformers.models.vit.modeling_vit.{name}" for name in ("ViTModel", "ViTForImageClassification")
    )
    before: ClassVar[tuple[str, ...]] = ("embeddings.", "rope_embeddings.", "pre_layrnorm.")
    towers: ClassVar[tuple[str, ...]] = ("vit",)
    """What a module with a classifier calls the tower."""
    patches: ClassVar[str] = "embeddings.patch_embeddings"
    interpolates: ClassVar[bool] = True
    """Whether it takes `interpolate_pos_encoding`, and other sizes with it."""
    transform: ClassVar[Mapping[str, Any]] = {
        "mean": HALF,
        "std": HALF,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
    }
    """What the library's image processor does where nothing else is known."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the outputs (B, C)."""
        other = self.interpolates and tuple(pixels.shape[-2:]) != self.pixels.built_for
        options = {"interpolate_pos_encoding": True} if other else {}
        return self.output(self.run(pixels, return_dict=True, **options), len(pixels))

    def run(self, pixels: Tensor, **options: Any) -> Any:
        """Return what the module returns."""
        return self.module(pixels, **options)

    def output(self, raw: Any, batch: int) -> Tensor:
        """Return the logits, or the pooled output of a module without classifier."""
        pooled = any(raw.get(key) is not None for key in _OUTPUTS)
        return read_output(raw if pooled else raw["last_hidden_state"][:, 0], batch, _OUTPUTS)

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        how = getattr(self.config, "_attn_implementation", None)
        if how not in _SEEN:
            raise ModelError(
                f"model {type(self.module).__name__}: its attention runs as {how!r}, whose weights cannot be seen: "
                "call model.set_attn_implementation('sdpa') first"
            )
        channels = getattr(self.config, "num_channels", 3)
        if channels != 3:
            raise refuse(self.module, f"it takes pictures of {channels} channels instead of 3")
        _ = self.readout, self.blocks

    @property
    def inside(self) -> str:
        """Where in the module the tower is."""
        return next((f"{name}." for name in self.towers if hasattr(self.module, name)), "")

    @property
    def config(self) -> Any:
        """The configuration of the tower."""
        return self.tower.config

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers in the tower, which releases of transformers keep in different places."""
        for name in _LISTS:
            found: Any = self.tower
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                return tuple(f"{name}.{number}" for number in range(len(found)))
        raise refuse(self.module, "its layers are not where this release of transformers keeps them")

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes; any multiple of the patch where positions are interpolated."""
        size, patch = pair(self.config.image_size), pair(self.config.patch_size)
        whole = size[0] % patch[0] == 0 and size[1] % patch[1] == 0
        return Pixels(size, patch, self.interpolates and whole and size[0] == size[1])

    @property
    def embedding(self) -> str:
        """Name of the patch embedding."""
        return f"{self.inside}{self.patches}"

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self.config.num_attention_heads)

    @property
    def readout(self) -> Readout:
        """The class token."""
        return "cls"

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier; 0: there is none."""
        classifier = getattr(self.module, "classifier", None)
        return 0 if classifier is None else outputs_of(classifier)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The configuration in the words of timm's; `loaded_from` is the name or folder that it comes from."""
        config = self.module.config
        size = self.pixels.built_for or (224, 224)
        names = getattr(config, "id2label", None) or {}
        loaded_from = str(getattr(config, "_name_or_path", "") or "")
        return {
            "architecture": loaded_from.rstrip("/").rpartition("/")[2] or type(self.module).__name__,
            "input_size": (3, *size),
            **self.transform,
            "num_classes": self.classes,
            "label_names": dict(names) if self.classes and not are_placeholders(names) else None,
            "problem_type": getattr(config, "problem_type", None),
            "loaded_from": loaded_from or None,
        }

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a layer."""
        tokens = self.tower.layernorm(tokens)
        if self.classes or not getattr(self.tower, "pooler", None):
            return self.classified(tokens[:, 0])
        return self.classified(self.tower.pooler(tokens))

    def classified(self, features: Tensor) -> Tensor:
        """Return what the module's classifier makes of pooled features (B, D), or these where it has none."""
        classifier = getattr(self.module, "classifier", None)
        outputs: Tensor = features if classifier is None else classifier(features)
        return outputs
