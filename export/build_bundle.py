"""Makes a model bundle from trained parts: exports, seals, runs it, and only then puts it in its place.

    python export/build_bundle.py --state state --pose pose.onnx --encoder encoder.onnx --identity identity \
        --face-motion face_motion.safetensors --colouring colouring.safetensors --shaping shaping.safetensors \
        --sharpness 0.7 --version 1

The direction matrix is the generator's own pose basis P, unless `--directions` names a trained one.
"""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from engines import Engine, TensorSpec, open_engine
from export.characters import character_tensors
from export.head_factors import Z_DIM
from export.to_onnx import compare_synthesis, export_synthesis, load_generator
from export.train_identity import SCORES
from export.whole_folder import whole_folder
from puppet.bundle import (
    CHARACTERS,
    COLOURING,
    DIRECTIONS,
    ENCODER,
    FACE_MOTION,
    IDENTITY,
    POSE,
    SHAPING,
    Bundle,
    builtin_bundle_path,
    load_bundle,
    write_manifest,
)
from puppet.likeness import Scale
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

FILE_MAX_BYTES = 15 * 2**20
TOTAL_MAX_BYTES = 20 * 10**6
ORIGIN = "trained on rendered heads by the workshop of this program"
LANDMARKS = 478
"""Points of FaceMesh with irises."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle is made of.

    Attributes:
        state: State folder of export/train_generator.py.
        sharpness: Of the generator's layout; what was trained paints details where they belong, but too faintly.
        pose: ONNX graph, landmarks → p and crop.
        encoder: ONNX graph, picture → c.
        identity: State folder of export/train_identity.py; None: the bundle names no similarity.
        face_motion: What export/face_motion.py measured; None: portraits are not moved.
        colouring: What export/colouring.py measured; None: look-alikes keep the encoder's colours.
        shaping: What export/shaping.py measured; None: look-alikes keep the encoder's shape.
        directions: Safetensors with A and perhaps bias; None takes the generator's pose basis.
        notice: Licence text of the weights.
    """

    state: Path
    sharpness: float
    pose: Path
    encoder: Path
    identity: Path | None
    face_motion: Path | None
    colouring: Path | None
    shaping: Path | None
    directions: Path | None
    notice: Path


def build_bundle(parts: Parts, out: Path, *, name: str, version: str, licence: str, origin: str = ORIGIN) -> Bundle:
    """Write the bundle folder `out`, replacing an older one only when the new one is whole and has run.

    Raises:
        ValueError: The state is not finished, a graph has other tensors than a bundle needs, or a file is too large.
        BundleError: A part is damaged.
        EngineError: A graph does not load or run.
        FileExistsError: `out` is there and is no bundle.
        OSError: A part cannot be read, or `out` not be written.
    """
    with whole_folder(out) as folder:
        generator = load_generator(parts.state, parts.sharpness)
        _collect(parts, generator, folder)
        write_manifest(
            folder,
            name=name,
            version=version,
            licence=licence,
            layout=generator.layout,
            pose_space=BUILTIN,
            identity=None if parts.identity is None else _scale(parts.identity),
            origin=origin,
        )
        check_sizes(folder)
        check_graphs(load_bundle(folder))
        for agreement in compare_synthesis(generator, folder):
            print(f"{agreement.engine}: max error {agreement.max_error}, PSNR {agreement.psnr_db:.1f} dB")
    return load_bundle(out)


def _collect(parts: Parts, generator: Generator, folder: Path) -> None:
    shutil.copyfile(parts.pose, folder / POSE)
    shutil.copyfile(parts.encoder, folder / ENCODER)
    shutil.copyfile(parts.notice, folder / "LICENSE")
    if parts.identity is not None:
        shutil.copyfile(parts.identity / IDENTITY, folder / IDENTITY)
    measured = ((parts.face_motion, FACE_MOTION), (parts.colouring, COLOURING), (parts.shaping, SHAPING))
    for path, name in measured:
        if path is not None:
            shutil.copyfile(path, folder / name)
    if generator.layout.z_dim == Z_DIM:  # they are made up in the renderer's z
        save_file(character_tensors(generator), folder / CHARACTERS)
    if parts.directions is None:
        A = generator.pose_basis.detach().numpy().astype(np.float32)
        save_file({"A": np.ascontiguousarray(A)}, folder / DIRECTIONS)
    else:
        shutil.copyfile(parts.directions, folder / DIRECTIONS)
    export_synthesis(generator, folder)


def _scale(identity: Path) -> Scale:
    scores = json.loads((identity / SCORES).read_text(encoding="utf-8"))
    return Scale(strangers=scores["strangers"], same=scores["same"])


def check_sizes(folder: Path) -> None:
    """Print the size of every file.

    Raises:
        ValueError: A file has more than 15 MiB, or all of them more than 20 MB.
    """
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    for name, size in sizes.items():
        print(f"{size:>12,}  {name}")
    total = sum(sizes.values())
    print(f"{total:>12,}  in all")
    large = [name for name, size in sizes.items() if size > FILE_MAX_BYTES]
    if large or total > TOTAL_MAX_BYTES:
        raise ValueError(
            f"a bundle has at most {TOTAL_MAX_BYTES:,} bytes, a file {FILE_MAX_BYTES:,}; got {total:,} bytes in all, "
            f"too large: {', '.join(large) or 'none'}. Train a smaller network"
        )


def check_graphs(bundle: Bundle) -> None:
    """Open every graph, compare its tensors with what the program feeds it, and run it once.

    Raises:
        ValueError: A name, shape or dtype is another, or an output is not finite.
        EngineError: A graph does not load or run.
    """
    rng = np.random.default_rng(0)
    paths = (bundle.synthesis_path, bundle.encoder_path, bundle.pose_path, bundle.identity_path)
    for path in filter(None, paths):
        with closing(open_engine(path)) as engine:
            inputs, outputs = _expected(bundle, path, engine)
            if set(engine.inputs) != set(inputs) or set(engine.outputs) != set(outputs):
                raise ValueError(
                    f"{path.name} should take {inputs} and give {outputs}; it takes {engine.inputs} and gives "
                    f"{engine.outputs}"
                )
            results = engine.run({spec.name: rng.uniform(0, 255, spec.shape).astype(spec.dtype) for spec in inputs})
            if not all(np.isfinite(array).all() for array in results.values()):
                raise ValueError(f"{path.name} gives numbers that are not finite")


def _expected(bundle: Bundle, path: Path, engine: Engine) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """What a graph of a bundle should take and give; a picture that it sees has the size it was trained on."""
    r, edge = bundle.resolution, engine.inputs[0].shape[1]
    code, picture = (1, bundle.num_ws, bundle.w_dim), TensorSpec("picture", (1, edge, edge, 3), "uint8")
    if path == bundle.synthesis_path:
        return [TensorSpec("w", code, "float32")], [TensorSpec("rgba", (1, r, r, bundle.channels), "uint8")]
    if path == bundle.encoder_path:
        return [picture], [TensorSpec("c", code, "float32")]
    if path == bundle.identity_path:
        return [picture], [TensorSpec("identity", (1, engine.outputs[0].shape[-1]), "float32")]
    p = TensorSpec("p", (1, bundle.pose_space.dim), "float32")
    if bundle.squares is None:
        return [TensorSpec("landmarks", (1, LANDMARKS, 3), "float32")], [p, TensorSpec("crop", (1, 3), "float32")]
    return [picture], [p]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="state folder of export/train_generator.py")
    parser.add_argument("--pose", type=Path, required=True, help="pose.onnx")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder.onnx")
    parser.add_argument("--identity", type=Path, help="state folder of export/train_identity.py")
    parser.add_argument("--face-motion", type=Path, help="face_motion.safetensors of export/face_motion.py")
    parser.add_argument("--colouring", type=Path, help="colouring.safetensors of export/colouring.py")
    parser.add_argument("--shaping", type=Path, help="shaping.safetensors of export/shaping.py")
    parser.add_argument("--sharpness", type=float, default=0.0, help="of the painted pictures (default 0: as trained)")
    parser.add_argument("--directions", type=Path, help="safetensors with A (default: the generator's pose basis)")
    parser.add_argument("--version", required=True, help="version of the model")
    parser.add_argument("--name", default="builtin", help="name of the model (default builtin)")
    parser.add_argument("--licence", default="CC0-1.0", help="SPDX expression of the weights (default CC0-1.0)")
    parser.add_argument("--notice", type=Path, default=here / "builtin_notice.txt", help="licence text of the weights")
    parser.add_argument(
        "--out", type=Path, default=builtin_bundle_path(), help="bundle folder (default the shipped one)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Build from the command line."""
    options = _parse(arguments)
    parts = Parts(
        options.state, options.sharpness, options.pose, options.encoder, options.identity, options.face_motion,
        options.colouring, options.shaping, options.directions, options.notice,
    )  # fmt: skip
    bundle = build_bundle(parts, options.out, name=options.name, version=options.version, licence=options.licence)
    print(f"wrote {bundle.name} {bundle.version} to {bundle.folder} (sha256 {bundle.sha256[:12]}…)")


if __name__ == "__main__":
    main()
