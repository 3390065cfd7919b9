"""Pools are the same however they are rendered, and are not mixed with others."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export import dataset, head_pool
from export.beard import bearded
from export.dataset import CONTENTS, Contents, main, write_shard
from export.head_pool import HeadPool
from export.render_heads import HeadRenderer
from export.shape_model import procedural_shape_model
from export.training import Budget
from puppet.lock import Lock

EDGE, PEOPLE = 8, 12
"""Of small pictures; and in a shard of these tests."""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (dataset, head_pool):
        monkeypatch.setattr(module, "SHARD_IDENTITIES", PEOPLE)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A renderer catches signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def egg() -> HeadRenderer:
    return HeadRenderer(procedural_shape_model(), EDGE)


def rendered(folder: Path, renderer: HeadRenderer, contents: Contents, shards: int = 2) -> HeadPool:
    folder.mkdir()
    for number in range(shards):
        write_shard(folder, number, renderer, contents, Budget(60.0))
    return HeadPool(folder)


def people(pool: HeadPool, shard: int) -> np.ndarray:
    return np.asarray(pool._shards[shard]["z"])


def test_skipping_brings_other_people_beside_the_same_held_out(tmp_path: Path, egg: HeadRenderer) -> None:
    first = rendered(tmp_path / "first", egg, Contents(EDGE), 3)
    others = rendered(tmp_path / "others", egg, Contents(EDGE, skip=PEOPLE))
    np.testing.assert_array_equal(others.held_out().rgba, first.held_out().rgba)
    np.testing.assert_array_equal(people(others, 1), people(first, 2))
    assert not np.array_equal(people(others, 1), people(first, 1))


def test_every_nth_of_those_not_held_out_has_a_beard(tmp_path: Path, egg: HeadRenderer) -> None:
    drawn = rendered(tmp_path / "drawn", egg, Contents(EDGE))
    pool = rendered(tmp_path / "beards", egg, Contents(EDGE, beards=4))
    np.testing.assert_array_equal(people(pool, 0), people(drawn, 0))
    wanted = people(drawn, 1).copy()
    wanted[::4] = bearded(wanted[::4])
    np.testing.assert_array_equal(people(pool, 1), wanted)


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(dataset, "load_shape_model", lambda folder: procedural_shape_model())
    main(["--shape-model", "none", "--resolution", str(EDGE), "--identities", str(PEOPLE + 1), *options])


def test_a_second_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--out", str(tmp_path), "--identities", str(PEOPLE))
    run(monkeypatch, "--out", str(tmp_path))
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["shard 0", "shard 1"]
    assert len(HeadPool(tmp_path)) == PEOPLE
    runs = json.loads((tmp_path / "settings.json").read_text())["runs"]
    assert f"--identities {PEOPLE}" in runs[0]["command"]
    assert runs[0]["settings"]["budget"] == "inf"  # JSON has no number for it


def test_heads_of_another_kind_are_not_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "--out", str(tmp_path), "--budget", "0")
    with pytest.raises(SystemExit, match=r"begun with, bare False \(now True\), skip 0 \(now 24\); choose another"):
        run(monkeypatch, "--out", str(tmp_path), "--bare", "--skip", str(2 * PEOPLE))
    (tmp_path / CONTENTS).unlink()
    (tmp_path / "shard_00000").mkdir()
    with pytest.raises(SystemExit, match=r"expected .*pool\.json, which says how the shards"):
        run(monkeypatch, "--out", str(tmp_path))


def test_two_renderers_do_not_fill_one_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock.take(tmp_path, "training")
    assert lock is not None
    try:
        with pytest.raises(SystemExit, match="another one has it"):
            run(monkeypatch, "--out", str(tmp_path))
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("options", "text"), [(["--skip", "100"], "a multiple of 12"), (["--beards", "-1"], "--beards from 0")]
)
def test_senseless_options_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], text: str
) -> None:
    with pytest.raises(SystemExit, match=text):
        run(monkeypatch, "--out", str(tmp_path), *options)


def test_a_full_disk_leaves_no_part_of_a_shard(
    tmp_path: Path, egg: HeadRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, values: np.ndarray, *, allow_pickle: bool) -> None:
        path.write_bytes(b"a part")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        write_shard(tmp_path, 0, egg, Contents(EDGE), Budget(60.0))
    assert not list(tmp_path.iterdir())


def test_a_signal_leaves_a_shard_out(tmp_path: Path, egg: HeadRenderer) -> None:
    budget = Budget(60.0)
    budget.catch_signals()
    signal.raise_signal(signal.SIGINT)
    write_shard(tmp_path, 0, egg, Contents(EDGE), budget)
    assert not list(tmp_path.iterdir())
