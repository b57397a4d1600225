"""What exact attention flow costs compared with the model's own forward pass: python -m tests.benchmarks.flow_speed

Prints ratios flow / plain forward pass, both on one thread, and both on two beside them, measured in turns in this
process; the machine's speed drops out. Sections can be named: base builtin large scale by_layer first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.flow_graphs import HARD, MAIN, make_graph
from vitexplain.forward_pass import ForwardPass
from vitexplain.images.picture import open_picture
from vitexplain.images.preprocess import prepare
from vitexplain.maxflow import LayeredFlow, layered_max_flow, layered_max_flow_by_layer
from vitexplain.methods.flow import Flow
from vitexplain.models import load_model
from vitexplain.models.timm_import import import_timm

PHOTOS = Path(__file__).parents[2] / "sample_images"
SETTINGS = {
    "plain": Flow(),
    "layers 7:12": Flow(layers=(7, 12)),
    "discard 0.97": Flow(discard=0.97),
    "fusion=gradient": Flow(fusion="gradient"),
}


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` keeps a processor busy, or where several threads work, how long it takes by the wall."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    work()
    return clock() - start


def ratio(work: Callable[[], object], beside: Callable[[], object], rounds: int = 3) -> float:
    """Return the median of work / beside, both timed in turns after one untimed run of each."""
    work(), beside()
    return statistics.median(seconds(work) / seconds(beside) for _ in range(rounds))


def forward(name: str, size: int) -> Callable[[], object]:
    """Return the plain forward pass of a randomly initialised timm model on one picture of size x size."""
    model, pixels = import_timm().create_model(name, img_size=size).eval(), torch.randn(1, 3, size, size)

    def run() -> object:
        with torch.inference_mode():
            return model(pixels)

    return run


def report(name: str, graph: Tensor, beside: Callable[[], object], rounds: int = 3) -> None:
    """Print the ratios on one and two threads for `graph` and what the flow found."""
    flow = layered_max_flow(graph, 0)
    ratios = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        ratios.append(ratio(lambda: layered_max_flow(graph, 0), beside, rounds))
    torch.set_num_threads(1)
    print(f"  {name:24} {ratios[0]:6.2f}   two threads {ratios[1]:6.2f}   {found(flow)}", flush=True)


def found(flow: LayeredFlow) -> str:
    """Return in words where the cuts lie and how many sinks were left to the solver."""
    source, sink = torch.as_tensor(flow.source_limited), torch.as_tensor(flow.sink_limited)
    shares = [float(x.double().mean()) for x in (source, sink, ~source & ~sink)]
    return f"source {shares[0]:.0%}, column {shares[1]:.0%}, between {shares[2]:.0%}; left {flow.left_to_solver}"


def graph_of(name: str, depth: int = 12, tokens: int = 197) -> Tensor:
    """Return make_graph's capacities as a tensor."""
    return torch.from_numpy(make_graph(name, depth, tokens))


def base() -> None:
    """L=12, N=197 and 577 against ViT-B/16."""
    print("L=12, N=197 / vit_base_patch16_224")
    beside = forward("vit_base_patch16_224", 224)
    for name in (*MAIN, *HARD):
        report(name, graph_of(name), beside)
    print("L=12, N=577 / vit_base_patch16_384")
    beside = forward("vit_base_patch16_384", 384)
    for name in ("soft1", "soft4", "sink", "head", "sink95"):
        report(name, graph_of(name, tokens=577), beside, rounds=1)


def large() -> None:
    """L=24, N=197 against ViT-L/16; N=1370 against DINOv2's ViT-B/14."""
    print("L=24, N=197 / vit_large_patch16_224")
    beside = forward("vit_large_patch16_224", 224)
    for name in MAIN:
        report(name, graph_of(name, depth=24), beside, rounds=1)
    print("L=12, N=1370 / vit_base_patch14_dinov2 at 518")
    report("soft1", graph_of("soft1", tokens=1370), forward("vit_base_patch14_dinov2", 518), rounds=1)


def builtin() -> None:
    """The built-in model's own attention on the sample images."""
    print("built-in model, sample images / its own forward pass (median, largest)")
    model = load_model("builtin")
    photos = sorted(PHOTOS.glob("*.jpg"))
    pixels = [torch.from_numpy(prepare(open_picture(photo), model.preprocess)[0])[None] for photo in photos]

    def run() -> object:
        with torch.inference_mode():
            return model.network(pixels[0])

    for name, method in SETTINGS.items():
        ratios, flows = [], []
        for image in pixels:
            forward_pass = ForwardPass(model, image, method.fusions, gradients=name == "fusion=gradient")
            assert forward_pass.logits is not None
            forward_pass = forward_pass.for_target(forward_pass.logits.argmax(1))
            graph = [layer[0].detach() for layer in method.graph(forward_pass, dtype=torch.float64).matrices]
            flows.append(layered_max_flow(graph, 0))
            ratios.append(ratio(lambda graph=graph: layered_max_flow(graph, 0), run, 1))  # type: ignore[misc]
        left = sum(flow.left_to_solver for flow in flows)
        print(f"  {name:24} {statistics.median(ratios):6.2f} {max(ratios):6.2f}   left {left} of {len(flows)} images")
        for image_flow, photo in zip(flows, photos, strict=True):
            print(f"    {photo.name:22} {found(image_flow)}")


def scale() -> None:
    """How seconds grow with N and with L, as fitted exponents."""
    print("seconds ~ N^a at L=12 (the paper: d n^4) and ~ L^b at N=197")
    for name in ("soft1", "sink"):
        tokens, depths = (50, 101, 197, 401, 785, 1370), (4, 8, 12, 24, 48)
        by_tokens = [_seconds(graph_of(name, tokens=count)) for count in tokens]
        by_depth = [_seconds(graph_of(name, depth=count)) for count in depths]
        a, b = (np.polyfit(np.log(x), np.log(y), 1)[0] for x, y in ((tokens, by_tokens), (depths, by_depth)))
        print(f"  {name:8} a = {a:.2f} (N from 50 to 1370), b = {b:.2f} (L from 4 to 48)", flush=True)


def _seconds(graph: Tensor) -> float:
    layered_max_flow(graph, 0)
    return min(seconds(lambda: layered_max_flow(graph, 0)) for _ in range(2))


def by_layer() -> None:
    """All graphs of layers 1..k against the flow through all layers, and the built-in model's against its forward pass.

    The limit is that of the built-in model: 8 plain forward passes an image.
    """
    print("graphs of layers 1..k for all k / one flow")
    for name in ("soft0.1", "soft1", "soft4", "sink", "head", "sink95"):
        graph = graph_of(name)
        cost = ratio(lambda g=graph: layered_max_flow_by_layer(g, 0), lambda g=graph: layered_max_flow(g, 0), 1)  # type: ignore[misc]
        print(f"  {name:24} {cost:6.2f}", flush=True)
    model, photos = load_model("builtin"), sorted(PHOTOS.glob("*.jpg"))
    costs = []
    for photo in photos:
        pixels = torch.from_numpy(prepare(open_picture(photo), model.preprocess)[0])[None]
        layers = Flow().graph(ForwardPass(model, pixels, Flow().fusions), dtype=torch.float64).matrices

        def run(pixels: Tensor = pixels) -> object:
            with torch.inference_mode():
                return model.network(pixels)

        costs.append(ratio(lambda own=[layer[0] for layer in layers]: layered_max_flow_by_layer(own, 0), run))  # type: ignore[misc]
    print(f"built-in model, {len(photos)} images / its own forward pass")
    print(f"  median {statistics.median(costs):.2f}, largest {max(costs):.2f} (limit 8)", flush=True)


def first() -> None:
    """The first flow of a fresh process against later ones, imports included."""
    code = (
        "import time, torch; start = time.perf_counter(); from vitexplain.maxflow import layered_max_flow as flow;"
        "graph = torch.rand(12, 197, 197, dtype=torch.float64).softmax(-1);"
        "flow(graph, 0); first = time.perf_counter() - start; start = time.perf_counter(); flow(graph, 0);"
        "print(f'first flow of a process: {first - time.perf_counter() + start:.2f} s more than the next one')"
    )
    print(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout, end="")


def main() -> None:
    """Run the sections named, or all."""
    sections = {f.__name__: f for f in (base, builtin, large, scale, by_layer, first)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", default=list(sections))
    torch.set_num_threads(1)
    for name in parser.parse_args().sections:
        sections[name]()


if __name__ == "__main__":
    main()
