"""Reads pickles without unpickling: opcodes are decoded, and this file computes what they mean for plain values.

A pickle is a program for a small stack machine, and Python's own machine imports and calls whatever that program names.
This one cannot: `pickletools.genops` only decodes opcodes and their arguments, and the machine below imports nothing
and calls nothing by name. A global is looked up in a table that the caller gives, whose values are functions of the
workshop that make plain values; a name outside it ends the reading. So no class of a file is ever made: objects of
known classes become `Record`s, inert names with their state beside them. Opcodes that plain data does not need are
refused.

Sizes cannot be claimed either: arguments are read from what is there (a `mmap` gives no more than it has), the number
of opcodes is limited, and only simple values may be keys, so that nothing deep is ever hashed.
"""

from __future__ import annotations

import mmap
import pickletools
import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from export.checkpoint_error import CheckpointError

OPCODES_LIMIT = 2_000_000
"""A checkpoint of the largest known networks needs some 100,000."""

KEYS = (str, int, float, bytes, type(None))

Make = Callable[..., object]
Lookup = Callable[[str], Make]
"""From the full name of a global to what makes its value; raises CheckpointError where the name is not known."""


@dataclass(slots=True, eq=False)
class Record:
    """An object of a file, not made: its class by name, and its state.

    Attributes:
        name: Full name of the class.
        state: What would have become its attributes.
    """

    name: str
    state: object = None

    def build(self, state: object) -> None:
        """Take the state."""
        self.state = state


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A global of a file, looked up: no value of a checkpoint, only good for what follows it.

    Attributes:
        full: Module and name.
        make: What makes its value.
    """

    full: str
    make: Make


def known(table: Mapping[str, Make]) -> Lookup:
    """Look names up in a table, and refuse all others."""

    def look_up(name: str) -> Make:
        if name not in table:
            raise CheckpointError(
                f"it asks for {name[:80]!r}, which a checkpoint does not need; nothing of it was run: do not trust it"
            )
        return table[name]

    return look_up


def read_pickle(
    source: IO[bytes] | mmap.mmap, look_up: Lookup, persistent: Callable[[object], object] | None = None
) -> object:
    """The plain value of the pickle that begins here; the source then stands behind it.

    Args:
        source: An open map of a file, or bytes in memory: its `read` must not allocate what is not there.
        look_up: What globals mean.
        persistent: What a persistent id stands for; None refuses them.

    Raises:
        CheckpointError: It is damaged, too long, or asks for anything but plain values.
    """
    machine = _Machine(look_up, persistent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a stranger's escape sequences
            _run(machine, source)
        return machine.result()
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"its pickle is damaged ({str(error)[:120] or type(error).__name__})") from error


def _run(machine: _Machine, source: IO[bytes] | mmap.mmap) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(source)):  # type: ignore[arg-type]
        if count >= OPCODES_LIMIT:
            raise CheckpointError(f"its pickle has more than {OPCODES_LIMIT:,} steps; no checkpoint needs so many")
        machine.step(opcode.name, argument)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_COLLECTED: dict[str, type] = {"TUPLE": tuple, "LIST": list}
_ARGUMENT = frozenset(
    (
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
        "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
        "BINBYTES8",
    )
)  # fmt: skip
_NOTHING = frozenset(("PROTO", "FRAME", "STOP"))
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack, the marked stacks below it, and the memo."""

    def __init__(self, look_up: Lookup, persistent: Callable[[object], object] | None) -> None:
        self._look_up = look_up
        self._persistent = persistent
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:  # noqa: ANN401 (what genops gives)
        """Carry out one opcode."""
        if name in _ARGUMENT:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _COLLECTED:
            values = self._marked()
            self._stack.append(_COLLECTED[name](values))
        elif name in _TUPLES:
            self._stack[-_TUPLES[name] :] = [tuple(self._last(_TUPLES[name]))]
        elif name not in _NOTHING:
            self._rarer(name, argument)

    def result(self) -> object:
        """What is left at the end."""
        if len(self._stack) != 1 or self._below:
            raise ValueError("it does not end with one value")
        return self._stack[0]

    def _rarer(self, name: str, argument: Any) -> None:  # noqa: ANN401
        act = getattr(self, f"_{name.lower()}", None) if name in _ACTS else None
        if act is None:
            raise CheckpointError(f"its pickle uses {name}, which a checkpoint does not need; nothing of it was run")
        act() if argument is None else act(argument)

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("its stack is empty")
        return self._stack[-count:]

    def _marked(self) -> list[Any]:
        """Everything above the last mark, taken off the stack."""
        marked, self._stack = self._stack, self._below.pop()
        return marked

    def _mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        self._stack.pop()

    def _pop_mark(self) -> None:
        self._marked()

    def _dup(self) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _binput(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    _put = _long_binput = _binput

    def _binget(self, index: int) -> None:
        self._stack.append(self._memo[index])

    _get = _long_binget = _binget

    def _append(self) -> None:
        value = self._stack.pop()
        self._target(list).append(value)

    def _appends(self) -> None:
        values = self._marked()
        self._target(list).extend(values)

    def _additems(self) -> None:
        values = self._marked()
        self._target(set).update(_key(value) for value in values)

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._target(dict)[_key(key)] = value

    def _setitems(self) -> None:
        pairs = self._marked()
        self._target(dict).update(_pairs(pairs))

    def _dict(self) -> None:
        pairs = self._marked()
        self._stack.append(_pairs(pairs))

    def _frozenset(self) -> None:
        values = self._marked()
        self._stack.append(frozenset(_key(value) for value in values))

    def _target(self, kind: type) -> Any:  # noqa: ANN401 (of that kind)
        if type(self._stack[-1]) is not kind:
            raise ValueError(f"a {kind.__name__} was expected")
        return self._stack[-1]

    def _global(self, argument: str) -> None:
        self._stack.append(Name(argument.replace(" ", "."), self._look_up(argument.replace(" ", "."))))

    def _stack_global(self) -> None:
        module, name = self._last(2)
        del self._stack[-2:]
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name was expected")
        self._global(f"{module}.{name}")

    def _reduce(self) -> None:
        maker, arguments = self._last(2)
        del self._stack[-2:]
        if type(maker) is not Name or type(arguments) is not tuple:
            raise ValueError("a name and its arguments were expected")
        self._stack.append(maker.make(*arguments))

    _newobj = _reduce

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if hasattr(target, "build"):
            target.build(state)
        elif type(target) is not dict:  # attributes of a dictionary, such as a state dict's versions, are of no use
            raise ValueError("a state was given to what has none")

    def _binpersid(self) -> None:
        if self._persistent is None:
            raise ValueError("it refers to something outside of it")
        self._stack.append(self._persistent(self._stack.pop()))


_ACTS = frozenset(
    (
        "MARK", "POP", "POP_MARK", "DUP", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET",
        "APPEND", "APPENDS", "ADDITEMS", "SETITEM", "SETITEMS", "DICT", "FROZENSET", "GLOBAL", "STACK_GLOBAL",
        "REDUCE", "NEWOBJ", "BUILD", "BINPERSID",
    )
)  # fmt: skip


def _key(value: object) -> Hashable:
    if type(value) not in (*KEYS, bool):
        raise ValueError(f"a key is a {type(value).__name__}")
    return value


def _pairs(values: list[Any]) -> dict[Hashable, Any]:
    keys, items = values[::2], values[1::2]
    return {_key(key): item for key, item in zip(keys, items, strict=True)}
