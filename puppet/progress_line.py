"""What an enrolment says, on the error output. How far it is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from puppet import tuning
from puppet.avatar import Avatar
from puppet.preflight import Preflight

WORDS = "tuning the portrait"

STEP = 0.1
"""Share from one line to the next, where there is no terminal."""


class ProgressLine:
    """Shows nothing until there is something to tell."""

    def __init__(self, console: Console | None = None) -> None:
        """Look at the terminal.

        Args:
            console: Where to write; None is the error output.
        """
        self._console = console or Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn(WORDS),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task(WORDS, total=None, left="")
        self._next = 0.0

    def hear(self, news: tuning.Progress | Preflight | Avatar) -> None:
        """Show how far it is, and say what is wrong with the portrait."""
        if isinstance(news, tuning.Progress):
            self.tell(news)
        elif isinstance(news, Preflight):
            for score in news.warnings:
                self.say(f"{score.name}: {score.verdict.value} ({score.measured}). {score.hint}")

    def tell(self, progress: tuning.Progress) -> None:
        """Show how far it is."""
        share = progress.share
        left = "" if progress.left_s is None else f"{progress.left_s:.0f} s left"
        if self._console.is_terminal:
            self._bar.start()
            total = None if share is None else 1.0
            self._bar.update(self._task, total=total, completed=share or 0.0, left=left)
            self._bar.refresh()
        elif share is None or share >= self._next:
            self._next = (share or 0.0) + STEP
            now = f"{WORDS} …" if share is None else f"{WORDS}: {100 * share:.0f} %, {left}"
            self._console.print(now, markup=False)

    def say(self, sentence: str) -> None:
        """Write a sentence above the bar; any thread may."""
        self._console.print(f"puppet: {sentence}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._console.is_terminal:
            self._bar.stop()
