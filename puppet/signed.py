"""Bytes with a sign: 0 is mid grey. So pictures over grey are added, and saturate, in one step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int8, UInt8

from puppet.opacity import GREY

WHOLE = 127
"""A share of 1, as a byte with a sign."""


def signed(picture: UInt8[np.ndarray, "*shape"]) -> Int8[np.ndarray, "*shape"]:
    """The same memory with a sign; changed in place."""
    return np.bitwise_xor(picture, GREY, out=picture).view(np.int8)


def unsigned(picture: Int8[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """The inverse of `signed`."""
    content = picture.view(np.uint8)
    return np.bitwise_xor(content, GREY, out=content)
