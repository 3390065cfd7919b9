"""What can go wrong for a user of puppet; the text of each error is the sentence that the user reads.

    PuppetError
    ├── PictureError    a picture file is missing, damaged, or of the wrong kind
    │   └── PortraitError   the source portrait shows no usable face
    ├── CameraError     the camera or clip cannot be opened or read
    │   └── NoFaceError     the clip shows no face at all
    ├── SinkError       an output cannot be written
    ├── BundleError     the model bundle is missing, damaged, or does not fit this program
    ├── StageError      a stage of a run fails again and again
    ├── StuckError      a run was ended while a part of it hangs
    ├── PoseError       a pose names what the model does not have
    ├── RemoteError     remote control cannot be had, or does not understand
    ├── AvatarError     an avatar cannot be made or stored, is damaged or belongs to another bundle
    ├── VerifyError     a file in which the mark is looked for cannot be read
    └── Cancelled       the user called an enrolment off

`engines.base.EngineError` is the other root. Absence is a value (no face: None), failure is an exception.
"""

from __future__ import annotations


class PuppetError(Exception):
    """Root of all errors of this package: expected, got, what to do, in one or two sentences."""


class PictureError(PuppetError):
    """A picture file is missing, damaged, or of the wrong kind."""


class PortraitError(PictureError):
    """The source portrait shows no usable face."""


class CameraError(PuppetError):
    """The camera or clip cannot be opened or read."""


class NoFaceError(CameraError):
    """The clip shows no face at all."""


class SinkError(PuppetError):
    """An output cannot be written."""


class BundleError(PuppetError):
    """The model bundle is missing, damaged, or does not fit this program."""


class StageError(PuppetError):
    """A stage of a run fails again and again."""


class StuckError(PuppetError):
    """A run was ended while a part of it hangs; nothing that the run uses may be closed before the process ends."""


class PoseError(PuppetError):
    """A pose names what the model does not have."""


class RemoteError(PuppetError):
    """Remote control cannot be had, or does not understand."""


class AvatarError(PuppetError):
    """An avatar cannot be made or stored, is damaged or belongs to another bundle."""


class VerifyError(PuppetError):
    """A file in which the mark is looked for cannot be read."""


class Cancelled(PuppetError):
    """The user called an enrolment off."""
