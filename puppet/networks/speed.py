"""What makes training on this machine fast: its dtype, memory that is not given back, and what is not loaded."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

import torch

_KEEP_FREED_MEMORY: Mapping[int, int] = MappingProxyType({-4: 0, -1: 2**31 - 1, -2: 2**28})
"""mallopt: M_MMAP_MAX none, M_TRIM_THRESHOLD as high as it goes, M_TOP_PAD 256 MiB."""


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies in it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if native else torch.float32


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next tensor instead of returning it; on Linux only.

    On a CPU every step frees and takes the same large blocks; mapping them anew costs a quarter of the time.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:  # glibc; musl has no such option
        for option, value in _KEEP_FREED_MEMORY.items():
            set_option(option, value)


def leave_compiler_out() -> None:
    """Spare this process torch's compiler; for processes that compile nothing, before they make an optimiser.

    Optimisers load it when they are made and when they step, which takes 2 s, and only tell it what not to compile.
    """
    stand_in = ModuleType("torch._dynamo")
    stand_in.disable = lambda fn, *_, **__: fn  # type: ignore[attr-defined]
    stand_in.graph_break = lambda: None  # type: ignore[attr-defined]
    sys.modules.setdefault(stand_in.__name__, stand_in)
