"""Two processes take the steps of one, whatever they train."""

import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from trained_alike import KINDS, learned, train_as

from export.ranks import ALONE, Draw, Ranks

Weights = dict[str, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes have left what they learned and agreed on."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(train_as, (folder,), nprocs=2)
    return folder


@pytest.fixture(scope="module")
def weights(trained: Path) -> list[Weights]:
    """What a single process has learned, and what each of two has."""
    return [learned(ALONE), *(torch.load(trained / f"{rank}.pt", weights_only=True) for rank in range(2))]


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_learn_what_one_does(weights: list[Weights], kind: str) -> None:
    alone, first, second = (torch.cat([value.flatten() for value in of_all[kind].values()]) for of_all in weights)
    assert torch.equal(first, second)
    assert alone.norm() > 1e-2
    assert (first - alone).norm() < 1e-3 * alone.norm()


def test_processes_agree(trained: Path) -> None:
    first, second = (json.loads((trained / f"{rank}.json").read_text()) for rank in range(2))
    assert first["most"] == second["most"] == [1, 0]
    assert (first["failed"], second["failed"]) == ("no space", "the first process failed")
    assert first["same"] == second["same"] == "nothing"
    assert first["differs"] == second["differs"]
    assert "expected all processes to read the same pool" in first["differs"]
    assert not first["left"] and not second["left"]


def test_rows_are_shared_out_evenly_or_not_at_all() -> None:
    assert [list(range(6))[Ranks(rank, 3).rows(6)] for rank in range(3)] == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(ValueError, match="4 processes can share evenly, got 6 rows; change --batch"):
        Ranks(0, 4).rows(6)


def test_own_chance_is_a_part_of_everybodys() -> None:
    def drawn(ranks: Ranks, rows: int) -> list[torch.Tensor]:
        draw = Draw(torch.Generator().manual_seed(3), ranks)
        return [draw.normal(rows, 2), draw.uniform(rows), draw.integers(0, 9, rows, 1, 1)]

    for whole, *parts in zip(drawn(ALONE, 6), drawn(Ranks(0, 2), 3), drawn(Ranks(1, 2), 3), strict=True):
        assert torch.equal(torch.stack(parts, 1).flatten(0, 1), whole)
