"""How many numbers a graph has in memory at once, from its shapes alone: nothing of the size of a tensor is made.

ONNX's own inference gives the shapes. Where a shape is computed in the graph, the few small integers that it is made of
are computed here first, one operator at a time, and written into the graph as constants. (ONNX's own propagation of
such integers has no bounds: ten operators of sixteen inputs each take all memory.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx
    from onnx import NodeProto

SMALL = 64
"""Most numbers of a constant that shapes are computed from."""

ROUNDS = 8
"""Shapes that follow from shapes that follow from shapes …"""

_SHORT = frozenset(
    ("Add", "Cast", "Concat", "Div", "Expand", "Gather", "Mul", "Reshape", "Slice", "Squeeze", "Sub", "Unsqueeze")
)
"""Operators of small constants that are computed; of these only Expand makes more than it gets."""

Shapes = dict[str, tuple[int, ...]]
Constants = dict[str, np.ndarray]


def largest_moment(model: onnx.ModelProto) -> int | str:
    """The most numbers that lie in memory while the operators run one after another, constants included.

    Args:
        model: Only operators that hold no graphs; it is changed: claims about shapes and large constants are dropped.

    Returns:
        The number; or the name of a tensor whose shape does not follow from the file.
    """
    graph = model.graph
    _drop_claims(model)
    shapes = _inferred(model)
    unknown = [str(name) for node in graph.node for name in node.output if name and name not in shapes]
    if unknown:
        return unknown[0]
    sizes: dict[str, int] = {name: math.prod(shape) for name, shape in shapes.items()}
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    last |= {value.name: len(graph.node) for value in graph.output}
    constant = {tensor.name for tensor in graph.initializer}
    held = sum(sizes.get(name, 0) for name in constant | {value.name for value in graph.input})
    most = held
    for i, node in enumerate(graph.node):
        held += sum(sizes[name] for name in node.output if name)
        most = max(most, held)
        if all(name in constant for name in node.input):
            constant |= set(node.output)  # runtimes compute it once, and keep it
            continue
        ended = {name for name in (*node.input, *node.output) if name and last.get(name, i) == i} - constant
        held -= sum(sizes.get(name, 0) for name in ended)
    return most


def _drop_claims(model: onnx.ModelProto) -> None:
    """Forget what the file says about shapes that can be inferred, and the numbers of large constants."""
    graph = model.graph
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    for tensor in graph.initializer:
        if math.prod(tensor.dims) > SMALL:
            for kind in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
                tensor.ClearField(kind)


def _inferred(model: onnx.ModelProto) -> Shapes:
    """The shapes of all tensors for which they follow."""
    shapes: Shapes = {}
    for _ in range(ROUNDS):
        shapes = _once(model)
        if not _compute_small(model, shapes):
            break
    return shapes


def _once(model: onnx.ModelProto) -> Shapes:
    import onnx

    faults = (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError, TypeError)
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except faults:
        return {}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        kind = value.type.tensor_type
        sizes = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
        if kind.HasField("shape") and all(size >= 0 for size in sizes):
            shapes[value.name] = sizes
    return {name: shape for name, shape in shapes.items() if all(size >= 0 for size in shape)}


def _compute_small(model: onnx.ModelProto, shapes: Shapes) -> bool:
    """Replace operators that give small integers by what they give; whether there were any."""
    from onnx import numpy_helper

    graph = model.graph
    known: Constants = {}
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= SMALL and tensor.data_location != tensor.EXTERNAL:
            known[tensor.name] = numpy_helper.to_array(tensor)
    kept = []
    found = False
    for node in graph.node:
        result = _small(model, node, known, shapes)
        if result is None:
            kept.append(node)
            continue
        found = True
        known[node.output[0]] = result
        graph.initializer.append(numpy_helper.from_array(result, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    return found


def _small(model: onnx.ModelProto, node: NodeProto, known: Constants, shapes: Shapes) -> np.ndarray | None:
    """What an operator gives, if it is a small constant that shapes may be made of."""
    from onnx.reference import ReferenceEvaluator

    if len(node.output) != 1 or not node.output[0]:
        return None
    if node.op_type == "Shape":
        places = {attribute.name: attribute.i for attribute in node.attribute}
        shape = shapes.get(node.input[0]) if node.input else None
        return None if shape is None else np.array(shape[places.get("start", 0) : places.get("end")], np.int64)
    if not _is_short(node, known):
        return None
    inputs = {name: known[name] for name in node.input if name}
    try:
        (result,) = ReferenceEvaluator(_alone(model, node, inputs)).run(None, inputs)
        made = np.asarray(result)
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, AttributeError):
        return None
    return made if made.size <= SMALL and made.dtype.kind in "biuf" else None


def _is_short(node: NodeProto, known: Constants) -> bool:
    """Whether computing an operator costs next to nothing."""
    if node.op_type == "Constant":
        return not node.input and sum(math.prod(attribute.t.dims) for attribute in node.attribute) <= SMALL
    if node.op_type not in _SHORT or not all(name in known for name in node.input if name):
        return False
    if node.op_type != "Expand":
        return True
    length: int = math.prod(known[node.input[-1]].ravel().tolist())
    return length <= SMALL


def _alone(model: onnx.ModelProto, node: NodeProto, inputs: Constants) -> onnx.ModelProto:
    """A model of one operator."""
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in inputs]
    outputs = [helper.make_tensor_value_info(node.output[0], TensorProto.UNDEFINED, None)]
    graph = helper.make_graph([node], "one", values, outputs)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
