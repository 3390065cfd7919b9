"""Makes a bundle of the checkpoints that the paper's authors released; nothing in them is run, and none is changed.

    python export/import_checkpoint.py --stylegan stylegan-voxceleb.pt --e4e e4e-voxceleb.pt \
        --directions A_matrix.pt --deca deca_model.tar [--identity model_ir_se50.pth] --output voxceleb/

Each file is recognised by what it holds, whatever its name. The generator may also be NVIDIA's `.pkl` (stylegan2-ada,
or stylegan3's StyleGAN2). With a generator alone, `--state FOLDER` writes a state for export/train_directions.py.

What the authors' program does is data in the bundle: ψ = 0.7 after the shift with w̄ of seeded codes, in the weights;
stored noise; the bias of A; order and scale of p; both squares. What differs: faces are found by FaceMesh instead of
S3FD and FAN, both squares are cut out of the camera's picture instead of one out of the other, p is limited softly to
its ranges, and the portrait's border is repeated instead of mirrored and blurred.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor

from engines import EngineError, open_engine
from export.authors_graphs import PictureCode, PictureIdentity, PicturePose, with_truncation
from export.authors_keys import directions_from_linear
from export.authors_pose import FFHQ, VOXCELEB
from export.build_bundle import check_graphs
from export.checkpoint_error import CheckpointError
from export.checkpoints import read_deca, read_directions, read_e4e, read_generator, read_identity
from export.to_onnx import Painter, export_network, export_synthesis
from export.training import save_weights, write_json
from export.whole_folder import whole_folder
from puppet.bundle import DIRECTIONS, ENCODER, IDENTITY, POSE, SYNTHESIS, Bundle, load_bundle, write_manifest
from puppet.errors import BundleError
from puppet.face_square import FaceSquares, SquareRule
from puppet.likeness import Scale
from puppet.networks.deca import RESOLUTION as DECA_EDGE
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator
from puppet.networks.truncation import mean_code, truncate
from puppet.pose_space import PoseSpace

PSI = 0.7
SEED = 0
"""Of the codes that w̄ is the mean of."""

SPACES = {"voxceleb": VOXCELEB, "ffhq": FFHQ}

OUTLINE = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
)  # fmt: skip
"""FaceMesh landmarks where the 68 of iBUG have jaw and brows: their bounding box is that of all 68."""

SQUARES = FaceSquares(
    pose=SquareRule(OUTLINE, "mean", sides=1.1 * 1.25, up=0.0),
    portrait=SquareRule(OUTLINE, "longest", sides=2.0, up=1 / 6),
)
"""DECA's square around the landmarks, and the authors' crop of a portrait."""

ORTHOGONAL = Scale(strangers=0.0, same=0.5)
"""ArcFace is trained until strangers are at right angles; the other number is nominal."""

LICENCE = "for non-commercial research (DECA and FLAME); all else as its authors say"

LEAST_DB = 45.0
"""What float16 and the export may cost, against the network as it was published."""


@dataclass(frozen=True, slots=True)
class Files:
    """Checkpoints; see the module.

    Attributes:
        stylegan: The generator.
        e4e: The encoder.
        directions: A and its bias.
        deca: E_flame.
        identity: ArcFace, if the bundle shall tell likeness.
    """

    stylegan: Path
    e4e: Path
    directions: Path
    deca: Path
    identity: Path | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says of the model.

    Attributes:
        name: Of the model.
        version: Free text.
        licence: Of the weights.
        faces: Whose pose space: "voxceleb" or "ffhq".
    """

    name: str = "voxceleb"
    version: str = "1"
    licence: str = LICENCE
    faces: Literal["voxceleb", "ffhq"] = "voxceleb"


def import_checkpoints(files: Files, out: Path, about: About = About()) -> Bundle:
    """Write the bundle `out`, whole or not at all.

    Raises:
        CheckpointError: A file cannot be read, or is not what it should be.
        FileExistsError: `out` is there and is no bundle.
        EngineError: A graph does not load or run.
        ValueError: A graph gives something else than the network.
        OSError: The bundle cannot be written.
    """
    space = SPACES[about.faces]
    with whole_folder(out) as folder:
        layout = _generator_part(files, space, folder)
        export_encoder(files.e4e, layout, folder)
        export_pose(files.deca, space, folder)
        if files.identity is not None:
            network = PictureIdentity(read_identity(files.identity), layout.resolution)
            export_network(network, {"picture": _picture(layout.resolution)}, ["identity"], folder / IDENTITY)
        write_manifest(
            folder,
            name=about.name,
            version=about.version,
            licence=about.licence,
            layout=layout,
            pose_space=space,
            identity=None if files.identity is None else ORTHOGONAL,
            squares=SQUARES,
            codes_are_posed=True,
            origin=_origin(files),
        )
        check_graphs(load_bundle(folder))
    return load_bundle(out)


def _generator_part(files: Files, space: PoseSpace, folder: Path) -> GeneratorLayout:
    """Directions and generator."""
    weight, bias, rows = read_directions(files.directions, space.dim)
    A, shift = directions_from_linear(weight, bias, rows)
    save_file({"A": np.ascontiguousarray(A.numpy()), "bias": np.ascontiguousarray(shift.numpy())}, folder / DIRECTIONS)
    generator, plain, centre = _generators(files.stylegan, space.dim, rows)
    if A.shape[1] != generator.layout.w_dim:
        raise CheckpointError(
            f"{files.directions} moves codes of length {A.shape[1]}; the generator's have {generator.layout.w_dim}"
        )
    export_synthesis(generator, folder)
    _compare(plain, centre, folder)
    return generator.layout


def _generators(path: Path, pose_dim: int, pose_rows: int) -> tuple[Generator, Generator, Tensor]:
    """The generator with truncation built in, as it was published, and w̄."""
    weights = read_generator(path, pose_dim, pose_rows)
    if weights.noises_drawn:
        print(f"{path} has no noise maps; they were drawn with the seed {SEED}")
    generators = []
    for _ in range(2):
        generator = Generator(weights.layout)
        generator.load_state_dict({name: tensor.float() for name, tensor in weights.state.items()}, strict=False)
        generators.append(generator.eval().requires_grad_(False))
    built_in, plain = generators
    centre = weights.centre
    if centre is None:
        centre = mean_code(plain.mapping, weights.layout.z_dim, SEED)
    with_truncation(built_in, centre, PSI)
    return built_in, plain, centre


@torch.no_grad()
def _compare(plain: Generator, centre: Tensor, folder: Path) -> None:
    """Paint a random person with the graph and with the network as it was published."""
    z = torch.randn(1, plain.layout.z_dim, generator=torch.Generator().manual_seed(1))
    w = plain.mapping(z)[:, None].repeat(1, plain.layout.num_ws, 1)
    painter = Painter(plain).eval()
    truth = painter(truncate(w, centre, PSI)).numpy().astype(np.float64)
    engine = open_engine(folder / SYNTHESIS, precision="f32")
    painted = engine.run({"w": w.numpy()})["rgba"].astype(np.float64)
    engine.close()
    error_db = float(10 * np.log10(255**2 / max(np.mean((painted - truth) ** 2), 1e-9)))
    print(f"{SYNTHESIS}: {error_db:.1f} dB against the network as it was published")
    if error_db < LEAST_DB:
        raise ValueError(f"{SYNTHESIS} paints with {error_db:.1f} dB against its network; expected {LEAST_DB} or more")


def export_encoder(path: Path, layout: GeneratorLayout, folder: Path) -> None:
    """Write encoder.onnx.

    Raises:
        CheckpointError: The file is no e4e for such codes.
    """
    network = PictureCode(read_e4e(path, layout.num_ws), layout.resolution)
    export_network(network, {"picture": _picture(layout.resolution)}, ["c"], folder / ENCODER)


def export_pose(path: Path, space: PoseSpace, folder: Path) -> None:
    """Write pose.onnx.

    Raises:
        CheckpointError: The file is no DECA.
    """
    network = PicturePose(read_deca(path), space)
    export_network(network, {"picture": _picture(DECA_EDGE)}, ["p"], folder / POSE)


def _picture(edge: int) -> Tensor:
    return torch.zeros(1, edge, edge, 3, dtype=torch.uint8)


def _origin(files: Files) -> str:
    """Names of the files, and the first digits of their hashes."""
    said = []
    for path in (files.stylegan, files.e4e, files.directions, files.deca, files.identity):
        if path is not None:
            with path.open("rb") as file:
                said.append(f"{path.name[:24]} {hashlib.file_digest(file, 'sha256').hexdigest()[:8]}")
    return ", ".join(said)


def import_state(path: Path, out: Path) -> None:
    """Write a generator's state for export/train_directions.py, with truncation built in.

    Raises:
        CheckpointError: The file is no generator.
        FileExistsError: There is a state already.
    """
    if (out / "state.json").exists():
        raise FileExistsError(f"{out} holds a state already; choose another --state folder")
    generator, _, _ = _generators(path, VOXCELEB.dim, 8)
    for name in ("generator", "averaged"):
        save_weights(generator, out / f"{name}.safetensors")
    layout = generator.layout
    write_json(out / "state.json", {"layout": layout.to_json(), "pictures": 0, "resolution": layout.resolution})


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    usual = About()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylegan", type=Path, required=True, metavar="FILE", help="the generator")
    parser.add_argument("--e4e", type=Path, metavar="FILE", help="the encoder")
    parser.add_argument("--directions", type=Path, metavar="FILE", help="the direction matrix")
    parser.add_argument("--deca", type=Path, metavar="FILE", help="DECA; of it only E_flame is taken")
    parser.add_argument("--identity", type=Path, metavar="FILE", help="ArcFace, to say how alike an avatar is")
    parser.add_argument("--faces", choices=tuple(SPACES), default=usual.faces, help="whose pose (default: %(default)s)")
    parser.add_argument("--name", default=usual.name, help="name of the model (default: %(default)s)")
    parser.add_argument("--version", default=usual.version, help="its version (default: %(default)s)")
    parser.add_argument("--licence", default=usual.licence, help="of the weights (default: %(default)s)")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=Path, metavar="FOLDER", help="the bundle to write")
    where.add_argument("--state", type=Path, metavar="FOLDER", help="only the generator, to train directions for it")
    options = parser.parse_args(arguments)
    if options.output is not None and None in (options.e4e, options.directions, options.deca):
        parser.error("a bundle needs --e4e, --directions and --deca beside --stylegan")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Import from the command line; the exit code, 1 after an error that was said in one sentence."""
    options = _parse(arguments)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses packages that nothing here needs
    began = time.monotonic()
    try:
        if options.state is not None:
            import_state(options.stylegan, options.state)
            print(f"{options.state}: ready for export/train_directions.py")
            return 0
        files = Files(options.stylegan, options.e4e, options.directions, options.deca, options.identity)
        about = About(options.name, options.version, options.licence, options.faces)
        bundle = import_checkpoints(files, options.output, about)
    except (CheckpointError, BundleError, EngineError, OSError, ValueError) as error:
        print(f"import: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in bundle.folder.iterdir())
    seconds = time.monotonic() - began
    print(f"wrote {bundle.name} {bundle.version} to {bundle.folder}: {size / 1e6:.0f} MB in {seconds:.0f} s")
    print(f"licence: {bundle.licence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
