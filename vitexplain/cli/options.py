"""The options that commands share, each written once: name, help, environment variable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

MODEL, METHOD, VIEW, OUTPUT, TERMINAL = "Model", "Method", "Picture", "Output", "Terminal and machine"

# typer reads these annotations when it runs, on Python 3.10 too, so they are written as Optional.
Model = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--model",
        envvar="VITEXPLAIN_MODEL",
        show_default="builtin",
        help="'builtin', a timm model's name (see 'vitexplain models'), or a folder that timm or the hub wrote.",
        rich_help_panel=MODEL,
    ),
]
Weights = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--weights",
        envvar="VITEXPLAIN_WEIGHTS",
        help="Your own weights for --model: a .safetensors file, or .pth/.pt without code inside.",
        rich_help_panel=MODEL,
    ),
]
Labels = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--labels",
        envvar="VITEXPLAIN_LABELS",
        help="Class names: a text file with one a line, a JSON list or object, or a table index-tab-id-tab-names.",
        rich_help_panel=MODEL,
    ),
]
NumClasses = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--num-classes", min=0, help="Number of classes, where it cannot be told.", rich_help_panel=MODEL),
]
Device = Annotated[
    str,
    typer.Option("--device", envvar="VITEXPLAIN_DEVICE", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=MODEL),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        envvar="VITEXPLAIN_DTYPE",
        help="float32, bfloat16 or float16; scores are computed in float32 or better in any case.",
        rich_help_panel=MODEL,
    ),
]


View = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--view",
        envvar="VITEXPLAIN_VIEW",
        help="crop (the middle, as in timm's evaluation), squash (all, stretched) or whole (all, in its own shape; "
        "for models that take any size). By default the model's own.",
        rich_help_panel=VIEW,
    ),
]
MaxPixels = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--max-pixels",
        min=1,
        envvar="VITEXPLAIN_MAX_PIXELS",
        help="Refuse pictures with more pixels than this (120,000,000).",
        rich_help_panel=VIEW,
    ),
]
TopK = Annotated[
    int,
    typer.Option(
        "--top-k", min=1, help="Number of predictions; all classes of a model that has fewer.", rich_help_panel=OUTPUT
    ),
]
Out = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", "-o", envvar="VITEXPLAIN_OUT", help="Folder to write to.", rich_help_panel=OUTPUT),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON Lines on stdout and nothing else; files are written only with --out.",
        rich_help_panel=OUTPUT,
    ),
]
JsonList = Annotated[
    bool, typer.Option("--json", help="Print JSON Lines on stdout and nothing else.", rich_help_panel=OUTPUT)
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that belong to another image.", rich_help_panel=OUTPUT),
]
Alpha = Annotated[float, typer.Option("--alpha", help="Share of the heatmap in the overlay.", rich_help_panel=OUTPUT)]
Colormap = Annotated[
    str,
    typer.Option(
        "--colormap",
        envvar="VITEXPLAIN_COLORMAP",
        help="inferno, viridis, cividis, magma, plasma, turbo, jet, hot or bone.",
        rich_help_panel=OUTPUT,
    ),
]
Colorbar = Annotated[
    bool, typer.Option("--colorbar", help="Draw the colour scale beside the overlay.", rich_help_panel=OUTPUT)
]
Scale = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--scale",
        metavar="LOW:HIGH",
        help="The same colours for the same scores in every image.",
        rich_help_panel=OUTPUT,
    ),
]
FullSize = Annotated[
    bool, typer.Option("--full-size", help="Overlays of more than 1,600 pixels a side.", rich_help_panel=OUTPUT)
]
Heatmap = Annotated[bool, typer.Option("--heatmap", help="Also write the heatmap alone.", rich_help_panel=OUTPUT)]
Npy = Annotated[bool, typer.Option("--npy", help="Also write the raw scores as .npy.", rich_help_panel=OUTPUT)]
CutLayers = Annotated[
    bool,
    typer.Option(
        "--cut-layers",
        help="Also draw the layer that carries most of each patch's minimum cut (flow).",
        rich_help_panel=OUTPUT,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", min=1, envvar="VITEXPLAIN_BATCH_SIZE", help="Images a forward pass.", rich_help_panel=TERMINAL
    ),
]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--workers",
        min=0,
        envvar="VITEXPLAIN_WORKERS",
        help="Processes that read pictures ahead of the model; half of the processors by default.",
        rich_help_panel=TERMINAL,
    ),
]
Threads = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--threads", min=1, envvar="VITEXPLAIN_THREADS", help="Processor threads to use.", rich_help_panel=TERMINAL
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notices on stderr.", rich_help_panel=TERMINAL)]
