"""What Chromium's fake devices show and play: the portrait of the example as a film, and its voice."""

import wave
from fractions import Fraction

import av
import numpy as np

from emorec.ui import example

SIZE = (640, 480)


def camera(path):
    """A film of the portrait as Motion JPEG, which Chromium plays over and over."""
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
        stream.options = {"q:v": "3"}
        for number, image in enumerate(example.pictures()):
            if number >= example.FACE_GONE * example.FRAME_RATE:
                break
            frame = av.VideoFrame.from_image(image.resize(SIZE))
            frame.pts, frame.time_base = number, Fraction(1, 20)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def microphone(path):
    """The example's voice as a WAV file, which Chromium plays over and over."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(example.SAMPLE_RATE)
        file.writeframes((32767 * np.clip(example.voice(), -1, 1)).astype("<i2").tobytes())
    return path


def arguments(folder):
    """Arguments for Chromium, with the files in a folder."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera(folder / 'camera.mjpeg')}",
        f"--use-file-for-fake-audio-capture={microphone(folder / 'microphone.wav')}",
    ]
