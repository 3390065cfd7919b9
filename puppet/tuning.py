"""Pivotal tuning from the streaming side: starts a child that tunes a copy of the generator, follows and ends it.

The child (`puppet.inversion`) is the only part that loads torch. They share a private folder:

    views.safetensors       what the tuned generator should paint: the fields of `puppet.views.Views`
    generator.safetensors   the tuned weights, from the child, in the layout of the bundle's own
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

from safetensors.numpy import save

from puppet.bundle import GENERATOR, Bundle, TuningKind
from puppet.child import Child
from puppet.errors import AvatarError, Cancelled
from puppet.views import Views

MODULE = "puppet.inversion"

LARGE_PAGES: Mapping[str, str] = MappingProxyType({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
"""Asks Linux's C library for memory in large pages: without, one tuning in two takes a fifth longer, by chance."""

VIEWS = "views.safetensors"

STEPS = 1000
"""Tuning ends after so many steps at the latest."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an enrolment is.

    Attributes:
        share: 0 to 1, or None while nobody knows.
        left_s: Estimated seconds left, or None while nobody knows.
    """

    share: float | None
    left_s: float | None


Tell = Callable[[Progress], None]
"""Called about once a second, on the thread that waits."""


class Tuning:
    """Tunes a generator. One thread runs it; any may cancel."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._child: Child | None = None
        self._cancelled = False

    def run(self, bundle: Bundle, draw: Callable[[], Views], folder: Path, tuning: TuningKind, tell: Tell) -> Path:
        """Tune a copy of the bundle's generator; takes about a minute on views, and several by a preset.

        Args:
            bundle: Whose generator.
            draw: Makes what it should paint; called once, while the child starts.
            folder: Private and empty; what is in it afterwards belongs to the caller.
            tuning: How; a preset takes the first view only.
            tell: Hears how far it is.

        Returns:
            The tuned weights.

        Raises:
            AvatarError: It failed.
            Cancelled: `cancel` was called.
            OSError: The folder cannot be written, or the system starts no process.
        """
        tell(Progress(None, None))
        child = self._child = Child(MODULE, environment=LARGE_PAGES)
        try:
            self.refuse_cancelled()
            views = draw()
            tensors = {part.name: getattr(views, part.name) for part in fields(views)}
            (folder / VIEWS).write_bytes(save(tensors))
            places = {"bundle": str(bundle.folder.resolve()), "folder": str(folder.resolve())}
            child.send({**places, "tuning": tuning, "steps": STEPS})
            self._follow(child, tell)
        except BrokenPipeError as error:
            self.refuse_cancelled()
            raise AvatarError(f"the portrait cannot be tuned ({child.end()}); try again, or --look avatar") from error
        finally:
            self._child = None
            child.kill()
            child.end()
        return folder / GENERATOR

    def cancel(self) -> None:
        """End the child at once, and start no other."""
        self._cancelled = True
        if (child := self._child) is not None:
            child.kill()

    def _follow(self, child: Child, tell: Tell) -> None:
        while (message := child.receive()) is not None:
            if "error" in message:
                raise AvatarError(message["error"])
            if "loss" in message:
                _log.info("the portrait is tuned with %s", message["loss"])
                continue
            if "share" not in message:
                return
            tell(Progress(message["share"], message["left_s"]))
        self.refuse_cancelled()
        raise AvatarError(f"the portrait cannot be tuned ({child.end()}); try again, or --look avatar")

    def refuse_cancelled(self) -> None:
        """Go on only if nobody called `cancel`.

        Raises:
            Cancelled: Somebody did.
        """
        if self._cancelled:
            raise Cancelled("the enrolment was cancelled; nothing was kept")
