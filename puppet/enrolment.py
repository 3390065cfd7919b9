"""Portrait file -> Avatar: read, find the face, check, align, encode, perhaps tune; or load what was enrolled before.

The encoder gives the pose-free code c = w_s − A p̃_s of an aligned crop; the pose graph gives p_s. In the look `photo` a
copy of the generator is then tuned on the crop, in a child process; see puppet.inversion. Meanwhile the avatar as it
would be in the look `avatar` can be used: whoever listens is given it.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from engines.base import Engine
from puppet.alignment import Square, align, as_seen_by, resize
from puppet.avatar import Avatar, Tuned, load_avatar, save_avatar, stored_crops, stored_name, stored_surroundings
from puppet.bundle import Bundle, TuningKind
from puppet.colouring import Colours, coloured, painted_colours, portrait_colours
from puppet.cutout import Cutout, cut_out
from puppet.errors import AvatarError, PictureError
from puppet.likeness import Likeness, similarity
from puppet.portrait_checks import check_faces, check_sharpness, sharpness
from puppet.pose import Reading, pose_reader
from puppet.preflight import Preflight, examine
from puppet.rehearsal import rehearse
from puppet.relief import Relief, relief_of
from puppet.residual import find_detail
from puppet.rest import pose_free_code, preview_of, rest_code
from puppet.settings import Look
from puppet.shaping import Components, components_of, shaped
from puppet.stills import decode_still, read_content, read_still
from puppet.surroundings import Surroundings, cut_again, cut_exactly, cut_surroundings
from puppet.synthesis import Synthesis
from puppet.tracker import PortraitTracker
from puppet.tuning import Progress, Tuning
from puppet.values import Picture
from puppet.views import Views, portrait_views
from puppet.weights_difference import difference

CROP_PX = 512
"""Sides of the stored crop."""

News = Progress | Preflight | Avatar
"""What is heard during an enrolment: how far a tuning is; the portrait's scores, as soon as its face was read; and the
avatar to use while its generator is tuned, which is stored nowhere."""

Tell = Callable[[News], None]
"""Called on the thread that enrols."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A portrait to enrol.

    Attributes:
        rgb: The picture.
        path: Its file, for error messages.
        sha256: Hash of the portrait's file.
        name: What the user knows it by.
        known: It was enrolled before, so a face is all that it has to show.
        around: What is around the crop where the portrait is one that was enrolled before; None where it is lost.
        stood: Whether it stood upright in its file.
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    path: Path
    sha256: str
    name: str
    known: bool = False
    around: Surroundings | None = None
    stood: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Faced:
    """What was read from a portrait's face.

    Attributes:
        crop: The aligned crop.
        p_s: Its pose.
        code: c.
        around: What is around it in the portrait.
    """

    crop: UInt8[np.ndarray, "side side 3"]
    p_s: Float32[np.ndarray, "pose_dim"]
    code: Float32[np.ndarray, "num_ws w_dim"]
    around: Surroundings


class Enrolment:
    """Enrols portraits with one bundle. One thread enrols; any may `cancel`, and then nothing more is enrolled."""

    def __init__(
        self, bundle: Bundle, open_graph: Callable[..., Engine], folder: Path, tuning: TuningKind | None = None
    ) -> None:
        """Compose the parts.

        Args:
            bundle: The model.
            open_graph: Opens a graph of the bundle, with other `weights` where it is given some; called only while a
                portrait is enrolled.
            folder: Where avatars are stored.
            tuning: How portraits are tuned; None leaves it to the bundle.
        """
        self._bundle = bundle
        self._wanted = tuning
        self._open = open_graph
        self._folder = folder
        self._tuning = Tuning()

    def avatar_of(self, portrait: Path, look: Look = "avatar", tell: Tell = lambda news: None) -> Avatar:
        """The avatar of a portrait: loaded if it was enrolled before, else enrolled and stored.

        A damaged avatar is made again, and one that was tuned in another way than is asked for.

        Args:
            portrait: A picture file.
            look: How it becomes an avatar; a character that comes with the model is one already.
            tell: Hears what there is to say on the way.

        Raises:
            PictureError: The portrait cannot be read.
            PortraitError: It shows no usable face.
            AvatarError: The avatar cannot be made or stored.
            Cancelled: `cancel` was called meanwhile.
            EngineError: An engine failed.
        """
        content = read_content(portrait)
        sha256 = hashlib.sha256(content).hexdigest()
        look = self._possible(sha256, look)
        avatar = self._loaded(sha256, look)
        if avatar is None or (avatar.tuned is not None and self._wanted not in (None, avatar.tuned.tuning)):
            source = Source(decode_still(content, portrait), portrait, sha256, portrait.stem)
            avatar = self._enrol(source, look, tell)
        return avatar

    def stored(self, portrait_sha256: str, look: Look = "avatar", tell: Tell = lambda news: None) -> Avatar | None:
        """The avatar of a portrait that was enrolled before, without the portrait's file; None when nothing is left.

        A damaged avatar, or one of another bundle, is made again from its crop.

        Args:
            portrait_sha256: Hash of the portrait's file.
            look: How it became an avatar; a character that is made again is one in any case.
            tell: Hears what there is to say on the way.

        Raises:
            AvatarError: The avatar that was made again cannot be stored.
            Cancelled: `cancel` was called meanwhile.
            EngineError: An engine failed.
        """
        avatar = self._loaded(portrait_sha256, look)
        for crop in () if avatar is not None else stored_crops(self._folder, portrait_sha256):
            try:
                name = stored_name(self._folder, portrait_sha256)
                source = Source(read_still(crop), crop, portrait_sha256, name, True, stored_surroundings(crop))
                return self._enrol(source, look, tell)
            except PictureError as error:
                _log.warning("%s", error)
        return avatar

    def known(self, portrait_sha256: str, look: Look) -> Avatar | None:
        """The stored avatar of a portrait; None where it has to be made first, or anew since it is damaged."""
        return self._loaded(portrait_sha256, look)

    def rehearse(self, avatar: Avatar, side_px: int, fps: float) -> Iterator[Picture]:
        """An avatar that moves by itself for three seconds; see puppet.rehearsal. Shares no engine with a run.

        Args:
            avatar: Enrolled with this bundle.
            side_px: Sides of the pictures.
            fps: Pictures a second.

        Raises:
            EngineError: The engine failed.
        """
        with closing(self._painter(avatar.tuned)) as synthesis:
            yield from rehearse(self._bundle, synthesis, avatar, side_px, fps)

    def cancel(self) -> None:
        """End at once, without a result."""
        self._tuning.cancel()

    def _possible(self, sha256: str, look: Look) -> Look:
        """The look that a portrait can have: there is nothing to tune for a character, whose code is exact."""
        return "avatar" if sha256 in self._bundle.characters else look

    def _loaded(self, sha256: str, look: Look) -> Avatar | None:
        try:
            return load_avatar(self._folder, sha256, self._bundle, look)
        except AvatarError as error:
            _log.warning("%s", error)
            return None

    def _enrol(self, source: Source, look: Look, tell: Tell) -> Avatar:
        """Enrol and store. A character of the bundle has an exact code; its portrait is the aligned crop already."""
        character = self._bundle.characters.get(source.sha256)
        if character is not None:
            side = len(source.rgb)
            around = cut_surroundings(source.rgb, Square(side / 2, side / 2, side))
            faced = Faced(resize(source.rgb, CROP_PX), character.p_s, character.code, around)
        else:
            faced, cutout = self._face(source, tell)
        self._tuning.refuse_cancelled()
        with closing(self._painter(None)) as engine:
            synthesis = Synthesis(engine)
            if character is None:
                faced = self._resembling(faced, cutout.points, synthesis)
            plain = self._avatar(source, faced, synthesis)
        if self._possible(source.sha256, look) == "avatar":
            return self._keep(plain)
        tell(plain)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".tuning-", dir=self._folder) as scratch:
                relief = cache(partial(relief_of, self._bundle, cutout, faced.p_s))
                tuned = self._tune(faced, cutout, relief, Path(scratch), tell)
                exact = replace(faced, around=cut_exactly(faced.around, cutout))
                with closing(self._painter(tuned)) as engine:
                    return self._keep(self._avatar(source, exact, Synthesis(engine), tuned, relief()))
        except OSError as error:
            raise AvatarError(
                f"the portrait cannot be tuned in {self._folder} ({error.strerror}); try --data-dir"
            ) from error

    def _face(self, source: Source, tell: Tell) -> tuple[Faced, Cutout]:
        """Find, check, read, align and encode the face; also cut it out."""
        with closing(PortraitTracker()) as tracker:
            if source.known:
                rgb, faces = source.rgb, tracker.find_all(source.rgb)
            else:
                rgb, faces = tracker.find_upright(source.rgb)
        if rgb is not source.rgb:
            source = replace(source, rgb=rgb, stood=False)
        if not (source.known and faces):
            check_faces([face.landmarks_px for face in faces], source.path)
        with closing(self._open(self._bundle.pose_path)) as engine:
            reading = pose_reader(engine, self._bundle.squares, self._bundle.lips).read(faces[0])
        if not source.known:
            check_sharpness(source.rgb, faces[0].landmarks_px, reading.square, source.path)
        crop = align(source.rgb, reading.square, CROP_PX)
        cutout = cut_out(source.rgb, reading.square, faces[0].landmarks_px, CROP_PX)
        if not source.known:
            points_px = (cutout.points[:, :2] * CROP_PX).astype(np.float32)
            tell(self._preflight(source, reading, faces[0].landmarks_px, crop, points_px))
        with closing(self._open(self._bundle.checked(self._bundle.encoder_path))) as encoder:
            code = encoder.run({"picture": as_seen_by(encoder, crop)})["c"][0].copy()
        if self._bundle.codes_are_posed:
            code = pose_free_code(self._bundle, code, reading.p)
        if source.around is None:
            around = cut_surroundings(source.rgb, reading.square, faces[0].landmarks_px[:, :2])
        else:
            around = cut_again(source.around, reading.square, len(source.rgb))
        return Faced(crop, reading.p, code, around), cutout

    def _resembling(self, faced: Faced, points: Float64[np.ndarray, "478 3"], synthesis: Synthesis) -> Faced:
        """With the portrait's shape and colours, where the model says how its codes get them."""
        bundle, code = self._bundle, faced.code
        if bundle.channels != 4:
            return faced

        def painted(code: Float32[np.ndarray, "num_ws w_dim"]) -> UInt8[np.ndarray, "r r channels"]:
            return synthesis.paint(rest_code(bundle, code, faced.p_s))

        if (shaping := bundle.shaping) is not None:
            with closing(PortraitTracker()) as tracker:

                def components(code: Float32[np.ndarray, "num_ws w_dim"]) -> Components | None:
                    picture = painted(code)
                    face = tracker.find(np.ascontiguousarray(picture[..., :3]))
                    return None if face is None else components_of(face.landmarks_px / len(picture), shaping)

                code = shaped(code, components_of(points, shaping), shaping, components)
        if bundle.colouring is not None:

            def colours(code: Float32[np.ndarray, "num_ws w_dim"]) -> Colours:
                return painted_colours(painted(code), points[:, :2])

            code = coloured(code, portrait_colours(faced.crop, points[:, :2]), bundle.colouring, colours)
        return replace(faced, code=code)

    def _tune(
        self, faced: Faced, cutout: Cutout, relief: Callable[[], Relief | None], folder: Path, tell: Tell
    ) -> Tuned:
        bundle, tuning = self._bundle, self._wanted or self._bundle.tuning

        def draw() -> Views:
            return portrait_views(bundle, cutout, faced.code, faced.p_s, relief() if tuning == "views" else None)

        weights = self._tuning.run(bundle, draw, folder, tuning, tell)
        packed = difference(bundle.generator_path.read_bytes(), weights.read_bytes())
        return Tuned(packed, hashlib.sha256(packed).hexdigest(), tuning)

    def _preflight(
        self,
        source: Source,
        reading: Reading,
        face_px: Float32[np.ndarray, "478 3"],
        crop: UInt8[np.ndarray, "side side 3"],
        points_px: Float32[np.ndarray, "478 2"],
    ) -> Preflight:
        yaw, pitch, roll = (float(reading.p[self._bundle.pose_space.index(name)]) for name in ("yaw", "pitch", "roll"))
        preflight = examine(
            crop,
            points_px,
            height_px=float(np.ptp(face_px[:, 1])),
            sharpness=sharpness(source.rgb, face_px, reading.square),
            angles_deg=(yaw, pitch, roll),
            stood=source.stood,
        )
        _log.info("%s: %s", source.name, preflight.to_line())
        return preflight

    def _avatar(
        self,
        source: Source,
        faced: Faced,
        synthesis: Synthesis,
        tuned: Tuned | None = None,
        relief: Relief | None = None,
    ) -> Avatar:
        """Paint it once and compare it with the portrait; a relief has its detail."""
        self._tuning.refuse_cancelled()

        def paint(p: Float32[np.ndarray, "pose_dim"]) -> UInt8[np.ndarray, "r r channels"]:
            return synthesis.paint(rest_code(self._bundle, faced.code, p))

        portrait = paint(faced.p_s).copy()
        detail = None if relief is None else find_detail(relief, paint)
        preview = preview_of(self._bundle, portrait, faced.crop, faced.p_s, detail)
        return Avatar(
            faced.code, faced.p_s, faced.crop, preview, source.sha256, self._bundle.sha256,
            source.name, tuned, self._likeness(faced.crop, preview), faced.around, detail,
        )  # fmt: skip

    def _keep(self, avatar: Avatar) -> Avatar:
        """Store it."""
        self._tuning.refuse_cancelled()
        save_avatar(avatar, self._folder)
        return avatar

    def _painter(self, tuned: Tuned | None) -> Engine:
        """What paints an avatar; the caller closes it."""
        own = {} if tuned is None else {"weights": tuned.weights(self._bundle)}
        return self._open(self._bundle.synthesis_path, **own)

    def _likeness(self, crop: UInt8[np.ndarray, "side side 3"], preview: UInt8[np.ndarray, "r r 3"]) -> Likeness | None:
        path, scale = self._bundle.identity_path, self._bundle.identity
        if path is None or scale is None:
            return None
        with closing(self._open(self._bundle.checked(path))) as engine:
            return Likeness(similarity(engine, resize(crop, len(preview)), preview), scale.strangers)
