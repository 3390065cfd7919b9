"""Recognises released checkpoints by the names of their tensors, and checks that every tensor is there.

    {"g_ema": …}        a generator in rosinality's layout; its sizes are read from its tensors
    synthesis.b4.const  a generator of NVIDIA's pickles
    {"e": …}            an e4e encoder
    {"A_matrix": …}     a direction matrix
    {"E_flame": …}      DECA
    input_layer.0.weight, output_layer.0.weight         an ArcFace IR-SE-50
    features.0.weight, features.10.weight               torchvision's AlexNet, or with features.2.weight its VGG-16

What is missing, unknown or of another shape is named, the first three of each, with the layout that was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from export.authors_keys import Shape, ada_shapes, from_ada, from_rosinality, rosinality_shapes
from export.checkpoint_error import CheckpointError
from export.nvidia_pickle import load_nvidia_generator
from export.tensor_names import about_file, check_tensors, first_names
from export.torch_file import OLDER, ZIP, load_torch_file
from puppet.networks.arcface import ArcFace
from puppet.networks.deca import FaceRegressor
from puppet.networks.e4e import E4E
from puppet.networks.layout import GeneratorLayout

Kind = Literal["generator", "e4e", "directions", "deca", "identity", "alexnet", "vgg"]

TITLES: Mapping[Kind, str] = {
    "generator": "a StyleGAN2 generator (--stylegan)",
    "e4e": "an e4e encoder (--e4e)",
    "directions": "a direction matrix (--directions)",
    "deca": "DECA (--deca)",
    "identity": "an ArcFace IR-SE-50 (--identity)",
    "alexnet": "torchvision's AlexNet (--alexnet)",
    "vgg": "torchvision's VGG-16 (--vgg)",
}

FIRST_BYTES = 16
POSE_ROWS = 8
PICKLE = b"\x80"
"""How every pickle begins that is not older than Python 2.3."""

SHIFT_SCALE = 6.0
LR_MULTIPLIER = 0.01
BINOMIAL = (1.0, 3.0, 3.0, 1.0)

State = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True, eq=False)
class GeneratorWeights:
    """A generator under our names.

    Attributes:
        layout: Its sizes.
        state: Of `Generator`, without the pose basis.
        centre: w̄, where the file knows it.
        noises_drawn: The file had no noise maps; they were drawn from a seed.
    """

    layout: GeneratorLayout
    state: State
    centre: Tensor | None
    noises_drawn: bool = False


def read_checkpoint(path: Path, wanted: Kind) -> dict[str, Any]:
    """The content of a file, which must be a checkpoint of one kind.

    Raises:
        CheckpointError: It cannot be read, or is something else.
    """
    content = _read(path, wanted)
    kind = _kind(content)
    if kind != wanted:
        found = TITLES[kind] if kind else f"of no kind that is known; it has {first_names(content)}"
        raise CheckpointError(f"{path} should be {TITLES[wanted]}; it is {found}")
    return content


def _read(path: Path, wanted: Kind) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            head = file.read(FIRST_BYTES)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); choose another file") from error
    is_torch = head.startswith((ZIP, OLDER))
    if head and not is_torch and not head.startswith(PICKLE):
        raise CheckpointError(f"{path} should be {TITLES[wanted]}; it is no torch file and no pickle at all")
    content = load_torch_file(path) if is_torch else load_nvidia_generator(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} should hold tensors by name, not a {type(content).__name__}")
    return content


def _kind(content: Mapping[str, Any]) -> Kind | None:
    whole: dict[str, Kind] = {"g_ema": "generator", "A_matrix": "directions", "E_flame": "deca", "e": "e4e"}
    for name, kind in whole.items():
        if name in content:
            return kind
    if "synthesis.b4.const" in content:
        return "generator"
    if {"features.0.weight", "features.10.weight"} <= content.keys():
        return "vgg" if "features.2.weight" in content else "alexnet"
    return "identity" if {"input_layer.0.weight", "output_layer.0.weight"} & content.keys() else None


def read_generator(path: Path, pose_dim: int, pose_rows: int | None) -> GeneratorWeights:
    """The generator of a rosinality checkpoint or of NVIDIA's pickle.

    Args:
        path: The file.
        pose_dim: k.
        pose_rows: Rows of the code that the pose moves; None takes the usual eight, or all of a small generator's.

    Raises:
        CheckpointError: It is none, or lacks something.
    """
    content = read_checkpoint(path, "generator")
    state = content.get("g_ema", content)
    with about_file(path):
        if "g_ema" in content:
            return _rosinality(tensors_of(state), pose_dim, pose_rows)
        return _ada(tensors_of(state), pose_dim, pose_rows)


def _rosinality(state: State, pose_dim: int, pose_rows: int | None) -> GeneratorWeights:
    conv = "convs.{}.conv.weight"
    edges = [state["input.input"]] if "input.input" in state else []
    while (name := conv.format(2 * len(edges) - 1)) in state:
        edges.append(state[name])
    layout = _layout(edges, state.get("style.1.weight"), _count(state, "style.{}.weight", 1), pose_dim, pose_rows)
    wanted = rosinality_shapes(layout)
    lacks_noise = not any(name.startswith("noises.") for name in state)
    if lacks_noise:
        state = state | _drawn({name: shape for name, shape in wanted.items() if name.startswith("noises.")})
    check_tensors(state, wanted, ("blur.kernel", "upsample.kernel"), f"{_words(layout)} in rosinality's layout")
    axis = torch.tensor(BINOMIAL)
    kernel = torch.outer(axis, axis) / axis.sum() ** 2
    for name, tensor in state.items():
        if name.endswith(".kernel") and not torch.allclose(tensor.float() / tensor.float().sum(), kernel, atol=1e-4):
            raise CheckpointError(f"expected the blur [1, 3, 3, 1] of StyleGAN2; {name} is another")
    return GeneratorWeights(layout, from_rosinality(state, layout), None, lacks_noise)


def _ada(state: State, pose_dim: int, pose_rows: int | None) -> GeneratorWeights:
    edges = [state["synthesis.b4.const"][None]]
    while (name := f"synthesis.b{4 << len(edges)}.conv0.weight") in state:
        edges.append(state[name][None])
    layers = _count(state, "mapping.fc{}.weight", 0)
    layout = _layout(edges, state.get("mapping.fc0.weight"), layers, pose_dim, pose_rows)
    what = f"{_words(layout)} without classes, as NVIDIA's pickles have it"
    check_tensors(state, ada_shapes(layout), ("resample_filter", "mapping.w_avg"), what)
    centre = state.get("mapping.w_avg")
    return GeneratorWeights(layout, from_ada(state, layout), None if centre is None else centre.float())


def _count(state: State, name: str, first: int) -> int:
    count = 0
    while name.format(first + count) in state:
        count += 1
    return count


def _layout(
    edges: list[Tensor], first: Tensor | None, layers: int, pose_dim: int, pose_rows: int | None
) -> GeneratorLayout:
    """Sizes from the constant, the first convolution of every further level, and the first layer of the mapping."""
    if len(edges) < 2 or any(edge.ndim < 4 for edge in edges) or first is None or first.ndim != 2:
        raise CheckpointError("expected a StyleGAN2 generator with its constant, convolutions and mapping network")
    try:
        return GeneratorLayout(
            resolution=2 << len(edges),
            channels=tuple(edge.shape[1] for edge in edges),
            img_channels=3,
            z_dim=first.shape[1],
            w_dim=first.shape[0],
            mapping_layers=layers,
            mapping_lr_multiplier=LR_MULTIPLIER,
            normalize_z=True,
            use_noise=True,
            pose_dim=pose_dim,
            pose_rows=pose_rows or min(POSE_ROWS, 2 * len(edges)),
        )
    except ValueError as error:
        raise CheckpointError(f"expected a StyleGAN2 generator that the pose can move: {error}") from error


def _words(layout: GeneratorLayout) -> str:
    channels = ", ".join(map(str, layout.channels))
    return f"a StyleGAN2 generator of {layout.resolution} px with {channels} channels"


def _drawn(shapes: Mapping[str, Shape]) -> State:
    draw = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def read_e4e(path: Path, num_ws: int) -> E4E:
    """The encoder, in evaluation mode.

    Args:
        path: The file.
        num_ws: Rows of the generator's codes.

    Raises:
        CheckpointError: It is none, or gives codes of another length.
    """
    state = read_checkpoint(path, "e4e")["e"]
    rows = _count(state, "styles.{}.linear.weight", 0) if isinstance(state, dict) else 0
    if rows != num_ws:
        raise CheckpointError(f"{path} should give codes of {num_ws} rows, as the generator takes; it gives {rows}")
    return _filled(lambda: E4E(num_ws), state, path, f"e4e with {num_ws} rows")


def read_deca(path: Path) -> FaceRegressor:
    """E_flame, in evaluation mode.

    Raises:
        CheckpointError: The file is no DECA.
    """
    state = read_checkpoint(path, "deca")["E_flame"]
    return _filled(FaceRegressor, state, path, "E_flame, a ResNet-50 to 236 coefficients")


def read_identity(path: Path) -> ArcFace:
    """The identity network, in evaluation mode.

    Raises:
        CheckpointError: The file is none.
    """
    return _filled(ArcFace, read_checkpoint(path, "identity"), path, "an ArcFace IR-SE-50 for 112 px")


def read_directions(path: Path, pose_dim: int) -> tuple[Tensor, Tensor, int]:
    """Weight and bias of the linear layer, and the rows of the code that it moves.

    Args:
        path: The file.
        pose_dim: k of the pose space.

    Raises:
        CheckpointError: The file is none, or of other sizes.
    """
    content = read_checkpoint(path, "directions")
    with about_file(path):
        rows, dim = content.get("num_layers_shift", POSE_ROWS), content.get("shift_dim", 512)
        if type(rows) is not int or type(dim) is not int or not 1 <= rows <= 32 or dim < 1:
            raise CheckpointError(f"expected the rows and the length of a shift; the file has {rows!r} and {dim!r}")
        if content.get("shift_scale", SHIFT_SCALE) != SHIFT_SCALE:
            raise CheckpointError(f"expected a shift_scale of {SHIFT_SCALE}; the file has {content['shift_scale']!r}")
        state = tensors_of(content["A_matrix"])
        shapes = {"linear.weight": (rows * dim, pose_dim), "linear.bias": (rows * dim,)}
        check_tensors(state, shapes, (), f"a direction matrix of {rows} rows for {pose_dim} pose entries")
        return state["linear.weight"].float(), state["linear.bias"].float(), rows


def tensors_of(state: object) -> State:
    """What a checkpoint holds, which must be tensors by name.

    Raises:
        CheckpointError: It is something else.
    """
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError("expected tensors by name")
    return state


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, Shape]:
    """Names and shapes of a network's weights, without making them."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}


def _filled(make: Callable[[], Network], state: object, path: Path, what: str) -> Network:
    """A network with the weights of a file, whose names are its own."""
    with about_file(path):
        tensors = tensors_of(state)
        check_tensors(tensors, shapes_of(make), ("num_batches_tracked",), what)
    network = make()
    floats = {name: t.float() for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    network.load_state_dict(floats, strict=False, assign=True)
    return network.eval().requires_grad_(False)
