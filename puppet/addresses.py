"""Addresses of other programs, as the user writes them: `HOST:PORT`, or `osc://HOST:PORT` to listen there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEME = "osc://"

LOOPBACK = "127.0.0.1"

USUAL_SENDER = f"{SCHEME}:39539"
"""Where programs of this field send VMC when nobody has told them otherwise."""


@dataclass(frozen=True, slots=True)
class Address:
    """A UDP address.

    Attributes:
        host: Name or number of a machine.
        port: 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def resolved(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Family and number of the machine, for a socket.

        Raises:
            OSError: Nobody knows the name.
        """
        family, _, _, _, where = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
        return family, (str(where[0]), int(where[1]))


def names_sender(wanted: str) -> bool:
    """Whether the user means another program that sends poses, rather than a camera or a file."""
    return wanted.startswith(SCHEME)


def read_address(words: str, usual_host: str | None = None) -> Address:
    """The address in `HOST:PORT`; `osc://` before it may stand there.

    Args:
        words: What the user wrote.
        usual_host: Taken where no host is given; None: it has to be.

    Raises:
        ValueError: It is no address; the text says what is expected.
    """
    try:
        parts = urlsplit(f"//{words.removeprefix(SCHEME)}")
        host, port = parts.hostname or usual_host, parts.port
    except ValueError:
        host = port = None
    if host is None or not port or words.removeprefix(SCHEME) != parts.netloc or "@" in words:
        raise ValueError(f"expected {'HOST:PORT' if usual_host is None else 'HOST:PORT or :PORT'}, got {words!r}")
    return Address(host, port)
