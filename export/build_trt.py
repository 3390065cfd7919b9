"""Builds TensorRT plans of a bundle for this machine's GPU, runs them, and compares them with torch.

    python export/build_trt.py
    python export/build_trt.py --bundle folder --avatar me.png --precision f32 --output plans

    network      input                        output                              compared with
    synthesis    w [1, num_ws, w_dim] f32     rgba [1, r, r, channels] uint8      torch
    pose         landmarks [1, 478, 3] f32    p [1, k], crop [1, 3] f32           ONNX Runtime in f32
    encoder      picture [1, e, e, 3] uint8   c [1, num_ws, w_dim] f32            ONNX Runtime in f32

All shapes are fixed. Pose is always built in f32, since landmarks are pixels. Plans go into the cache that the stream
reads; with --output they are kept there instead, beside the graphs that they were built from and the generator as an
exported program of torch. With --avatar its tuned weights are put into the plan, which is compared as well.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import load

from engines import PLANS, Engine, EngineError, open_engine
from engines.cache import PlanCache
from engines.cuda import load_driver
from engines.folding import prepared
from engines.ladder import psnr_db
from engines.tensorrt_build import PlanPrecision, load_tensorrt
from engines.tensorrt_engine import TensorRtEngine
from engines.times import measure_ms
from export.to_onnx import Painter
from puppet.avatar import Avatar, load_avatar
from puppet.bundle import Bundle, builtin_bundle_path, load_bundle
from puppet.errors import AvatarError, PuppetError
from puppet.folders import folders
from puppet.networks.stylegan2 import Generator
from puppet.painter import probes

Network = Literal["synthesis", "pose", "encoder"]

LEAST_DB: Mapping[PlanPrecision, float] = {"f32": 55.0, "fp16": 40.0}
"""PSNR that a plan must reach."""

DONE, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Row:
    """One plan, run and compared.

    Attributes:
        network: What was built, and with whose weights.
        engine: The engine's own name.
        reference: What it was compared with.
        max_error: Largest difference of a number of the outputs.
        psnr_db: Of the worst output.
        time_ms: Median of half a second.
        reference_ms: The same of the reference, on the processor.
        ready_s: How long it took to build and open, or to refit.
    """

    network: str
    engine: str
    reference: str
    max_error: float
    psnr_db: float
    time_ms: float
    reference_ms: float
    ready_s: float


class TorchPainter:
    """The generator in torch on the processor, as the reference of synthesis."""

    name = "torch"

    def __init__(self, bundle: Bundle, weights: bytes | None = None) -> None:
        """Take the bundle's weights, or other ones of the same layout."""
        generator = Generator(bundle.layout)
        generator.load_state_dict(load(bundle.generator_path.read_bytes() if weights is None else weights))
        self.module = Painter(generator.eval())

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Paint one code."""
        with torch.inference_mode():
            return {"rgba": self.module(torch.from_numpy(inputs["w"])).numpy()}


def graph_path(bundle: Bundle, network: Network) -> Path:
    """Where a bundle has a network's graph."""
    return {"synthesis": bundle.synthesis_path, "pose": bundle.pose_path, "encoder": bundle.encoder_path}[network]


def precision_of(network: Network, wanted: PlanPrecision) -> PlanPrecision:
    """What a network is built in."""
    return "f32" if network == "pose" else wanted


def write_graphs(bundle: Bundle, folder: Path, precision: PlanPrecision) -> None:
    """Write what plans are built from: an ONNX file of each network, and the generator as an exported program."""
    folder.mkdir(parents=True, exist_ok=True)
    for network in get_args(Network):
        half = precision_of(network, precision) == "fp16"
        (folder / f"{network}.onnx").write_bytes(prepared(graph_path(bundle, network), half=half))
    painter, w = TorchPainter(bundle).module, torch.from_numpy(probes(bundle)[0]["w"].copy())
    torch.export.save(torch.export.export(painter, (w,)), folder / "synthesis.pt2")


def build(bundle: Bundle, avatar: Avatar | None, precision: PlanPrecision, plans: PlanCache) -> list[Row]:
    """Build or find the plans, run and compare them.

    Raises:
        EngineError: A plan cannot be built or run, or does not reach LEAST_DB.
        AvatarError: The avatar's tuned weights are damaged.
    """
    rows = []
    for network in get_args(Network):
        wanted = precision_of(network, precision)
        rows.append(_row(bundle, network, wanted, plans, None))
    if avatar is not None and avatar.tuned is not None:
        rows.append(_row(bundle, "synthesis", precision, plans, avatar.tuned.weights(bundle)))
    return rows


def _row(bundle: Bundle, network: Network, precision: PlanPrecision, plans: PlanCache, weights: bytes | None) -> Row:
    path = graph_path(bundle, network)
    start_s = perf_counter()
    with (
        closing(TensorRtEngine(path, plans, precision=precision, weights=weights)) as engine,
        closing(open_engine(path, "onnxruntime", precision="f32")) as plain,
    ):
        ready_s = perf_counter() - start_s
        inputs = _inputs(bundle, network, plain)
        reference: Engine | TorchPainter = TorchPainter(bundle, weights) if network == "synthesis" else plain
        wanted, found = reference.run(inputs), engine.run(inputs)
        errors = [np.abs(found[name].astype(np.float64) - wanted[name]).max() for name in wanted]
        row = Row(
            network=network if weights is None else f"{network}, tuned",
            engine=engine.name,
            reference=reference.name,
            max_error=float(max(errors)),
            psnr_db=min(psnr_db(found[name], wanted[name]) for name in wanted),
            time_ms=measure_ms({"plan": engine}, inputs)["plan"],
            reference_ms=_time_ms(reference, inputs),
            ready_s=ready_s,
        )
    if row.psnr_db < LEAST_DB[precision]:
        raise EngineError(f"{row} should reach {LEAST_DB[precision]:g} dB; the plan is wrong")
    return row


def _time_ms(reference: Engine | TorchPainter, inputs: Mapping[str, np.ndarray]) -> float:
    times_ms = []
    for _ in range(5):
        start_s = perf_counter()
        reference.run(inputs)
        times_ms.append((perf_counter() - start_s) * 1e3)
    return float(np.median(times_ms))


def _inputs(bundle: Bundle, network: Network, engine: Engine) -> dict[str, np.ndarray]:
    """Something to run a network on, which an engine has opened."""
    rng = np.random.default_rng(0)
    if network == "synthesis":
        return dict(probes(bundle)[0])
    if network == "pose":
        return {"landmarks": rng.uniform(100.0, 300.0, (1, 478, 3)).astype(np.float32)}
    return {"picture": rng.integers(0, 256, engine.inputs[0].shape, dtype=np.uint8)}


def find_avatar(portrait: Path, bundle: Bundle) -> Avatar:
    """The avatar of a portrait that is enrolled, in the look `photo` if it has that.

    Raises:
        AvatarError: It is not enrolled, or damaged.
    """
    try:
        sha256 = hashlib.sha256(portrait.read_bytes()).hexdigest()
    except OSError as error:
        raise AvatarError(f"{portrait} cannot be read ({error.strerror}); give an enrolled portrait") from error
    for look in ("photo", "avatar"):
        avatar = load_avatar(folders(None).avatars, sha256, bundle, look)
        if avatar is not None:
            return avatar
    raise AvatarError(f"{portrait} is not enrolled; puppet enrol {portrait} --look photo")


def table(rows: list[Row]) -> Table:
    """What was measured, for people."""
    shown = Table("network", "engine", "compared with", box=None, pad_edge=False)
    for name in ("max error", "PSNR", "latency", "reference", "ready after"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            row.network, row.engine, row.reference, f"{row.max_error:.3g}", f"{row.psnr_db:.1f} dB",
            f"{row.time_ms:.2f} ms", f"{row.reference_ms:.1f} ms", f"{row.ready_s:.1f} s",
        )  # fmt: skip
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=builtin_bundle_path(), help="default: the shipped one")
    parser.add_argument("--avatar", type=Path, help="picture of an enrolled portrait, whose tuned weights are put in")
    parser.add_argument("--precision", choices=get_args(PlanPrecision), default="fp16", help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="folder for graphs and plans; default: only the stream's cache")
    options = parser.parse_args(arguments)
    try:
        load_driver()
        load_tensorrt()
        bundle = load_bundle(options.bundle)
        avatar = None if options.avatar is None else find_avatar(options.avatar, bundle)
        if options.output is not None:
            write_graphs(bundle, options.output, options.precision)
        plans = PlanCache(folders(None).cache / PLANS if options.output is None else options.output / PLANS)
        rows = build(bundle, avatar, options.precision, plans)
    except (EngineError, PuppetError, OSError) as error:
        print(f"build_trt: {error}", file=sys.stderr)
        return FAILED
    Console(highlight=False).print(table(rows))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
