"""The built-in model's pose graph for another generator: the same pose from FaceMesh's landmarks, another crop.

l = longer side of the bounding box of the rule's points, or the mean of both
crop = (middle − up · l, sides · l)                       as in puppet.face_square
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from puppet.face_square import SquareRule

OWN = "own_crop"


def write_landmark_pose(graph: Path, rule: SquareRule, out: Path) -> None:
    """Write a pose graph whose crop follows a rule.

    Args:
        graph: A pose graph that reads landmarks.
        rule: The alignment square, as the encoder's portraits were cropped.
        out: The graph to write.

    Raises:
        OSError: It cannot be read or written.
    """
    model = onnx.load(graph)
    for node in model.graph.node:
        node.output[:] = [OWN if name == "crop" else name for name in node.output]
    model.graph.node.extend(_crop(rule))
    constants = {
        "rule_points": np.array(rule.points, np.int64),
        "rule_axes": np.array([0, 1], np.int64),
        "rule_over": np.array([1], np.int64),
        "rule_across": np.array([2], np.int64),
        "rule_half": np.float32(0.5),
        "rule_up": np.array([0.0, rule.up], np.float32),
        "rule_sides": np.float32(rule.sides),
        "rule_shape": np.array([1, 3], np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items())
    onnx.checker.check_model(model)
    onnx.save(model, out)


def _crop(rule: SquareRule) -> list[onnx.NodeProto]:
    node, over = helper.make_node, ["rule_over"]
    length = "ReduceMax" if rule.length == "longest" else "ReduceMean"
    return [
        node("Gather", ["landmarks", "rule_points"], ["rule_found"], axis=1),
        node("Gather", ["rule_found", "rule_axes"], ["rule_flat"], axis=2),
        node("ReduceMin", ["rule_flat", *over], ["rule_low"]),
        node("ReduceMax", ["rule_flat", *over], ["rule_high"]),
        node("Sub", ["rule_high", "rule_low"], ["rule_extent"]),
        node(length, ["rule_extent", "rule_across"], ["rule_length"]),
        node("Add", ["rule_low", "rule_high"], ["rule_sum"]),
        node("Mul", ["rule_sum", "rule_half"], ["rule_middle"]),
        node("Mul", ["rule_length", "rule_up"], ["rule_rise"]),
        node("Sub", ["rule_middle", "rule_rise"], ["rule_centre"]),
        node("Mul", ["rule_length", "rule_sides"], ["rule_side"]),
        node("Concat", ["rule_centre", "rule_side"], ["rule_square"], axis=2),
        node("Reshape", ["rule_square", "rule_shape"], ["crop"]),
    ]
