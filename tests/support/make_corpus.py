"""A tiny corpus drawn for the tests of training: happy and sad people whose faces and voices can be distinguished."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from emorec.face.alignment import FRAMING
from emorec.face.detection import Face

LABELS = ("happy", "sad")
PEOPLE = ("anna", "bert", "carl")
SIDE = 96  # pixels of a video's picture
RATE = 16_000  # Hz
FACE_RATE = 10  # pictures a second
PITCH = {"happy": 400.0, "sad": 180.0}  # Hz


class MiddleFace:
    """A detector that finds one face in the middle of every picture that is not dark."""

    name = "the middle"

    def detect(self, image, side=None):
        """A Face whose crop is the middle half of the picture."""
        height, width = image.shape[:2]
        if image.mean() < 40:
            return []
        box = np.array([width / 4, height / 4, width / 2, height / 2], np.float32)
        return [Face(box, box[:2] + FRAMING * box[2:], 0.9)]


def face(label, person, take=0, side=48):
    """A drawn face (side, side) uint8: its mouth bends up or down; skin and place vary with person and take."""
    random = np.random.default_rng([PEOPLE.index(person), take])
    image = np.full((side, side), 40, np.uint8)
    unit, x, y = side / 48, side / 2 + random.uniform(-1, 1), side / 2 + random.uniform(-1, 1)

    def place(dx, dy):
        return round(x + dx * unit), round(y + dy * unit)

    cv2.ellipse(image, place(0, 0), (round(16 * unit), round(20 * unit)), 0, 0, 360, 150 + 20 * len(person), -1)
    for dx in (-7, 7):
        cv2.circle(image, place(dx, -6), max(1, round(2 * unit)), 30, -1)
    arc = (0, 180) if label == "happy" else (180, 360)
    height = 6 if label == "happy" else 13
    cv2.ellipse(image, place(0, height), (round(8 * unit), round(6 * unit)), 0, *arc, 20, max(1, round(2 * unit)))
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def voice(label, person, take=0, seconds=2.0):
    """A drawn voice, float32 at RATE: overtones of a pitch that rises when happy, in syllables."""
    random = np.random.default_rng([PEOPLE.index(person), take, 1])
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = PITCH[label] * random.uniform(0.95, 1.05) * (1 + (0.1 if label == "happy" else -0.1) * time / seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wave_form = sum(np.sin(k * phase) / k for k in range(1, 8))
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    return (0.2 * wave_form * syllables + random.normal(0, 0.002, len(time))).astype(np.float32)


def pictures(folder, takes=4, people=True, side=48):
    """LABEL/PERSON/TAKE.png, or LABEL/PERSON-TAKE.png without ``people``."""
    for label in LABELS:
        for person in PEOPLE:
            for take in range(takes):
                name = f"{person}/{take}.png" if people else f"{person}-{take}.png"
                path = Path(folder, label, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), face(label, person, take, side))
    return Path(folder)


def recordings(folder, takes=3):
    """Wave files LABEL/PERSON/TAKE.wav."""
    for label in LABELS:
        for person in PEOPLE:
            for take in range(takes):
                path = Path(folder, label, person, f"{take}.wav")
                path.parent.mkdir(parents=True, exist_ok=True)
                with wave.open(str(path), "wb") as out:
                    out.setparams((1, 2, RATE, 0, "NONE", ""))
                    out.writeframes((voice(label, person, take) * 32767).astype("<i2").tobytes())
    return Path(folder)


def videos(folder, takes=2, seconds=2.0, suffix=".mp4"):
    """LABEL/PERSON/TAKE.mp4 with a face in the middle and a voice."""
    for label in LABELS:
        for person in PEOPLE:
            for take in range(takes):
                video(Path(folder, label, person, f"{take}{suffix}"), label, person, take, seconds)
    return Path(folder)


def video(path, label, person, take=0, seconds=2.0):
    """One recording of a drawn person."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264" if path.suffix != ".flv" else "flv1", rate=FACE_RATE)
        picture.width = picture.height = SIDE
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("aac" if path.suffix != ".flv" else "libmp3lame", rate=44_100, layout="mono")
        for number in range(round(seconds * FACE_RATE)):
            image = np.full((SIDE, SIDE), 60, np.uint8)
            quarter = SIDE // 4
            image[quarter:-quarter, quarter:-quarter] = face(label, person, 100 * take + number)
            frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FACE_RATE)
            container.mux(picture.encode(frame))
        wave_form = voice(label, person, take, seconds)
        frame = av.AudioFrame.from_ndarray(wave_form[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=44_100, frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path
