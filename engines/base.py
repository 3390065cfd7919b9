"""What an engine is: a loaded network in one runtime. Tensors in, tensors out; it knows no faces.

EngineError
├── EngineUnavailable   the runtime is missing on this machine
├── EngineLoadError     the model file is missing, damaged or not for this runtime
└── EngineRunError      the runtime failed while computing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

Precision = Literal["auto", "f32", "bf16"]
"""What a runtime may round to while computing; `auto` is the fastest this machine has in hardware."""


class EngineError(Exception):
    """Root of all errors of this package; its text says what was expected, what came and what to do."""


class EngineUnavailable(EngineError):
    """The runtime is missing on this machine; the text says how to get it."""


class EngineLoadError(EngineError):
    """The model file is missing, damaged, or not for this runtime."""


class EngineRunError(EngineError):
    """The runtime failed while computing."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, static shape and NumPy dtype name of an input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def empty(self) -> np.ndarray:
        """A new zeroed C-contiguous array of this shape and dtype, owned by the caller."""
        return np.zeros(self.shape, self.dtype)

    def accepts(self, array: np.ndarray) -> bool:
        """Whether `array` has exactly this shape and dtype and is C-contiguous."""
        return array.shape == self.shape and array.dtype == self.dtype and array.flags.c_contiguous


@runtime_checkable
class Engine(Protocol):
    """A loaded network. One thread at a time; made, run and closed by its owner.

    A constructor that cannot load its model raises EngineLoadError (file) or EngineUnavailable (runtime). All buffers
    are made there; `run` allocates nothing of the size of a tensor where the runtime permits.
    """

    @property
    def name(self) -> str:
        """The runtime that really runs, with its device and precision: 'openvino CPU bf16'."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` takes, in order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` returns, in order."""

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name.

        Inputs are C-contiguous arrays of exactly the declared shapes and dtypes; they are read before `run` returns and
        never kept. The returned arrays are *borrowed*: the next call overwrites them; copy what must live longer.

        Raises:
            EngineRunError: A missing, surplus or wrongly shaped input, a failure of the runtime, or a closed engine.
        """

    def close(self) -> None:
        """Free the runtime's memory. A second call does nothing; `run` fails from now on."""


def check_inputs(specs: Sequence[TensorSpec], inputs: Mapping[str, np.ndarray]) -> None:
    """Compare what `run` was given with what the network takes; a few microseconds.

    Raises:
        EngineRunError: A name is missing or surplus, or an array has another shape, dtype or memory layout.
    """
    if len(inputs) != len(specs) or any(spec.name not in inputs for spec in specs):
        wanted = ", ".join(spec.name for spec in specs)
        raise EngineRunError(f"the network takes the inputs {wanted}; got {', '.join(inputs) or 'none'}")
    for spec in specs:
        array = inputs[spec.name]
        if not spec.accepts(array):
            order = "" if array.flags.c_contiguous else " not C-contiguous; use np.ascontiguousarray"
            raise EngineRunError(
                f"input {spec.name} must be {spec.dtype}{list(spec.shape)}; got {array.dtype}{list(array.shape)}{order}"
            )


def static_spec(name: str, shape: Sequence[object], dtype: str) -> TensorSpec:
    """Describe one tensor of a loaded network.

    Raises:
        EngineLoadError: A dimension is not a positive number, so buffers cannot be made in advance.
    """
    sizes = tuple(size for size in shape if isinstance(size, int) and size > 0)
    if len(sizes) != len(shape):
        raise EngineLoadError(f"tensor {name} must have a fixed shape; got {list(shape)}: export it with static shapes")
    return TensorSpec(name, sizes, dtype)
