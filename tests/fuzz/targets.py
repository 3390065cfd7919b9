"""What is fuzzed: each reader of bytes from strangers, its seeds, and the errors that it may raise."""

from __future__ import annotations

import io
import json
import math
import pickle
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

from puppet.bundle import (
    CHARACTERS,
    COLOURING,
    DIRECTIONS,
    FACE_MOTION,
    SHAPING,
    builtin_bundle_path,
    load_bundle,
)
from puppet.errors import PuppetError
from puppet.gallery import USUAL
from puppet.manifest import MANIFEST

BUILTIN = builtin_bundle_path()
SEED_BYTES = 4096
"""Seeds are cut or made so long: a fuzzer finds more in small files."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader.

    Attributes:
        read: Reads any bytes, and checks what comes out.
        seeds: Files as they should be.
        refuses: What it may raise; anything else is a bug.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    refuses: tuple[type[Exception], ...] = (PuppetError,)


@cache
def folder() -> Path:
    """A folder of this process, for what is read from files."""
    return Path(tempfile.mkdtemp(prefix="puppet-fuzz-"))


def filed(name: str, content: bytes) -> Path:
    """A file with this content."""
    path = folder() / name
    path.write_bytes(content)
    return path


def read_portrait(content: bytes) -> None:
    from puppet.stills import LONGEST_PX, decode_still

    rgb = decode_still(content, Path("portrait"))
    assert rgb.dtype == np.uint8 and rgb.shape[2] == 3 and max(rgb.shape) <= LONGEST_PX


def pictures() -> list[bytes]:
    ramp = np.add.outer(np.arange(16), 9 * np.arange(24)).astype(np.uint8)
    colours = Image.fromarray(np.dstack([ramp, ramp, 255 - ramp, ramp]))
    exif = Image.Exif()
    exif[0x0112] = 6
    made = []
    for kind, mode, options in (
        ("PNG", "RGBA", {}), ("PNG", "P", {}), ("PNG", "I;16", {}), ("JPEG", "RGB", {"exif": exif}),
        ("JPEG", "L", {"progressive": True}), ("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGBA", {}),
    ):  # fmt: skip
        content = io.BytesIO()
        still = Image.fromarray(ramp.astype(np.uint16)) if mode == "I;16" else colours.convert(mode)
        still.save(content, kind, **options)
        made.append(content.getvalue())
    return made


def read_surroundings(content: bytes) -> None:
    from puppet.surroundings import HIGHEST_PX, decode_surroundings

    around = decode_surroundings(content, Path("surroundings.png"))
    assert around.rgb.shape[:2] == around.whose.shape and 0 < len(around.rgb) <= HIGHEST_PX


def surroundings() -> list[bytes]:
    from puppet.surroundings import Surroundings, encode_surroundings

    rgb = np.arange(36 * 64 * 3, dtype=np.uint32).reshape(36, 64, 3).astype(np.uint8)
    return [encode_surroundings(Surroundings(rgb, rgb[..., 0]))]


def read_manifest(content: bytes) -> None:
    from puppet.bundle import _model
    from puppet.bundle_files import read_entries
    from puppet.manifest import parse_manifest

    path = Path(MANIFEST)
    values = parse_manifest(path, content)
    for name in read_entries(path, values, ()):
        assert (folder() / name).parent == folder() and name not in (".", "..")
    _, space = _model(path, values)
    p = space.mirror(space.soft_clip(space.unscale(space.scale(space.upper))))
    assert np.isfinite(p).all()


@cache
def base() -> bytes:
    """A generator's file, small."""
    return save({"synthesis.weight": np.ones((64, 80), np.float16), "synthesis.bias": np.ones(12, np.float16)})


def differences() -> list[bytes]:
    whole = save({"synthesis.weight": np.ones((64, 80), np.int8)}, {"scales": '{"synthesis.weight": "0x1p-4"}'})
    small = save({"synthesis.bias": np.ones(12, np.float16)}, {"scales": "{}"})
    return [whole, small, save({}, {"scales": "{}"})]


def read_difference(content: bytes) -> None:
    """What is inside the compression is fuzzed, else a checksum would end nearly every try."""
    from puppet.weights_difference import restore

    assert len(restore(base(), zlib.compress(content, 1))) == len(base())


def read_compressed(content: bytes) -> None:
    from puppet.weights_difference import restore

    assert len(restore(base(), content)) == len(base())


def read_places(content: bytes) -> None:
    from puppet.tensor_places import half_places

    for place in half_places(content).values():
        assert 0 <= place.begin <= place.end <= len(content) and place.end - place.begin == 2 * math.prod(place.shape)


@cache
def bundle():
    """The shipped bundle."""
    return load_bundle(BUILTIN)


def read_tensors(content: bytes) -> None:
    """All readers, with a layout for which the seeds are small."""
    from puppet.bundle_tensors import read_characters, read_colouring, read_directions, read_shaping
    from puppet.face_motion import read_face_motion

    path = filed("tensors.safetensors", content)
    layout, space = bundle().layout, bundle().pose_space
    faults = 0
    for read in (read_characters, read_directions, read_colouring, read_shaping):
        try:
            read(path, layout)
        except PuppetError:
            faults += 1
    try:
        read_face_motion(path, space)
    except PuppetError:
        faults += 1
    assert faults >= 1  # no file is all four


def tensors() -> list[bytes]:
    """The heads of the real files: a fuzzer needs no more of them than claims."""
    files = [(BUILTIN / name).read_bytes() for name in (CHARACTERS, COLOURING, DIRECTIONS, FACE_MOTION, SHAPING)]
    return [*(content[:SEED_BYTES] for content in files), save({"a": np.zeros(3, np.float16)})]


def read_avatar(content: bytes) -> None:
    from puppet.avatar import AVATAR, PREVIEW, load_avatar
    from puppet.gallery import enrolled

    avatars = folder() / "avatars"
    for key in (f"{'ab' * 10}-{bundle().sha256[:20]}-avatar", f"{'ab' * 10}-{bundle().sha256[:20]}-photo"):
        (avatars / key).mkdir(parents=True, exist_ok=True)
        (avatars / key / AVATAR).write_bytes(content)
        (avatars / key / PREVIEW).write_bytes(b"")
    for entry in enrolled(avatars):
        assert len(entry.portrait_sha256) == 64 and entry.portrait_sha256.isalnum() and len(entry.name) <= 200
    load_avatar(avatars, "ab" * 32, bundle(), "avatar")


def avatars() -> list[bytes]:
    from puppet.avatar import Avatar, _tensors

    layout, grey = bundle().layout, np.zeros((4, 4, 3), np.uint8)
    code = np.zeros((layout.num_ws, layout.w_dim), np.float32)
    p_s = np.zeros(layout.pose_dim, np.float32)
    return [_tensors(Avatar(code, p_s, grey, grey, "ab" * 32, bundle().sha256, "Zoë"), {"crop.png": "ab" * 32})]


def read_detail(content: bytes) -> None:
    from puppet.detail import decode_detail

    decode_detail(content, bundle().pose_space.dim)


def details() -> list[bytes]:
    from puppet.detail import Detail, detail_tensors, encode_detail

    parts = {name: np.zeros(shape, kind) for name, (kind, shape) in detail_tensors(bundle().pose_space.dim).items()}
    return [encode_detail(Detail(**parts))[:SEED_BYTES]]


def read_graph(content: bytes) -> None:
    from engines.survey import survey

    survey(filed("graph.onnx", content), weights_size=1 << 24)


def graphs() -> list[bytes]:
    import onnx

    made = [(BUILTIN / name).read_bytes() for name in ("pose.onnx", "synthesis.onnx")]
    small = onnx.load_from_string(made[1])
    del small.graph.node[40:]
    del small.graph.initializer[10:]
    return [*made, small.SerializeToString()]


def read_remembered(content: bytes) -> None:
    from puppet.memory import FILE, last_avatar
    from puppet.neutral_memory import NeutralMemory

    filed(FILE, content)
    found = last_avatar(folder())
    assert found is None or (len(found[0]) == 64 and found[1] in ("avatar", "photo"))
    memory = NeutralMemory(folder(), "Desk", "ab" * 32, bundle().pose_space)
    memory._path.parent.mkdir(exist_ok=True)
    memory._path.write_bytes(content)
    p = memory.recall()
    assert p is None or np.isfinite(p).all()


def remembered() -> list[bytes]:
    values = dict.fromkeys(bundle().pose_space.names, 0.5)
    return [json.dumps({"portrait_sha256": "ab" * 32, "look": "photo"}).encode(), json.dumps(values).encode()]


def read_note(content: bytes) -> None:
    from puppet.order import Order

    Order.from_json(content.decode("utf-8"))


def read_datagram(content: bytes) -> None:
    from puppet.osc import read_messages

    receiver = _receiver()
    assert len(read_messages(content)) <= len(content)
    receiver._take(receiver._read(content, 1.0), 1.0)
    p = _translation().pose_of(receiver._figure())
    assert np.isfinite(p).all()


@cache
def _receiver():
    from puppet.addresses import Address
    from puppet.vmc_receiver import VmcReceiver

    return VmcReceiver(Address("127.0.0.1", 0))


@cache
def _translation():
    from puppet.vmc import Translation

    return Translation(bundle().pose_space)


def datagrams() -> list[bytes]:
    from puppet.osc import Message, write_bundle, write_message
    from puppet.vmc import APPLY, BLEND, BONE, OK

    said = [
        Message(BLEND, ("jawOpen", 0.5)),
        Message(BONE, ("Head", 0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.9)),
        Message(OK, (1, 2, 1)),
        Message(APPLY),
    ]
    return [*map(write_message, said), write_bundle([write_message(each) for each in said])]


def read_request(content: bytes) -> None:
    from puppet.remote import obey

    assert json.loads(obey(_Nobody(), content))["ok"] in (True, False)


class _Nobody:
    """Is told, and does nothing."""

    def state(self):
        from puppet.remote import RemoteState

        return RemoteState("running", "", "live", "", 30.0, "")

    def avatars(self):
        return []

    def use(self, entry) -> None: ...

    def recentre(self) -> None: ...

    def pause(self, on) -> None: ...


def requests() -> list[bytes]:
    return [b'{"do": "state", "id": 7}', b'{"do": "use", "avatar": "Ada"}', b'{"do": "pause", "id": "x"}']


def read_torch_file(content: bytes) -> None:
    from export.torch_file import load_torch_file

    load_torch_file(filed("checkpoint.pt", content))


def read_nvidia_pickle(content: bytes) -> None:
    from export.nvidia_pickle import load_nvidia_generator

    load_nvidia_generator(filed("checkpoint.pkl", content))


def checkpoints() -> list[bytes]:
    import torch

    made = []
    for is_zip in (True, False):
        content = io.BytesIO()
        torch.save({"w": torch.ones(3), "n": [1, "a"]}, content, _use_new_zipfile_serialization=is_zip)
        made.append(content.getvalue())
    return [*made, pickle.dumps({"G_ema": [1, (2.0, "a")], "b": None}, 4)]


def read_plain_pickle(content: bytes) -> None:
    from export.plain_pickle import known, read_pickle

    read_pickle(io.BytesIO(content), known({}))


def pickles() -> list[bytes]:
    return [pickle.dumps({"a": [1, 2.5, None], "b": (True, {3, 4}, b"c" * 9)}, protocol) for protocol in range(6)]


def _checkpoint_errors() -> tuple[type[Exception], ...]:
    from export.checkpoint_error import CheckpointError

    return (CheckpointError,)


def once(target: Target, content: bytes) -> None:
    """Read bytes: a value, or one sentence."""
    try:
        target.read(content)
    except target.refuses as error:
        assert len(str(error).splitlines()) <= 1, error


def targets() -> Mapping[str, Target]:
    """All of them, by name."""
    from engines.base import EngineLoadError

    checkpoint = _checkpoint_errors()
    return {
        "portrait": Target(read_portrait, lambda: [*pictures(), USUAL.read_bytes()[:SEED_BYTES]]),
        "surroundings": Target(read_surroundings, surroundings),
        "manifest": Target(read_manifest, lambda: [(BUILTIN / MANIFEST).read_bytes()]),
        "tensors": Target(read_tensors, tensors),
        "places": Target(read_places, lambda: [base(), *differences()], (ValueError,)),
        "difference": Target(read_difference, differences),
        "compressed": Target(read_compressed, lambda: [zlib.compress(each) for each in differences()]),
        "avatar": Target(read_avatar, avatars),
        "detail": Target(read_detail, details),
        "graph": Target(read_graph, graphs, (EngineLoadError,)),
        "remembered": Target(read_remembered, remembered),
        "note": Target(read_note, lambda: [b'{"memory": "a", "size_wh": [4, 4], "locks": "b"}'], (ValueError,)),
        "datagram": Target(read_datagram, datagrams, (ValueError,)),
        "request": Target(read_request, requests),
        "pickle": Target(read_plain_pickle, pickles, checkpoint),
        "torch": Target(read_torch_file, checkpoints, checkpoint),
        "nvidia": Target(read_nvidia_pickle, checkpoints, checkpoint),
    }
