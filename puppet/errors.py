"""What can go wrong for a user of puppet; the text of each error is the sentence that the user reads.

    PuppetError
    ├── PictureError    a picture file is missing, damaged, or of the wrong kind
    │   └── PortraitError   the source portrait shows no usable face
    ├── CameraError     the camera or clip cannot be opened or read, or shows no face at all
    ├── SinkError       an output cannot be written
    ├── BundleError     the model bundle is missing, damaged, or does not fit this program
    ├── AvatarError     an avatar cannot be made or stored, is damaged or belongs to another bundle
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
    """The camera or clip cannot be opened or read, or shows no face at all."""


class SinkError(PuppetError):
    """An output cannot be written."""


class BundleError(PuppetError):
    """The model bundle is missing, damaged, or does not fit this program."""


class AvatarError(PuppetError):
    """An avatar cannot be made or stored, is damaged or belongs to another bundle."""


class Cancelled(PuppetError):
    """The user called an enrolment off."""
