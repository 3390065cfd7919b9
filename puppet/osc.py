"""Open Sound Control 1.0: messages and bundles as bytes, and back.

    message   address ",types" arguments        strings end with zeros, everything fills whole words of four bytes
    bundle    "#bundle" time (size element)*    an element is a message, or a bundle again

Reading trusts nothing: what is returned was wholly inside the datagram, and the work is bounded by its length.

Source: Wright, "The Open Sound Control 1.0 Specification", 2002.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 65536
"""Bytes of the longest datagram that UDP carries, and one more."""

DEEPEST = 4
"""Bundles inside bundles; senders make one."""

BUNDLE = b"#bundle\0"
AT_ONCE = struct.pack(">Q", 1)
"""The time of a bundle that counts as soon as it arrives. Other times count as this one."""

Argument = int | float | str | bool | None

_NUMBERS = {"i": ">i", "f": ">f", "d": ">d", "h": ">q"}
_WORDLESS: dict[str, Argument] = {"T": True, "F": False, "N": None}


class OscError(ValueError):
    """A datagram is not OSC; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        address: What it is about, such as `/VMC/Ext/Blend/Val`.
        arguments: Its values.
    """

    address: str
    arguments: tuple[Argument, ...] = ()


def write_message(message: Message) -> bytes:
    """A message as bytes; whole numbers, numbers and words only."""
    types, values = ",", b""
    for argument in message.arguments:
        if isinstance(argument, str):
            types, values = types + "s", values + _padded(argument)
        elif isinstance(argument, int):
            types, values = types + "i", values + struct.pack(">i", argument)
        elif isinstance(argument, float):
            types, values = types + "f", values + struct.pack(">f", argument)
        else:
            raise TypeError(f"{argument!r} cannot be written")
    return _padded(message.address) + _padded(types) + values


def write_bundle(messages: Sequence[bytes]) -> bytes:
    """Messages that count together."""
    return BUNDLE + AT_ONCE + b"".join(struct.pack(">i", len(each)) + each for each in messages)


def read_messages(datagram: bytes) -> list[Message]:
    """All messages of a datagram, in order.

    Raises:
        OscError: It is not OSC, or of a kind that no sender needs.
    """
    if len(datagram) >= LONGEST:
        raise OscError(f"it has more than {LONGEST - 1} bytes")
    return list(_elements(datagram, DEEPEST))


def _elements(content: bytes, depth: int) -> Iterator[Message]:
    if not content.startswith(BUNDLE):
        yield _message(content)
        return
    if not depth:
        raise OscError(f"it has bundles in more than {DEEPEST} bundles")
    start = len(BUNDLE) + len(AT_ONCE)
    if len(content) < start:
        raise OscError("a bundle ends in its time")
    while start < len(content):
        size, start = _number(content, start, ">i")
        if size <= 0 or size % 4 or start + size > len(content):
            raise OscError(f"a part of {size} bytes does not fit into its bundle")
        yield from _elements(content[start : start + size], depth - 1)
        start += size


def _message(content: bytes) -> Message:
    if not content.startswith(b"/"):
        raise OscError("a message begins with no address")
    address, start = _word(content, 0)
    if start == len(content):
        return Message(address)
    types, start = _word(content, start)
    if not types.startswith(","):
        raise OscError("the types of a message begin with no comma")
    arguments: list[Argument] = []
    for kind in types[1:]:
        argument: Argument
        if kind in _WORDLESS:
            argument = _WORDLESS[kind]
        elif kind == "s":
            argument, start = _word(content, start)
        elif kind in _NUMBERS:
            argument, start = _number(content, start, _NUMBERS[kind])
        else:
            raise OscError(f"there is no type {kind!r} here")
        arguments.append(argument)
    return Message(address, tuple(arguments))


def _number(content: bytes, start: int, kind: str) -> tuple[int, int]:
    try:
        (number,) = struct.unpack_from(kind, content, start)
    except struct.error:
        raise OscError("it ends in a number") from None
    return number, start + struct.calcsize(kind)


def _word(content: bytes, start: int) -> tuple[str, int]:
    end = content.find(b"\0", start)
    after = start + (end - start) // 4 * 4 + 4
    if end < 0 or after > len(content):
        raise OscError("it ends in a word")
    try:
        return content[start:end].decode(), after
    except UnicodeDecodeError:
        raise OscError("a word is not UTF-8") from None


def _padded(word: str) -> bytes:
    raw = word.encode()
    if b"\0" in raw:
        raise ValueError(f"{word!r} has a zero inside")
    return raw + b"\0" * (4 - len(raw) % 4)
