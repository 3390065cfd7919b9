"""The enrolment that runs beside a live session: what it tells, how it is cancelled, and the quick avatar it gives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8

from puppet.avatar import Avatar
from puppet.enrolment import Enrolment
from puppet.enrolment import News as Heard
from puppet.errors import AvatarError, Cancelled
from ui.session import AvatarCard, News, Progress
from ui.shelf import Shelf, named_by

LOG = logging.getLogger(f"puppet.{__name__}")

REHEARSAL_PX = 256
"""Sides of a rehearsal's pictures."""

NOT_STORED = "this portrait is not stored any more; add it again"

Enrol = Callable[[Enrolment, Callable[[Heard], None]], Avatar | None]


class LiveEnrolment:
    """At most one enrolment at a time. One thread enrols and rehearses; any may `cancel` and read `quick`."""

    def __init__(self, shelf: Shelf) -> None:
        """Nothing is enrolled yet.

        Args:
            shelf: Makes the cards.
        """
        self._shelf = shelf
        self._enrolment: Enrolment | None = None
        self.quick: Avatar | None = None
        """What can be used until the enrolment has ended."""

    def run(self, enrolment: Enrolment, enrol: Enrol, tell: Callable[[News], None]) -> AvatarCard | None:
        """The card of what is enrolled; None after `cancel`.

        Raises:
            PuppetError: It cannot be enrolled.
        """

        def hear(heard: Heard) -> None:
            if isinstance(heard, Avatar):
                self.quick = heard
                LOG.info("a quick avatar can be shown until the portrait is tuned")
                tell(self._shelf.card(heard))
            else:
                tell(heard)

        self._enrolment = enrolment
        tell(Progress(None, None))
        try:
            avatar = enrol(enrolment, hear)
        except Cancelled:
            return None
        finally:
            self._enrolment = self.quick = None
        if avatar is None:
            raise AvatarError(NOT_STORED)
        LOG.info("the portrait is enrolled in the look %s", avatar.look)
        return self._shelf.card(avatar)

    def cancel(self) -> None:
        """End the one that runs."""
        if (enrolment := self._enrolment) is not None:
            enrolment.cancel()


def rehearse(enrolment: Enrolment, key: str, fps: float) -> Sequence[UInt8[np.ndarray, "side side 3"]]:
    """Three seconds of a stored avatar that moves by itself.

    Raises:
        AvatarError: It is not stored any more.
    """
    avatar = enrolment.known(*named_by(key))
    if avatar is None:
        raise AvatarError(NOT_STORED)
    return [picture.rgb.copy() for picture in enrolment.rehearse(avatar, REHEARSAL_PX, fps)]
