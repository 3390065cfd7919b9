"""Plays a clip into a virtual camera, over and over: `feed.py CLIP DEVICE`."""

import itertools
import sys

import av
import pyvirtualcam

FPS = 10
"""Slower than the clip: the guest's processor is."""


def main(clip: str, device: str) -> None:
    with av.open(clip) as container:
        video = container.streams.video[0]
        with pyvirtualcam.Camera(video.width, video.height, FPS, device=device) as camera:
            for _ in itertools.count():
                for frame in container.decode(video=0):
                    camera.send(frame.to_ndarray(format="rgb24"))
                    camera.sleep_until_next_frame()
                container.seek(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
