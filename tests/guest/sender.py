"""The program's virtual camera alone; all of it takes an emulated processor minutes to load: `sender.py LOCKS`.

It stops when it is loaded, and opens the camera when it is told to go on.
"""

import logging
import os
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from hands import BACKDROP, SIZE_WH

from puppet.values import Moment, Picture
from puppet.virtual_camera import VirtualCamera

FPS = 10


def main(locks: Path) -> None:
    logging.basicConfig(level=logging.INFO)
    picture = np.full((SIZE_WH[1], SIZE_WH[0], 3), BACKDROP, np.uint8)
    picture[100:260, 240:320] = 255  # something in the middle
    os.kill(os.getpid(), signal.SIGSTOP)
    camera = VirtualCamera(None, locks)
    camera.open(SIZE_WH, Fraction(FPS))
    while True:
        camera.send(Picture(picture, Moment(0, 0.0, 0.0)))
        time.sleep(1 / FPS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
