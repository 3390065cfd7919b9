"""Files of strangers: tensors are read from them, nothing in them is ever run."""

import argparse
import io
import os
import pickle
import pickletools
import struct
import tempfile
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nvidia_fakes import Network, nested, nvidia_modules, nvidia_pickle

from export.checkpoint_error import CheckpointError
from export.nvidia_pickle import load_nvidia_generator
from export.plain_pickle import known, read_pickle
from export.torch_file import load_torch_file

STATE = {
    "mapping.fc0.weight": torch.arange(6.0).reshape(2, 3).T,
    "mapping.w_avg": torch.tensor([1.0, 2.0]),
    "synthesis.b4.const": torch.ones(1, 4, 4, dtype=torch.float16),
    "synthesis.b4.conv1.noise_strength": torch.tensor(0.5),
}
MIB = 1 << 20


class Call:
    """Pickles as a call of something."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(victim: Path) -> dict[str, object]:
    """Each would make the file `victim`, were it unpickled."""
    code = f"__import__('os').mkdir({str(victim)!r})"
    return {
        "os.system": Call(os.system, f"touch {victim}"),
        "eval": Call(eval, code),
        "exec": Call(exec, code),
        "open": Call(open, str(victim), "w"),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "nested": {"G_ema": OrderedDict(a=[({"b": Call(eval, code)},)])},
        "in a network": {"G_ema": Network("Generator", parameters={}, buffers={"w": Call(eval, code)})},
        "os.mkdir": {"G_ema": torch.ones(2), "args": Call(os.mkdir, str(victim))},
        "bytearray": {"g_ema": Call(bytearray, 10**10)},
    }


NAMES = list(attacks(Path("victim")))


def torch_zip(value: object) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def torch_older(value: object) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, _use_new_zipfile_serialization=False)
    return content.getvalue()


FORMATS = {
    "pickle": (nvidia_pickle, load_nvidia_generator),
    "zip": (torch_zip, load_torch_file),
    "older": (torch_older, load_torch_file),
}


def refused(load, path: Path) -> str:
    """The sentence with which a file is refused, without much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert str(path) in text and "\n" not in text and len(text) < 400
    return text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_run(name, form, tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "evil.pt"
    write, load = FORMATS[form]
    with nvidia_modules():
        path.write_bytes(write(attacks(victim)[name]))
    refused(load, path)
    assert not victim.exists()


def test_the_attacks_are_real(tmp_path):
    """The same bytes do harm where they are unpickled, so that the tests above show something."""
    for i, name in enumerate(["os.system", "eval", "exec", "open", "os.mkdir"]):
        victim = tmp_path / str(i)
        result = pickle.loads(pickle.dumps(attacks(victim)[name]))
        assert victim.exists()
        if hasattr(result, "close"):
            result.close()


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_generator_of_nvidia(protocol, tmp_path):
    path = tmp_path / "network.pkl"
    generator = nested(STATE, ("w_avg", "noise_const"))
    path.write_bytes(nvidia_pickle({"G": None, "D": None, "G_ema": generator, "augment_pipe": None}, protocol))
    read = load_nvidia_generator(path)
    assert read.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert read[name].dtype == tensor.dtype and torch.equal(read[name], tensor)


@pytest.mark.parametrize("form", ["zip", "older"])
def test_a_torch_file(form, tmp_path):
    path = tmp_path / "state.tar"
    value = {"g_ema": OrderedDict(STATE), "args": argparse.Namespace(size=256), "step": 3}
    path.write_bytes(FORMATS[form][0](value))
    read = load_torch_file(path)
    assert read["step"] == 3
    assert all(torch.equal(read["g_ema"][name], tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize("form", FORMATS)
def test_every_truncation_is_refused(form, tmp_path):
    write, load = FORMATS[form]
    whole = write({"G_ema": nested(STATE, ("w_avg",))} if form == "pickle" else {"g_ema": STATE})
    path = tmp_path / "cut.pt"
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        refused(load, path)


def claimed(count: int, size: tuple[int, ...]) -> bytes:
    """A pickle like that of a torch file, with one tensor whose storage and shape are claims."""
    text = b"".join(b"K" + bytes([n]) if n < 256 else b"\x8a\x08" + struct.pack("<q", n) for n in size)
    long = b"\x8a\x08" + struct.pack("<q", count)
    return (
        b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + long + b"tQK\x00(" + text + b"t(" + b"K\x01" * len(size) + b"t\x89"
        b"ccollections\nOrderedDict\n)RtRs."
    )  # fmt: skip


def zipped(content: bytes, storage: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", storage)
        archive.writestr("archive/version", "3\n")
    return made.getvalue()


HEAD = torch_older(0)[: torch_older(0).index(b"\x80\x02K\x00.")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped(claimed(10**10 // 4, (4,)), b"\0" * 16), "claims 10,000,000,000 bytes and has 16"),
        (zipped(claimed(4, (10**10 // 4,)), b"\0" * 16), "claims 2,500,000,000 numbers"),
        (zipped(claimed(4, (5,)), b"\0" * 16), "claims 5 numbers"),
        (zipped(claimed(4, (4,)), b"\0" * (8 * MIB), zipfile.ZIP_DEFLATED), "claim more than"),
        (zipped(claimed(4, (4,)), b"\0" * 16, zipfile.ZIP_DEFLATED), "compressed"),
        (HEAD + claimed(10**10 // 4, (4,)) + b"\x80\x02]X\x01\x00\x00\x000a." + b"\0" * 24, "10,000,000,000 bytes"),
        (HEAD + b"\x80\x04\x8e" + struct.pack("<Q", 10**10) + b"abc", "damaged"),
        (HEAD + b"\x80\x04\x8d" + struct.pack("<Q", 10**10) + b"abc", "damaged"),
        (b"not a file of torch at all", "damaged"),
        (b"", "0 bytes"),
    ],
)
def test_claims(content, says, tmp_path):
    path = tmp_path / "claims.pt"
    path.write_bytes(content)
    assert says in refused(load_torch_file, path)


def test_storages_that_are_asked_for_again_and_again(tmp_path):
    """One storage in the memo, made a thousand times: a short file would become large."""
    storage = pickle.dumps(torch.zeros(1 << 18), 4)
    inner = next(argument for opcode, argument, _ in pickletools.genops(storage) if opcode.name == "BINBYTES")
    head = b"\x80\x04ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(inner)) + inner + b"\x85q\x010"
    path = tmp_path / "again.pkl"
    path.write_bytes(head + b"0](" + b"h\x00h\x01R" * 1000 + b"e.")
    assert "claim more than" in refused(load_nvidia_generator, path)


def test_names_that_differ_by_case_are_refused(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in (("data.pkl", claimed(4, (4,))), ("data/0", b"\0" * 16), ("DATA/0", b"")):
            archive.writestr(f"archive/{name}", content)
    path = tmp_path / "cases.pt"
    path.write_bytes(made.getvalue())
    assert "every part once" in refused(load_torch_file, path)


def test_a_large_file_is_not_opened(tmp_path):
    path = tmp_path / "large.pt"
    with path.open("wb") as file:
        file.truncate(10 * 10**9)
    for load in (load_torch_file, load_nvidia_generator):
        assert "10,000,000,000 bytes" in refused(load, path)


def test_a_pickle_that_goes_on_and_on(tmp_path, monkeypatch):
    monkeypatch.setattr("export.plain_pickle.OPCODES_LIMIT", 1000)
    path = tmp_path / "long.pkl"
    path.write_bytes(b"\x80\x04" + b"N0" * 1000 + b"N.")
    assert "1,000 steps" in refused(load_nvidia_generator, path)


def test_deep_keys_are_not_hashed():
    deep = b"\x80\x02}(" + b")" + b"\x85" * 200_000 + b"K\x01u."
    with pytest.raises(CheckpointError, match="key is a tuple"):
        read_pickle(io.BytesIO(deep), known({}))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(plain, st.integers(0, 5))
def test_plain_values_are_read_as_python_reads_them(value, protocol):
    table = known({"_codecs.encode": lambda text, encoding: text.encode(encoding), "builtins.bytes": bytes})
    if protocol < 3:
        table = known({"_codecs.encode": lambda text, encoding: text.encode(encoding), "__builtin__.bytes": bytes})
    assert read_pickle(io.BytesIO(pickle.dumps(value, protocol)), table) == value


class Witness:
    """Says whether it was touched."""

    touched = 0

    def __reduce__(self):
        return Witness._touch, ()

    @staticmethod
    def _touch():
        Witness.touched += 1


@given(plain, st.integers(0, 5))
def test_a_call_anywhere_is_refused(value, protocol):
    content = pickle.dumps([value, {"a": (value, Witness())}], protocol)
    with pytest.raises(CheckpointError):
        read_pickle(io.BytesIO(content), known({}))
    assert Witness.touched == 0


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_sentence(content):
    try:
        read_pickle(io.BytesIO(b"\x80\x04" + content), known({}))
    except CheckpointError as error:
        assert "\n" not in str(error)


@given(st.data())
def test_any_change_of_a_network_gives_tensors_or_a_sentence(data):
    whole = bytearray(nvidia_pickle({"G_ema": nested(STATE, ("w_avg",))}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(whole)
        file.flush()
        try:
            read = load_nvidia_generator(Path(file.name))
        except CheckpointError:
            return
        assert all(isinstance(tensor, torch.Tensor) for tensor in read.values())


def test_a_strange_escape_in_a_name_is_refused_without_a_warning() -> None:
    with pytest.raises(CheckpointError, match="does not need"):
        read_pickle(io.BytesIO(b"c__builtin\\_\nset\n."), known({}))
