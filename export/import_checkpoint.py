"""Makes a bundle of the checkpoints that the paper's authors released; nothing in them is run, and none is changed.

    python export/import_checkpoint.py --stylegan stylegan-voxceleb.pt --e4e e4e-voxceleb.pt \
        --directions A_matrix.pt --deca deca_model.tar [--identity model_ir_se50.pth] [--alexnet alexnet.pth] \
        --output voxceleb/

Each file is recognised by what it holds, whatever its name. The generator may also be NVIDIA's `.pkl` (stylegan2-ada,
or stylegan3's StyleGAN2). With a generator alone, `--state FOLDER` writes a state for export/train_directions.py; the
directions that it writes move by the built-in model's pose, which is read from landmarks, so that DECA has no part.

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
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from engines import EngineError, open_engine
from export.authors_graphs import with_truncation
from export.authors_pose import FFHQ, VOXCELEB
from export.build_bundle import check_graphs
from export.checkpoint_error import CheckpointError
from export.checkpoints import read_generator
from export.direction_file import DirectionFile, read_direction_file
from export.generator_state import write_finished
from export.imported_parts import export_encoder, export_identity, export_pose, store_alexnet
from export.to_onnx import Painter, export_synthesis
from export.training import check_new
from export.whole_folder import whole_folder
from puppet.bundle import DIRECTIONS, SYNTHESIS, Bundle, load_bundle, write_manifest
from puppet.errors import BundleError
from puppet.networks.layout import GeneratorLayout
from puppet.networks.pivotal_tuning import AUTHORS, PAPER
from puppet.networks.stylegan2 import Generator
from puppet.networks.truncation import mean_code, truncate
from puppet.pose_space import BUILTIN, PoseSpace

PSI = 0.7
SEED = 0
"""Of the codes that w̄ is the mean of."""

SPACES = {"voxceleb": VOXCELEB, "ffhq": FFHQ}

LICENCE = "for non-commercial research (DECA and FLAME); all else as its authors say"
LICENCE_WITHOUT_DECA = "as the authors of its files say"

LEAST_DB = 45.0
"""What float16 and the export may cost, against the network as it was published."""


@dataclass(frozen=True, slots=True)
class Files:
    """Checkpoints; see the module.

    Attributes:
        stylegan: The generator.
        e4e: The encoder.
        directions: A and its bias.
        deca: E_flame; None for directions that the built-in model's pose moves.
        identity: ArcFace, if the bundle shall tell likeness.
        alexnet: AlexNet, if a preset's tuning shall use LPIPS.
    """

    stylegan: Path
    e4e: Path
    directions: Path
    deca: Path | None
    identity: Path | None = None
    alexnet: Path | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says of the model.

    Attributes:
        name: Of the model.
        version: Free text.
        licence: Of the weights; None says what follows from the files.
        faces: Whose pose space the authors' directions have: "voxceleb" or "ffhq".
    """

    name: str = "voxceleb"
    version: str = "1"
    licence: str | None = None
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
    with whole_folder(out) as folder:
        directions = _directions(files, SPACES[about.faces], folder)
        layout = _generator(files, directions, folder)
        export_encoder(files.e4e, layout, folder)
        squares = export_pose(files.deca, directions.space, folder)
        identity = None if files.identity is None else export_identity(files.identity, layout, folder)
        if files.alexnet is not None:
            store_alexnet(files.alexnet, folder)
        write_manifest(
            folder,
            name=about.name,
            version=about.version,
            licence=about.licence or (LICENCE_WITHOUT_DECA if files.deca is None else LICENCE),
            layout=layout,
            pose_space=directions.space,
            identity=identity,
            squares=squares,
            codes_are_posed=True,
            tuning=(AUTHORS if AUTHORS.fits(layout) else PAPER).name,
            origin=_origin(files),
        )
        check_graphs(load_bundle(folder))
    return load_bundle(out)


def _directions(files: Files, space: PoseSpace, folder: Path) -> DirectionFile:
    directions = read_direction_file(files.directions, space)
    if directions.space is BUILTIN and files.deca is not None:
        raise CheckpointError(f"{files.directions} moves codes by the built-in model's pose; leave --deca out")
    if directions.space is not BUILTIN and files.deca is None:
        raise CheckpointError(f"{files.directions} moves codes by a pose that DECA reads; give its file as --deca")
    tensors = {"A": directions.A} if directions.bias is None else {"A": directions.A, "bias": directions.bias}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / DIRECTIONS)
    return directions


def _generator(files: Files, directions: DirectionFile, folder: Path) -> GeneratorLayout:
    rows, w_dim, pose_dim = directions.A.shape
    generator, plain, centre = _generators(files.stylegan, pose_dim, rows)
    if w_dim != generator.layout.w_dim:
        raise CheckpointError(
            f"{files.directions} moves codes of length {w_dim}; the generator's have {generator.layout.w_dim}"
        )
    export_synthesis(generator, folder)
    _compare(plain, centre, folder)
    return generator.layout


def _generators(path: Path, pose_dim: int, pose_rows: int | None = None) -> tuple[Generator, Generator, Tensor]:
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


def _origin(files: Files) -> str:
    """Names of the files, and the first digits of their hashes."""
    said = []
    for path in (files.stylegan, files.e4e, files.directions, files.deca, files.identity, files.alexnet):
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
    check_new(out, "--state")
    generator, _, _ = _generators(path, BUILTIN.dim)
    write_finished(generator, 0, out)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    usual = About()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylegan", type=Path, required=True, metavar="FILE", help="the generator")
    parser.add_argument("--e4e", type=Path, metavar="FILE", help="the encoder")
    parser.add_argument("--directions", type=Path, metavar="FILE", help="the direction matrix")
    parser.add_argument("--deca", type=Path, metavar="FILE", help="DECA, for A_matrix.pt; only E_flame is taken")
    parser.add_argument("--identity", type=Path, metavar="FILE", help="ArcFace, to say how alike an avatar is")
    parser.add_argument("--alexnet", type=Path, metavar="FILE", help="AlexNet, for the perceptual loss of a tuning")
    parser.add_argument("--faces", choices=tuple(SPACES), default=usual.faces, help="whose pose (default: %(default)s)")
    parser.add_argument("--name", default=usual.name, help="name of the model (default: %(default)s)")
    parser.add_argument("--version", default=usual.version, help="its version (default: %(default)s)")
    parser.add_argument("--licence", default=usual.licence, help=f"of the weights (default: {LICENCE})")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", type=Path, metavar="FOLDER", help="the bundle to write")
    where.add_argument("--state", type=Path, metavar="FOLDER", help="only the generator, to train directions for it")
    options = parser.parse_args(arguments)
    if options.output is not None and None in (options.e4e, options.directions):
        parser.error("a bundle needs --e4e and --directions beside --stylegan, and --deca for the authors' directions")
    if options.state is not None and {options.e4e, options.directions, options.deca} != {None}:
        parser.error("--state takes the generator alone; a bundle of all files is written to --output")
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
        files = Files(
            options.stylegan, options.e4e, options.directions, options.deca, options.identity, options.alexnet
        )
        about = About(options.name, options.version, options.licence, options.faces)
        bundle = import_checkpoints(files, options.output, about)
    except (CheckpointError, BundleError, EngineError, OSError, SafetensorError, ValueError) as error:
        print(f"import: {_sentence(error, options.output or options.state)}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in bundle.folder.iterdir())
    seconds = time.monotonic() - began
    print(f"wrote {bundle.name} {bundle.version} to {bundle.folder}: {size / 1e6:.0f} MB in {seconds:.0f} s")
    print(f"licence: {bundle.licence}")
    return 0


def _sentence(error: Exception, out: Path) -> str:
    """An error as a user reads it; what the system or safetensors says is about `out`, since all else is only read."""
    why = error.strerror if isinstance(error, OSError) else str(error) if isinstance(error, SafetensorError) else None
    return str(error) if why is None else f"{out} cannot be written ({why}); choose another folder"


if __name__ == "__main__":
    sys.exit(main())
