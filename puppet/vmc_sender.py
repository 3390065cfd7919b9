"""The driver's motion to other programs, as VMC messages over UDP; it never waits and never fails.

What goes out is the motion from the driver's neutral, faded as the driver goes, so that the other figure does what the
portrait does: recentring, mirroring and a lost face count there too.
"""

from __future__ import annotations

import logging
import socket
import struct
from time import perf_counter

from puppet.addresses import Address
from puppet.errors import SinkError
from puppet.groups import blinks
from puppet.motion import motion_of
from puppet.osc import Message, write_bundle, write_message
from puppet.pose_space import PoseSpace
from puppet.state import Condition, State
from puppet.values import PoseVector
from puppet.vmc import APPLY, BLEND, BONE, OK, TIME, Names, Translation

LONGEST = 1400
"""Bytes of a datagram that no network cuts in two."""

NECK_M = 0.1
"""A head's place over its neck. Receivers that move bones too would sink it into the neck with zero."""

LOADED, CALIBRATED, NORMAL = 1, 3, 0
"""How VMC says that a figure is there, knows its neutral, and stands in an ordinary room."""

_log = logging.getLogger(__name__)


class VmcSender:
    """Keeps `puppet.outlet.Listener`: sends each pose vector to one address."""

    def __init__(self, address: Address, space: PoseSpace, names: Names) -> None:
        """Open the socket.

        Args:
            address: Where to send.
            space: The bundle's pose space.
            names: What shapes are called.

        Raises:
            SinkError: The address cannot be found.
        """
        self._address, self._space = address, space
        self._blinks = blinks(space)
        self._translation = Translation(space, names)
        self._start_s = perf_counter()
        self._failed = False
        try:
            family, self._where = address.resolved()
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise SinkError(f"poses cannot be sent to {address} ({error.strerror or error}); check --osc") from error
        self._socket.setblocking(False)

    def hear(self, p: PoseVector, condition: Condition) -> None:
        """Send it; what the system does not take at once is lost."""
        moved = self._space.rest + p.presence * motion_of(p, self._space, self._blinks)
        tracked = int(condition.state is State.LIVE)
        messages = [
            Message(OK, (LOADED, CALIBRATED, NORMAL, tracked)),
            Message(TIME, (perf_counter() - self._start_s,)),
            Message(BONE, ("Head", 0.0, NECK_M, 0.0, *self._translation.head_of(moved))),
        ]
        shapes = self._translation.shapes_of(moved).tolist()
        messages += [Message(BLEND, pair) for pair in zip(self._translation.names, shapes, strict=True)]
        for datagram in bundled([write_message(message) for message in (*messages, Message(APPLY))]):
            self._send(datagram)

    def close(self) -> None:
        """Let go of the socket. A second call does nothing."""
        self._socket.close()

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.sendto(datagram, self._where)
            self._failed = False
        except (BlockingIOError, ConnectionRefusedError):
            return  # full, or nobody listens there now
        except OSError as error:
            if not self._failed:
                _log.warning("poses do not reach %s: %s", self._address, error.strerror or error)
            self._failed = True


def bundled(messages: list[bytes]) -> list[bytes]:
    """Messages as few datagrams of at most `LONGEST` bytes, in their order."""
    datagrams: list[bytes] = []
    waiting: list[bytes] = []
    size = len(write_bundle([]))
    for message in messages:
        cost = struct.calcsize(">i") + len(message)
        if waiting and size + cost > LONGEST:
            datagrams.append(write_bundle(waiting))
            waiting, size = [], len(write_bundle([]))
        waiting.append(message)
        size += cost
    return [*datagrams, write_bundle(waiting)]
