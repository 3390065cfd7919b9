"""A portrait as a relief: its pixels on a mesh in space, which is turned, given an expression, and painted again.

    X_d = P + f (R_d R_sᵀ − 1) (X' − P) + (X' − P)      f: how much a point follows the head, 1 in the face

X' are points with another expression (puppet.face_motion), P the head's pivot. Layers are drawn with a depth test: the
face's own triangles; eyes and the inside of the mouth a little behind them; around the face the shell's front; and
behind all the shell's back, in colours continued from around the face, for what a turn uncovers.

No renderer paints a stream: a relief makes the pictures that a generator is tuned on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from puppet.bundle import Bundle
from puppet.cutout import EDGE, GREY, SURE, Cutout
from puppet.eyelids import Eyelids
from puppet.face_motion import EYES, FaceMotion, Space, close_eye, closing, displacements, moved, rotation
from puppet.face_topology import (
    INNER_LIPS,
    LEFT_EYE,
    MESH_POINTS,
    OVAL,
    POINTS,
    RIGHT_EYE,
    UPPER_LIP,
    face_triangles,
    opposite,
    other_side,
)  # fmt: skip
from puppet.groups import JAW, gazes
from puppet.head_back import back_texture
from puppet.head_shell import build_shell
from puppet.mesh_raster import Seen, Window, draw
from puppet.mouth_inside import MouthInside, Opening
from puppet.perspective import lifted, projected
from puppet.pose_space import PoseSpace
from puppet.pull_push import continued
from puppet.smooth_step import smooth_step
from puppet.symmetry import facing_of_ball, facing_of_mesh, mirrored, share_of_other

SUPERSAMPLING = 2

BEHIND_FACE = 0.012
"""The inside of the mouth lies so far behind the lips, and an eye behind its lids."""

UNSEEN = 0.3
"""How much a pixel counts that the portrait does not show."""

ABOVE_MOUTH = 0.10
"""Around the face, the head's other side is mirrored down to so much above the mouth: shoulders are not the head's."""

TURNED = (0.05, 0.20)
"""So much more, as a cosine, a point has to face the viewer than in the portrait to be seen as its other side."""

LITTLE = 0.01
"""Of an entry of p: how lids move with it is found by so much."""

NEAR = 0.08
"""Within about so much of the face's outline, the head's other side lies where its landmarks do, not its axis."""

HIDDEN_PX = 256
"""Sides of the picture that shows what the face hides."""

STREAKS = (0.25, 0.45)
"""How small a part of the portrait a part of the picture may be along any direction: below, it is a streak."""

_OPENINGS = (RIGHT_EYE, LEFT_EYE, INNER_LIPS, INNER_LIPS)
_TEETH = 2
_SHELL, _FACE, _MOUTH, _INTERIOR = 0, 1, 4, 5
"""Layers in their order: shell, face, right eye, left eye, what the portrait shows of its mouth, the inside behind."""


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A picture of a relief, or a part of it.

    Attributes:
        rgba: Over mid grey, as a generator paints.
        confidence: How much each pixel counts, 0 to 1.
        points: Where the landmarks are, in sides of the whole.
    """

    rgba: Float32[np.ndarray, "r r 4"]
    confidence: Float32[np.ndarray, "r r"]
    points: Float64[np.ndarray, "478 2"]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What a portrait shows of a person, as a grid of points over the crop, and how they move.

    Attributes:
        X: Points in space; beyond the person they go on as at its edge.
        follow: How much of the head's turn each takes part in.
        expression: E: displacements for one unit of each entry of p, as far as they are linear; angles 0.
        known: Where it shows the person.
        eyes: Where it shows what is between lids.
    """

    X: Float32[np.ndarray, "g g 3"]
    follow: Float32[np.ndarray, "g g"]
    expression: Float32[np.ndarray, "pose_dim g g 3"]
    known: Bool[np.ndarray, "g g"]
    eyes: Bool[np.ndarray, "g g"]


class Relief:
    """A portrait's relief."""

    def __init__(
        self, cutout: Cutout, p_s: Float32[np.ndarray, "pose_dim"], motion: FaceMotion, space: PoseSpace
    ) -> None:
        """Build it.

        Args:
            cutout: The portrait.
            p_s: Its pose.
            motion: How faces move.
            space: The pose space of both.
        """
        self.cutout = cutout
        """The portrait."""
        self.pivot = motion.pivot.astype(np.float64)
        """The head's, as the portrait shows it."""
        self.p_s, self.space, self._motion = p_s, space, motion
        self._X = lifted(cutout.points)
        self._face = face_triangles()
        self._shell = build_shell(cutout, self._face, float(self.pivot[2]))
        self._back_texture = back_texture(cutout)
        self._triangles, self._layer = self._front_mesh()
        self._other_front, self._other_back = self._other_sides()
        self._own_facing = self._facing(self._shell.front, cutout.points)
        self._mouth = MouthInside(cutout, motion, self._X)
        self._drop = rotation(p_s, space) @ motion.drop
        self._eyelids = Eyelids(cutout)

    def paint(self, p: Float32[np.ndarray, "pose_dim"], window: Window) -> Painted:
        """The portrait in another pose.

        Args:
            p: Absolute, in the units of the pose space.
            window: What is painted of it.
        """
        large = window.finer(SUPERSAMPLING)
        moved_X, face, front = self._moved(p)
        back = self._turned(lifted(self._shell.back), p, self._shell.follow)
        behind = self._paint_back(back, large)
        before = self._paint_front(front, face, moved_X, p, large)
        share, behind_share = before[..., 3:] / 255, behind[..., 3:] / 255
        alpha = share + (1 - share) * behind_share
        rgb = share * before[..., :3] + (1 - share) * behind_share * behind[..., :3] + (1 - alpha) * GREY
        confidence = np.where((alpha < EDGE[0]) | (share > SURE), 1, UNSEEN).astype(np.float32)
        rgba = np.dstack([rgb, 255 * alpha]).astype(np.float32)
        size = (window.side, window.side)
        return Painted(
            cv2.resize(rgba, size, interpolation=cv2.INTER_AREA),
            cv2.resize(confidence[..., 0], size, interpolation=cv2.INTER_AREA),
            face[:, :2],
        )

    def points(self, p: Float32[np.ndarray, "pose_dim"]) -> Float64[np.ndarray, "478 2"]:
        """Where the landmarks are in another pose, in sides of the picture."""
        _, face, _ = self._moved(p)
        return face[:, :2]

    def shown(self, p: Float32[np.ndarray, "pose_dim"], side_px: int) -> Float32[np.ndarray, "r r"]:
        """How well the portrait shows what is seen in another pose, there or on the head's other side, 0 to 1.

        Not the head's back; and what is far larger than in the portrait only as streaks.

        Args:
            p: The pose.
            side_px: Sides of the picture.
        """
        moved_X, face, front = self._moved(p)
        _, seen = self._drawn(front, face, self._opened(moved_X, p), Window.of(side_px))
        places = seen.interpolated(np.hstack([self._places(p), self._other_side(front, face)]), self._triangles)
        nobody = (seen.triangle < 0) | (self._layer_of(seen) == _INTERIOR)
        here, there = (self._shown_at(places[..., axes], nobody) for axes in (slice(0, 2), slice(2, 4)))
        return np.asarray(here + places[..., 4] * (there - here), np.float32)

    def _shown_at(
        self, places: Float32[np.ndarray, "r r 2"], nobody: Bool[np.ndarray, "r r"]
    ) -> Float32[np.ndarray, "r r"]:
        """The same of pixels whose colours are at some places of the portrait."""
        px = self.cutout.to_px(places).astype(np.float32)
        person = _sampled(self.cutout.person[..., 3], px) / 255
        person[nobody] = 0
        px_per_side = np.ptp(self.cutout.to_px(np.array([[0.0, 0.0], [1.0, 1.0]])))
        least = _least_stretch(px) * len(px) / px_per_side
        least = cv2.morphologyEx(least, cv2.MORPH_CLOSE, np.ones((5, 5)))  # a line where two layers meet is no streak
        return np.asarray(person * smooth_step(*STREAKS, least), np.float32)

    def surface(self, cells: int, p: Float32[np.ndarray, "pose_dim"]) -> Surface:
        """What is seen of the portrait.

        Args:
            cells: Along each side of the crop.
            p: In which pose.
        """
        moved_X, face, front = self._moved(p)
        mouth = self._opened(moved_X, p)
        points, seen = self._drawn(front, face, mouth, Window.of(cells))
        layer = self._layer_of(seen)
        E = self._expression
        follow = np.concatenate([self._shell.follow, np.ones(E.shape[1] - len(self._shell.follow))])
        values = np.column_stack([_inside(mouth, len(points)), lifted(points), follow, *E])
        known = layer >= _SHELL
        grid = continued(seen.interpolated(values, self._triangles), known.astype(np.float32))
        expression = np.ascontiguousarray(np.moveaxis(grid[..., 6:].reshape(cells, cells, -1, 3), 2, 0))
        if JAW in self.space.names:
            with_jaw = _sampled(mouth.jaw, grid[..., :2]) * (layer == _INTERIOR)
            expression[self.space.index(JAW)] += with_jaw[..., None] * self._drop.astype(np.float32)
        eyes = (layer > _FACE) & (layer < _MOUTH)
        return Surface(grid[..., 2:5], grid[..., 5], expression, known, eyes)

    @cached_property
    def _expression(self) -> Float64[np.ndarray, "pose_dim points 3"]:
        """E of all points of the front."""
        D = displacements(self._X, self._motion, self.space, self.p_s)
        for name, opening, _ in EYES:
            p, X = self.p_s.copy(), self._X.copy()
            p[self.space.index(name)] += LITTLE
            close_eye(X, self._X, opening, closing(name, self.p_s, p, self.space))
            D[self.space.index(name), list(opening)] = (X - self._X)[list(opening)] / LITTLE
        gaze = gazes(self.space)
        eyes = [D[:, [*opening, iris]] for _, opening, iris in EYES]
        for eye in eyes:  # an eye ball turns as a whole
            eye[gaze] = eye[gaze, -1:]
        teeth = D[:, list(INNER_LIPS)].copy()  # those that the portrait shows hang from its upper lip
        for place, (upper, _) in enumerate(opposite(INNER_LIPS), 1):
            teeth[:, -place] = D[:, upper]
        inside = np.zeros((len(D), len(INNER_LIPS) + 1, 3))  # the skull's
        shell = self._shell.expression @ D[:, :MESH_POINTS]
        return np.concatenate([shell, D, *eyes, teeth, teeth.mean(1, keepdims=True), inside], axis=1)

    def _moved(self, p: Float32[np.ndarray, "pose_dim"]) -> tuple[Space, Space, Space]:
        """Landmarks with another expression, in space; they and the shell's front as the picture shows them."""
        moved_X = moved(self._X, self._motion, self.space, self.p_s, p)
        change = self._shell.expression @ (moved_X - self._X)[: self._shell.expression.shape[1]]
        front = self._turned(lifted(self._shell.front) + change, p, self._shell.follow)
        return moved_X, self._turned(moved_X, p), front

    def _paint_back(self, back: Space, window: Window) -> Float32[np.ndarray, "r r 4"]:
        seen = draw(back.astype(np.float32), self._shell.back_triangles, window)
        places = seen.interpolated(self._shell.back[:, :2], self._shell.back_triangles)
        out = _sampled(self._back_texture, self.cutout.to_px(places))
        self._show_other_side(out, seen, self._shell.back_triangles, self._other_back, self.cutout.person)
        out[seen.triangle < 0] = 0
        return out

    def _paint_front(
        self, front: Space, face: Space, moved_X: Space, p: Float32[np.ndarray, "pose_dim"], window: Window
    ) -> Float32[np.ndarray, "r r 4"]:
        mouth = self._opened(moved_X, p)
        points, seen = self._drawn(front, face, mouth, window)
        places = seen.interpolated(np.hstack([self._places(p), _inside(mouth, len(points))]), self._triangles)
        layer = self._layer_of(seen)
        shares = [closing(name, self.p_s, p, self.space) for name, _, _ in EYES]
        px = self.cutout.to_px(places[..., :2])
        texture = self._eyelids.closed(shares)
        out = _sampled(texture, px)
        self._show_other_side(out, seen, self._triangles, self._other_side(front, face), texture)
        if max(shares) > 0:
            eyes = (layer > _FACE) & (layer < _MOUTH)
            out[eyes] = _sampled(self.cutout.person, px)[eyes]
        out[layer > _SHELL, 3] = 255
        out[layer < 0] = 0
        inside = layer == _INTERIOR
        out[inside, :3] = _sampled(mouth.picture, places[..., 2:])[inside]
        self._eyelids.draw_lines(out, window, face, shares)
        return out

    def _opened(self, moved_X: Space, p: Float32[np.ndarray, "pose_dim"]) -> Opening:
        jaw = 0.0 if JAW not in self.space.names else float((p - self.space.rest)[self.space.index(JAW)])
        return self._mouth.opened(moved_X, jaw * self._drop)

    def _drawn(self, front: Space, face: Space, mouth: Opening, window: Window) -> tuple[Space, Seen]:
        """All points of the front, and what is seen of its triangles."""
        points = _with_openings(front, face, self.cutout.points, mouth.kept)
        return points, draw(points.astype(np.float32), self._triangles, window)

    def _layer_of(self, seen: Seen) -> Int32[np.ndarray, "r r"]:
        """Of which layer each pixel of the front is; -1 where it is of none."""
        return np.where(seen.triangle >= 0, self._layer[np.maximum(seen.triangle, 0)], -1)

    def _show_other_side(
        self,
        out: Float32[np.ndarray, "r r 4"],
        seen: Seen,
        triangles: Int32[np.ndarray, "triangles 3"],
        other: Float64[np.ndarray, "points 3"],
        texture: Float32[np.ndarray, "wide wide 4"],
    ) -> None:
        """Colours of the head's other side, in place.

        Args:
            out: The picture.
            seen: What it shows of the mesh.
            triangles: The mesh's.
            other: Where in the portrait each point's colour is on the other side, and its share.
            texture: The portrait.
        """
        taken = (other[:, 2] > 0)[triangles].any(1)
        if not taken.any():
            return
        there = (seen.triangle >= 0) & taken[seen.triangle]
        part = Seen(np.where(there, seen.triangle, -1), seen.share)
        places = part.interpolated(other, triangles)
        out[..., :3] += places[..., 2:] * (_sampled(texture, self.cutout.to_px(places[..., :2])) - out)[..., :3]

    def _places(self, p: Float32[np.ndarray, "pose_dim"]) -> Float64[np.ndarray, "points 2"]:
        """Where in the portrait each point's colour is."""
        face = self.cutout.points.copy()
        openings = _with_openings(self._shell.front, face, face)[len(self._shell.front) + POINTS :, :2]
        for name, opening, _ in EYES:
            close_eye(face, self.cutout.points, opening, max(closing(name, self.p_s, p, self.space), 0.0))
        return np.concatenate([self._shell.front[:, :2], face[:, :2], openings])

    def _turned(
        self, X: Space, p: Float32[np.ndarray, "pose_dim"], follow: Float64[np.ndarray, "points"] | None = None
    ) -> Space:
        """Points in space as the picture shows them when the head is turned."""
        R = rotation(p, self.space) @ rotation(self.p_s, self.space).T
        pivot = lifted(self.pivot[None])
        turned = (X - pivot) @ R.T + pivot
        return projected(turned if follow is None else X + follow[:, None] * (turned - X))

    def _facing(self, *parts: Space) -> Float64[np.ndarray, "points"]:
        return facing_of_ball(lifted(np.concatenate(parts)), lifted(self.pivot[None])[0])

    def _other_side(self, front: Space, face: Space) -> Float64[np.ndarray, "points 3"]:
        """Where in the portrait the front has its colours on the head's other side, and their share."""
        other = self._other_front.copy()
        other[: len(self._own_facing), 2] *= smooth_step(*TURNED, self._facing(front, face) - self._own_facing)
        return other

    def _other_sides(self) -> tuple[Float64[np.ndarray, "fronts 3"], Float64[np.ndarray, "backs 3"]]:
        """For all points of front and back: where in the portrait the head's other side has them, and its share."""
        R, pivot = rotation(self.p_s, self.space), lifted(self.pivot[None])[0]
        mouth, pairs = self.cutout.points[UPPER_LIP, 1], other_side()
        outline, hidden = self._X[list(OVAL)], self._hidden_by_face()
        amiss = self._X[pairs[list(OVAL)]] - mirrored(outline, pivot, R)

        def other(X: Space, there: Space, facing: Float64[np.ndarray, "points"]) -> Float64[np.ndarray, "points 3"]:
            return np.column_stack([projected(there)[:, :2], share_of_other(X, there, facing)])

        def around(shell: Space) -> Float64[np.ndarray, "points 3"]:
            X = lifted(shell)
            near = np.exp(-np.square(np.linalg.norm(X[:, None] - outline, axis=2) / NEAR))
            there = mirrored(X, pivot, R) + near @ amiss / np.maximum(near.sum(1, keepdims=True), 1)
            found = other(X, there, self._facing(shell))
            found[:, 2] *= 1 - smooth_step(mouth - ABOVE_MOUTH, mouth, shell[:, 1])
            x, y = np.clip(shell[:, :2] * HIDDEN_PX, 0, HIDDEN_PX - 1).astype(int).T
            found[:, 2] = np.maximum(found[:, 2], share_of_other(X, there, 1.0 - hidden[y, x]))
            return found

        face = other(self._X, self._X[pairs], facing_of_mesh(self._X, self._face))
        face[[*RIGHT_EYE, *LEFT_EYE], 2] = 0  # they move in the portrait when an eye is closed
        openings = np.zeros((sum(len(opening) + 1 for opening in _OPENINGS), 3))
        return np.concatenate([around(self._shell.front), face, openings]), around(self._shell.back)

    def _hidden_by_face(self) -> UInt8[np.ndarray, "256 256"]:
        """1 where the portrait shows the face, and nothing that lies behind it."""
        seen = draw(self.cutout.points.astype(np.float32), self._face, Window.of(HIDDEN_PX))
        return np.asarray(cv2.dilate((seen.triangle >= 0).astype(np.uint8), np.ones((3, 3))))

    def _front_mesh(self) -> tuple[Int32[np.ndarray, "triangles 3"], Int32[np.ndarray, "triangles"]]:
        """Triangles of all layers, and of which one each is."""
        face = len(self._shell.front)
        parts = [self._shell.front_triangles, self._face + face]
        first = face + POINTS
        for place, opening in enumerate(_OPENINGS):
            parts.append(first + (_strip if place == _TEETH else _fan)(len(opening)))
            first += len(opening) + 1
        layer = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
        return np.concatenate(parts).astype(np.int32), layer


def relief_of(bundle: Bundle, cutout: Cutout, p_s: Float32[np.ndarray, "pose_dim"]) -> Relief | None:
    """A portrait's relief; None where the bundle cannot move faces or paints no opacity. Takes about a second.

    Args:
        bundle: The model.
        cutout: The portrait.
        p_s: Its pose; limited, as it is wherever it is painted.
    """
    if bundle.face_motion is None or bundle.channels != 4:
        return None
    return Relief(cutout, bundle.pose_space.soft_clip(p_s), bundle.face_motion, bundle.pose_space)


def _fan(count: int) -> Int32[np.ndarray, "triangles 3"]:
    """A ring of points as triangles around its middle, which follows them."""
    ring = np.arange(count, dtype=np.int32)
    return np.stack([ring, np.roll(ring, -1), np.full_like(ring, count)], 1)


def _strip(count: int) -> Int32[np.ndarray, "triangles 3"]:
    """The same ring as triangles between its two halves: what lies along a lip is not filled up to its middle."""
    upper = np.arange(count // 2 + 1, dtype=np.int32)
    lower = -upper % count
    left, right = slice(None, -1), slice(1, None)
    return np.concatenate(
        [
            np.stack([upper[left], upper[right], lower[left]], 1),
            np.stack([upper[right], lower[right], lower[left]], 1),
        ]
    )


def _with_openings(shell: Space, face: Space, portrait: Space, kept: float = 1.0) -> Space:
    """All points of the front: shell, face, and for each opening its edge and its middle, a little behind it.

    Args:
        shell: The shell's front.
        face: The landmarks.
        portrait: The landmarks in the portrait; the teeth that it shows keep their distance from the upper lip.
        kept: How much of what it shows between its lips is left.
    """
    parts = [shell, face]
    for _, opening, iris in EYES:
        eye = face[[*opening, iris]]
        # Flat, so that no iris comes through a closed lid.
        eye[:, 2] = eye[:-1, 2].max() + BEHIND_FACE
        parts.append(eye)
    lips = face[list(INNER_LIPS)]
    teeth = lips.copy()
    for place, (upper, lower) in enumerate(opposite(INNER_LIPS), 1):
        teeth[-place] = face[upper] + kept * (portrait[lower] - portrait[upper])
    lips[:, 2] = lips[:, 2].max() + BEHIND_FACE
    for ring in (teeth, lips):
        parts.append(np.vstack([ring, ring.mean(0)]) + np.array((0, 0, BEHIND_FACE)))
    return np.concatenate(parts)


def _inside(mouth: Opening, count: int) -> Float64[np.ndarray, "points 2"]:
    """Where in the pictures of the mouth's inside each of so many points of the front is; 0 where it is in none."""
    places = np.zeros((count, 2))
    places[-len(mouth.places) :] = mouth.places
    return places


def _least_stretch(px: Float32[np.ndarray, "r r 2"]) -> Float32[np.ndarray, "r r"]:
    """How far places move at least for a step of one pixel, whatever its direction: the smaller singular value."""
    across, down = (cv2.Sobel(px, -1, x, 1 - x, ksize=1, scale=0.5) for x in (1, 0))
    squares = np.square(across).sum(-1) + np.square(down).sum(-1)
    area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    return np.asarray(np.sqrt(np.maximum(squares - np.sqrt(np.maximum(squares**2 - 4 * area**2, 0)), 0) / 2))


def _sampled(
    texture: Float32[np.ndarray, "height width *channels"], px: Float32[np.ndarray, "r r 2"]
) -> Float32[np.ndarray, "r r *channels"]:
    x, y = np.moveaxis(px.astype(np.float32), -1, 0)
    out: Float32[np.ndarray, "r r *channels"]
    out = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out
