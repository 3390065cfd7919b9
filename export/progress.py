"""What a training says of itself: a line every few seconds, the same numbers and its sheets for TensorBoard.

In several processes the numbers are means over all of them, and the first one says them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from export.event_file import EventFile
from export.run_folder import Run
from export.training import Every, TrainingError

REPORT_S = 10.0
REFRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class Due:
    """What follows the next step, as all processes agree.

    Attributes:
        elapsed_s: Of the budget.
        report: Whether to say where the training is.
        refresh: Whether to look for new data.
        save: Whether to keep the state.
    """

    elapsed_s: float
    report: bool
    refresh: bool
    save: bool


def steps(run: Run, save_every_s: float) -> Iterator[Due]:
    """One value a step until the budget ends, or a signal came to any process."""
    report, refresh, save = Every(REPORT_S), Every(REFRESH_S), Every(save_every_s)
    while True:
        wanted = [float(not run.budget.running), run.budget.elapsed_s]
        wanted += [float(every.due()) for every in (report, refresh, save)]
        ended, elapsed_s, *due = run.ranks.most(wanted if run.ranks.first else [float(run.budget.stopped), 0, 0, 0, 0])
        if ended:
            return
        yield Due(elapsed_s, *(bool(value) for value in due))


class Progress:
    """Says where a training is, with means since the last line; use as a context.

    Args:
        run: Whose folder gets the events.
        begun: Pictures or steps seen when the run began.
        per_step: Pictures a step, or 1.
        unit: What is counted.
    """

    def __init__(self, run: Run, begun: int, per_step: int, unit: str = "pictures") -> None:
        self._run = run
        self._begun = begun
        self._per_step = per_step
        self._unit = unit
        self._batches = 0
        self._noted: list[dict[str, float | Tensor]] = []
        self._since_s = time.monotonic()
        self._open = ExitStack()
        self._events: EventFile | None = None

    def __enter__(self) -> Self:
        """Itself, with an event file where this process writes."""
        if self._run.ranks.first:
            self._events = self._open.enter_context(EventFile(self._run.folder, self._begun))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the event file."""
        self._open.close()

    def add(self, values: Mapping[str, float | Tensor]) -> None:
        """Note a step: scalars by name; not every name has to be there in every step."""
        self._noted.append({name: v.detach() if isinstance(v, Tensor) else v for name, v in values.items()})
        self._batches += 1

    def report(self, at: int, where: str = "") -> None:
        """Say where the training is, if a step was noted since.

        Args:
            at: Pictures or steps seen.
            where: What else to say of the place.

        Raises:
            TrainingError: A number is not finite any more; the text names the batch.
        """
        if not self._noted:
            return
        values = self._agreed()
        now = time.monotonic()
        speed = len(self._noted) * self._per_step / (now - self._since_s)
        means = {name: sum(of_step.values()) / len(of_step) for name, of_step in values.items()}
        text = "  ".join(f"{name} {mean:.4f}" for name, mean in means.items())
        left_s = self._run.budget.left_s
        self.say(f"{where}{self._unit} {at}  {speed:.1f}/s  {text}  {left_s:.0f} s left")
        self._check_finite(values)
        self.events(means | {f"{self._unit} a second": speed}, at)
        self._noted.clear()
        self._since_s = now

    def say(self, text: str) -> None:
        """Print a line, once for all processes."""
        if self._run.ranks.first:
            print(text, flush=True)

    def events(self, values: Mapping[str, float], at: int) -> None:
        """Write numbers that are not printed here."""
        if self._events:
            self._events.add(values, at)

    def sheet(self, path: Path, at: int) -> None:
        """Show a sheet that was written."""
        if self._events:
            self._events.add_sheet(path, at)

    def _agreed(self) -> dict[str, dict[int, float]]:
        """Of every name its value in each step that has it, a mean over all processes."""
        places = [(name, step) for step, noted in enumerate(self._noted) for name in noted]
        device = self._run.device
        flat = torch.stack([torch.as_tensor(self._noted[step][name], device=device).float() for name, step in places])
        agreed: dict[str, dict[int, float]] = {}
        for (name, step), value in zip(places, self._run.ranks.mean(flat).tolist(), strict=True):
            agreed.setdefault(name, {})[step] = value
        return agreed

    def _check_finite(self, values: Mapping[str, Mapping[int, float]]) -> None:
        wrong = [
            (step, name, value)
            for name, of_step in values.items()
            for step, value in of_step.items()
            if not math.isfinite(value)
        ]
        if wrong:
            step, name, value = min(wrong, key=lambda entry: entry[0])
            batch = self._batches - len(self._noted) + step + 1
            raise TrainingError(
                f"losses must stay finite, but {name} is {value} in batch {batch} of the run that began at "
                f"{self._begun} {self._unit}; the last good state was kept, start again from it"
            )
