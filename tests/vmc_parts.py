"""What tests of VMC share: free ports, and a tracker that sends."""

from __future__ import annotations

import socket

from puppet.head_turn import quaternion_of
from puppet.osc import Message, write_bundle, write_message
from puppet.vmc import APPLY, BLEND, BONE, OK

HOST = "127.0.0.1"


def free_port() -> int:
    """A UDP port that nobody listens at."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def bone(name: str, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Message:
    """A bone's turn."""
    return Message(BONE, (name, 0.0, 0.0, 0.0, *quaternion_of(yaw, pitch, roll)))


def moment(yaw: float = 0.0, tracked: bool = True, **shapes: float) -> list[Message]:
    """All messages of one moment."""
    values = [Message(BLEND, pair) for pair in shapes.items()]
    return [Message(OK, (1, 3, 0, int(tracked))), bone("Head", yaw), *values, Message(APPLY)]


class Tracker:
    """Sends to one port, as a telephone does."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self._to = HOST, port
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind((host, 0))

    def send(self, *messages: Message) -> None:
        self.send_raw(write_bundle([write_message(message) for message in messages]))

    def send_raw(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, self._to)

    def close(self) -> None:
        self._socket.close()
