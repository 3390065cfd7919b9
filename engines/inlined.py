"""Graphs beside other weights: an ONNX file whose external data is replaced in memory."""

from __future__ import annotations

from pathlib import Path

from engines.base import EngineLoadError


def inlined(path: Path, weights: bytes) -> bytes:
    """A model in one piece.

    Args:
        path: An ONNX file that takes its weights from a file beside it.
        weights: What that file should hold.

    Raises:
        EngineLoadError: The file is missing or damaged, or looks for weights where there are none.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise EngineLoadError(f"{path} is not a model that ONNX can load: {error}") from error
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        place = {entry.key: entry.value for entry in tensor.external_data}
        try:
            begin, length = int(place.get("offset", 0)), int(place.get("length", -1))
        except ValueError as error:
            raise EngineLoadError(f"{path} does not say where {tensor.name[:80]!r} lies ({error})") from error
        if begin < 0 or length < 0 or begin + length > len(weights):
            raise EngineLoadError(
                f"{path} looks for {tensor.name[:80]!r} where {len(weights)} bytes of weights have nothing"
            )
        tensor.raw_data = weights[begin : begin + length]
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
    content: bytes = model.SerializeToString()
    return content
