"""Composes the tables' parts from the options of export/evaluate.py, prints who judges and how well, and the tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from export.benchmark import IDENTITIES, make_benchmark
from export.direction_samples import Heads
from export.feature_checkpoints import read_alexnet
from export.generator_state import load_trained_generator
from export.head_pool import HeadPool
from export.inverted import Inverter
from export.landmark_reader import LandmarkReader
from export.paper_tables import Tables
from export.reenactment import Reenactor
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from export.table_judges import GOOD_EER, Judges, verification
from export.table_measures import Estimate
from export.tables import Table, as_json, markdown
from export.train_encoder import load_encoder
from export.train_identity import Verification, load_identity
from export.train_shape_regressor import load_shape_regressor
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.networks.lpips import Lpips
from puppet.networks.perceptual import perceptual

NEEDED = ("data", "days", "shape_model", "generator", "encoder", "net3d", "judge_net3d", "judge_identity")
"""Options without which there are no tables."""

TUNED_STEPS = 350


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """The options of the tables."""
    add = parser.add_argument
    add("--data", type=Path, help="pool of export/dataset.py; its held-out people are the benchmark")
    add("--days", type=Path, help="pool of export/dataset.py --other-days, for the identity judge's equal error rate")
    add("--shape-model", type=Path, help="folder with ict_facekit.npz")
    add("--generator", type=Path, help="state folder of export/train_generator.py")
    add("--encoder", type=Path, help="state folder of export/train_encoder.py")
    add("--net3d", type=Path, help="state folder of the Net3D that A was trained with")
    add("--judge-net3d", type=Path, help="state folder of another Net3D, which judges Pose and Exp")
    add("--judge-identity", type=Path, help="state folder of an identity network that was in no loss, for CSIM")
    add("--matrices", type=Path, default=Path("matrices"), help="folder of export/ablations.py (default: %(default)s)")
    add("--alexnet", type=Path, metavar="FILE", help="torchvision's AlexNet: LPIPS instead of its substitute")
    add("--identities", type=int, default=IDENTITIES, help="people of the benchmark (default: %(default)s)")
    add("--tuned", type=int, help="people for Table 5, whose generators are optimised (default: all; 0: no Table 5)")
    add("--tuning-steps", type=int, default=TUNED_STEPS, help="of each, at most (default: %(default)s)")


def judge_tables(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and print all tables; their numbers as plain values.

    Raises:
        FileNotFoundError: A state is missing; the text says how to train it.
        ValueError: The pool does not fit.
        BundleError: The built-in bundle, whose pose graph drives the first row, is damaged.
        EngineError: That graph does not run.
    """
    device = torch.device("cpu")
    with ExitStack() as stack:
        faces = stack.enter_context(closing(LandmarkReader(load_bundle(builtin_bundle_path()))))
        judges = _judges(options, faces)
        heads = Heads(load_trained_generator(options.generator, device), load_shape_regressor(options.net3d, device))
        reenactor = Reenactor(heads, Inverter(heads.trained, load_encoder(options.encoder)))
        pool = HeadPool(options.data)
        resolution = pool.held_out().rgba.shape[2]
        renderer = HeadRenderer(load_shape_model(options.shape_model), resolution)
        benchmark = make_benchmark(pool, renderer, options.identities)
        tables = Tables(benchmark, reenactor, judges, options.matrices)
        verified, references = verification(judges.identity, HeadPool(options.days)), tables.references()
        print(_about(options.identities, judges, verified, references), flush=True)
        done: list[Table] = []
        for made in _made(tables, options):
            print(f"\n{markdown(made)}", flush=True)
            done.append(made)
    return {
        "identities": options.identities,
        "equal_error_rate": verified.equal_error_rate,
        "references": {name: estimate.value for name, estimate in references.items()},
        "perceptual": judges.perceptual_name,
        "tables": [as_json(made) for made in done],
    }


def _made(tables: Tables, options: argparse.Namespace) -> Iterator[Table]:
    first = tables.first()
    yield from first
    yield from tables.second_and_third()
    yield from tables.fourth(first[0])
    tuned = options.identities if options.tuned is None else min(options.tuned, options.identities)
    if tuned:
        yield tables.fifth(tuned, options.tuning_steps)


def _judges(options: argparse.Namespace, faces: LandmarkReader) -> Judges:
    lpips = None
    if options.alexnet is not None:
        distance = perceptual(read_alexnet(options.alexnet)).distance
        assert isinstance(distance, Lpips)
        lpips = distance
    net3d = load_shape_regressor(options.judge_net3d, torch.device("cpu"))
    return Judges(load_identity(options.judge_identity), net3d, faces, lpips)


def _about(identities: int, judges: Judges, verified: Verification, references: dict[str, Estimate]) -> str:
    """Who judges, and how well."""
    rate = verified.equal_error_rate
    counts = "counts" if rate < GOOD_EER else f"does NOT count: the rate must be under {GOOD_EER:.0%}"
    figures = "; ".join(f"{name} {estimate.value:.2f}" for name, estimate in references.items())
    return (
        f"{identities} held-out people. CSIM judge: equal error rate {rate:.1%} on other days, so CSIM {counts}.\n"
        f"{figures}.\nLPIPS*: {judges.perceptual_name}. FD*: Fréchet distance of the identity judge's last map "
        f"(means over all places, of {identities} pictures), not Inception's. †: read from FaceMesh's landmarks."
    )
