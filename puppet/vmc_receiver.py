"""Another program's figure, as VMC messages over UDP: a tracker on a telephone, or a VTuber's.

    datagram ── OSC ──> messages ── VMC ──> bones and shapes ── Apply ──> a figure

Anybody may send, and anything: what is no OSC is counted and said once in a while, what is no VMC is ignored, only
names that are known are kept, and a second sender is not heard while the first one speaks.
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from time import perf_counter

from puppet.addresses import SCHEME, Address
from puppet.errors import CameraError
from puppet.head_turn import UPRIGHT, Quaternion, product, unit
from puppet.osc import LONGEST, Message, OscError, read_messages
from puppet.vmc import APPLY, BLEND, BONE, KNOWN, OK, Figure

CHAIN = ("hips", "spine", "chest", "upperchest", "neck", "head")
"""What the head stands on, from below: each turns with the one before it. Senders share a turn out among them."""

SAID = (OK, BONE, BLEND, APPLY)
"""What is said of a figure."""

SILENT_S = 1.0
"""A sender that has been silent for so long gives way to another one."""

QUIET_S = 10.0
"""Datagrams that are no OSC are said no more often than that."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A moment of the sender's.

    Attributes:
        figure: What it shows; None where the sender says that it sees nobody.
        time_s: When it arrived, as `time.perf_counter` counts.
    """

    figure: Figure | None
    time_s: float


class VmcReceiver:
    """Listens at one address. One thread hears, its owner closes it after that."""

    def __init__(self, address: Address) -> None:
        """Bind the socket.

        Args:
            address: Where to listen: of this machine alone by the loopback address, for others by `0.0.0.0`.

        Raises:
            CameraError: Another program listens there, or the address is none of this machine's.
        """
        self.address = address
        self._bones: dict[str, Quaternion] = {}
        self._setting: dict[str, float] = {}
        self._shapes: dict[str, float] = {}
        self._tracked = True
        self._applied_s = self._sender_s = self._said_s = -math.inf
        self._sender = ""
        self.bad = 0
        """Datagrams that were no OSC."""
        try:
            family, where = address.resolved()
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise CameraError(f"{address} cannot be listened at ({error.strerror or error})") from error
        try:
            self._socket.bind(where)
        except OSError as error:
            self._socket.close()
            raise CameraError(
                f"{address} cannot be listened at ({error.strerror or error}); end the program that does, or take "
                "another port"
            ) from error
        _log.info("listening for VMC at %s", address)

    @property
    def name(self) -> str:
        """What the user knows it by."""
        return f"{SCHEME}{self.address}"

    def hear(self, until_s: float, not_before_s: float = 0.0) -> Heard | None:
        """Wait for the sender's next moment; None when there was none by then.

        Args:
            until_s: When to give up, as `time.perf_counter` counts.
            not_before_s: Moments that end earlier only count for the next one.

        Raises:
            CameraError: The network is gone.
        """
        while (left_s := until_s - perf_counter()) > 0:
            self._socket.settimeout(left_s)
            try:
                datagram, sender = self._socket.recvfrom(LONGEST)
            except (TimeoutError, ConnectionError):  # Windows calls it an error when nobody listens at the sender's
                continue
            except OSError as error:
                raise CameraError(f"{self.name} cannot be listened at any more ({error.strerror or error})") from error
            now_s = perf_counter()
            messages = self._read(datagram, now_s)
            if not messages or not self._is_ours(str(sender[0]), now_s):
                continue
            if self._take(messages, now_s) and now_s >= not_before_s:
                return Heard(self._figure() if self._tracked else None, now_s)
        return None

    def close(self) -> None:
        """Let go of the address. A second call does nothing."""
        self._socket.close()

    def _is_ours(self, sender: str, now_s: float) -> bool:
        if sender != self._sender and now_s - self._sender_s < SILENT_S:
            return False
        if sender != self._sender:
            self._sender = sender
            self._bones.clear()
            self._applied_s = now_s
            self._shapes, self._setting, self._tracked = {}, {}, True
        self._sender_s = now_s
        return True

    def _read(self, datagram: bytes, now_s: float) -> list[Message]:
        """What a datagram says of a figure; nothing, if it is anything else."""
        try:
            return [message for message in read_messages(datagram) if message.address in SAID]
        except OscError as error:
            self.bad += 1
            if now_s - self._said_s >= QUIET_S:
                self._said_s = now_s
                _log.warning("a datagram at %s is no OSC: %s; %d in all", self.address, error, self.bad)
            return []

    def _take(self, messages: Sequence[Message], now_s: float) -> bool:
        """Keep what is said; whether it ends a moment."""
        ended = False
        for message in messages:
            ended |= self._take_message(message, now_s)
        return ended

    def _take_message(self, message: Message, now_s: float) -> bool:
        match message.address, message.arguments:
            case str(address), (str(name), *place) if address == BLEND and len(place) == 1:
                value = _number(place[0])
                if value is not None and name.lower() in KNOWN:
                    self._setting[name.lower()] = min(max(value, 0.0), 1.0)
            case str(address), _ if address == APPLY:
                self._shapes = dict(self._setting)
                self._applied_s = now_s
                return True
            case str(address), (str(name), _, _, _, *turn) if address == BONE and name.lower() in CHAIN:
                self._turn(name.lower(), turn)
                # A sender of bones alone ends its moments with the head.
                return name.lower() == CHAIN[-1] and now_s - self._applied_s > SILENT_S
            case str(address), (loaded, *more) if address == OK:
                self._tracked = loaded != 0 and (len(more) < 3 or more[2] != 0)
                return not self._tracked
            case _:
                pass
        return False

    def _turn(self, bone: str, numbers: Sequence[object]) -> None:
        x, y, z, w, *_ = [_number(each) for each in numbers] + [None] * 4
        if x is None or y is None or z is None or w is None:
            return
        turn = unit((x, y, z, w))
        if turn is not None:
            self._bones[bone] = turn

    def _figure(self) -> Figure:
        return Figure(reduce(product, (self._bones.get(bone, UPRIGHT) for bone in CHAIN)), self._shapes)


def _number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
