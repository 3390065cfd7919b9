"""The processes of `torchrun` that train one network together, each on its own rows of every batch.

    rows of process r of n:   r, r + n, r + 2n, …          gradient = mean of the gradients of all

Every process draws what a single one would draw for the whole batch, and keeps its own rows of it. Losses that are no
mean over rows are taken of the whole batch: outputs of all are gathered, or the statistics in them are averaged. So n
processes take the same steps as one, whatever the losses, optimisers and penalties; DistributedDataParallel, which
averages gradients of a forward pass of its own, serves neither a gradient of a gradient nor two players.

The first process alone writes and prints. Decisions that depend on clocks, signals or disks are agreed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn  # Imported after a process group is made, its default arguments would keep that alive.
from jaxtyping import Float, Int
from torch import Tensor, nn

from export.training import TrainingError

PATIENCE = timedelta(hours=2)
"""How long a process waits for one that scores or saves."""


class ElsewhereError(TrainingError):
    """Another process failed, and says why."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this one is.

    Attributes:
        rank: From 0.
        count: Of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def rows(self, whole: int) -> slice:
        """This process's rows of a batch.

        Raises:
            ValueError: They cannot be shared out evenly.
        """
        if whole % self.count:
            raise ValueError(
                f"expected a batch that {self.count} processes can share evenly, got {whole} rows; change --batch"
            )
        return slice(self.rank, whole, self.count)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over all processes, in which the same parameters must have one."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, average in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(average.view_as(gradient))

    def mean(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The mean over all processes, without a gradient; a new tensor."""
        total = values.detach().clone()
        if self.count > 1:
            _together(lambda: dist.all_reduce(total))
            total /= self.count
        return total

    def gather(self, own: Float[Tensor, "rows ..."]) -> Float[Tensor, "whole ..."]:
        """The whole batch's rows, of which own ones are differentiable.

        A loss of them that every process takes alike has its right gradient once gradients are averaged.
        """
        if self.count == 1:
            return own
        whole: Tensor = _Gather.apply(own, self.rank, self.count)  # type: ignore[no-untyped-call]
        return whole

    def most(self, values: Sequence[float]) -> list[float]:
        """The largest of each value in any process."""
        if self.count == 1:
            return list(values)
        agreed = torch.tensor(values, dtype=torch.float64)
        _together(lambda: dist.all_reduce(agreed, dist.ReduceOp.MAX))
        return agreed.tolist()

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the first one's values, in place."""
        if self.count > 1:
            for tensor in tensors:
                _together(partial(dist.broadcast, tensor, 0))

    def share_weights(self, *networks: nn.Module) -> None:
        """The same for all that networks hold."""
        for network in networks:
            self.share(network.state_dict().values())

    def alone(self, action: Callable[[], None]) -> None:
        """Let the first process do something, while the others wait.

        Raises:
            ElsewhereError: It failed there; the first process raises what it raised.
        """
        failure: Exception | None = None
        if self.first:
            try:
                action()
            except (OSError, ValueError, TrainingError) as error:
                failure = error
        if failure is not None and self.count == 1:
            raise failure
        (failed,) = self.most([float(failure is not None)])
        if failed:
            raise failure or ElsewhereError("the first process failed")

    def check_same(self, what: str, *values: float) -> None:
        """Make sure that all processes read the same files.

        Raises:
            TrainingError: A value differs.
        """
        most, least = self.most(values), self.most([-value for value in values])
        if most != [-value for value in least]:
            raise TrainingError(
                f"expected all processes to read the same {what}; they differ: "
                "let every machine see the same folders, or start again when nothing is added to them"
            )


ALONE = Ranks()
"""A single process."""


class _Gather(torch.autograd.Function):
    """Rows of all, in the order of the whole batch."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, rank: int, count: int) -> Tensor:  # noqa: ANN401
        ctx.rank, ctx.count = rank, count
        parts = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(count)]
        _together(lambda: dist.all_gather(parts, own.contiguous()))
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:  # noqa: ANN401
        # The mean over processes divides by their number what each has of its own rows alone.
        return gradients[0][ctx.rank :: ctx.count] * ctx.count, None, None


class Draw:
    """Chance for own rows: what a single process would draw for the whole batch, of which the other rows are dropped.

    Args:
        source: In the same state in every process.
        ranks: Whose rows.
    """

    def __init__(self, source: torch.Generator, ranks: Ranks = ALONE) -> None:
        self.ranks = ranks
        self._source = source

    @property
    def device(self) -> torch.device:
        """Where numbers are drawn."""
        return self._source.device

    def normal(self, rows: int, *shape: int) -> Float[Tensor, "rows ..."]:
        """N(0, 1)."""
        return self._own(torch.randn(rows * self.ranks.count, *shape, device=self.device, generator=self._source))

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "rows ..."]:
        """From 0 to 1."""
        return self._own(torch.rand(rows * self.ranks.count, *shape, device=self.device, generator=self._source))

    def integers(self, low: int, high: int, rows: int, *shape: int) -> Int[Tensor, "rows ..."]:
        """From `low` to below `high`."""
        whole = (rows * self.ranks.count, *shape)
        return self._own(torch.randint(low, high, whole, device=self.device, generator=self._source))

    def _own(self, whole: Tensor) -> Tensor:
        return whole[self.ranks.rank :: self.ranks.count]


def _together(exchange: Callable[[], object]) -> None:
    try:
        exchange()
    except RuntimeError as error:
        raise ElsewhereError(f"another process of this training ended ({error})") from error


@contextmanager
def processes(device: str) -> Iterator[tuple[Ranks, str]]:
    """Join the processes that torchrun started, if it did.

    Args:
        device: As torch names it; of several GPUs `cuda` means each process's own.

    Yields:
        Which process this is, and its device.

    Raises:
        ValueError: There is no such device.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"expected a GPU for --device {device}, but torch {torch.__version__} finds none; use cpu")
    if not dist.is_torchelastic_launched():
        yield ALONE, device
        return
    if device == "cuda":
        device = f"cuda:{dist.get_node_local_rank()}"
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size()), device
        _together(dist.barrier)
    finally:
        dist.destroy_process_group()
