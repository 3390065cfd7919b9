"""A pool with damaged shards, or with others of another kind, is refused; pools grow while they are read."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from export.head_factors import Z_DIM
from export.head_pool import SHARD_IDENTITIES, HeadPool, refresh
from export.ranks import ALONE

EDGE = 8


def write(folder: Path, number: int, edge: int = EDGE, z_dim: int = Z_DIM, people: int = SHARD_IDENTITIES) -> Path:
    shard = folder / f"shard_{number:05d}"
    shard.mkdir()
    np.save(shard / "rgba.npy", np.zeros((people, 4, edge, edge, 4), np.uint8))
    np.save(shard / "regions.npy", np.zeros((people, 4, edge, edge), np.uint8))
    np.save(shard / "z.npy", np.zeros((people, z_dim), np.float32))
    np.save(shard / "p.npy", np.zeros((people, 4, 15), np.float32))
    return shard


def test_a_pool_grows_to_what_was_found(tmp_path: Path) -> None:
    write(tmp_path, 0)
    pool = HeadPool(tmp_path)
    write(tmp_path, 1), write(tmp_path, 2)
    assert pool.refresh(2) == 2 and len(pool) == SHARD_IDENTITIES
    refresh(pool, ALONE)
    assert len(pool) == 2 * SHARD_IDENTITIES


@pytest.mark.parametrize("name", ["rgba", "regions", "z", "p"])
@pytest.mark.parametrize("how", ["missing", "cut", "something else"])
def test_a_damaged_shard_is_named(tmp_path: Path, name: str, how: str) -> None:
    write(tmp_path, 0)
    path = write(tmp_path, 1) / f"{name}.npy"
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100] if how == "cut" else b"nothing of the kind")
    with pytest.raises(ValueError, match=r"shard_00001 is damaged .* render it again$"):
        HeadPool(tmp_path)


def test_shards_of_another_kind_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 0)
    for other, text in (
        ({"edge": 2 * EDGE}, "as large as those of the first"),
        ({"z_dim": 5}, "no shard of export/dataset.py as it is now"),
        ({"people": 7}, "expected 250 identities"),
    ):
        shard = write(tmp_path, 1, **other)
        with pytest.raises(ValueError, match=text):
            HeadPool(tmp_path)
        shutil.rmtree(shard)
