"""Recordings for the measurements: a moving portrait with a synthesised voice; long ones repeat its packets."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from emorec.ui.example import PORTRAIT, SYLLABLE, VOWELS, syllable

SAMPLE_RATE = 16_000  # Hz, of the synthesised voice
SOUND_RATE = 48_000  # Hz, of the encoded sound, as in most recordings
FRAME_RATE = 30
SPOKEN_SHARE = 0.8  # of the time; the rest are pauses
NOISE = 1.5  # deviation of the pictures' noise, of 255
ONCE = 12.0  # seconds that are encoded at most; the rest repeats them
SENTENCE = 4.0  # seconds from the start of one sentence to the next


def record(path, size, seconds):
    """Write an mp4 (H.264, AAC) of ``size`` (width, height; pixels) at 30 pictures a second."""
    with av.open(str(path), "w") as container:
        # x264's own default: its faster presets use one reference picture, so decoding could skip every second picture.
        video = container.add_stream("libx264", rate=FRAME_RATE, options={"preset": "medium", "crf": "23"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for number, image in enumerate(_pictures(size, seconds)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        resampler = av.AudioResampler("fltp", "stereo", SOUND_RATE, frame_size=1024)
        voice = av.AudioFrame.from_ndarray(_voice(seconds)[None], format="fltp", layout="mono")
        voice.sample_rate = SAMPLE_RATE
        for frame in [*resampler.resample(voice), *resampler.resample(None)]:
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def repeat(source, path, seconds, kinds=("video", "audio")):
    """Repeat the packets of a recording, without encoding them again, until it is ``seconds`` long."""
    with av.open(str(path), "w") as out:
        with av.open(str(source)) as container:
            streams = {s.index: out.add_stream_from_template(s) for s in container.streams if s.type in kinds}
        begin = Fraction(0)
        while begin < seconds:
            end = begin
            with av.open(str(source)) as container:
                for packet in container.demux():
                    if not packet.size or packet.stream_index not in streams:
                        continue
                    late = round(begin / packet.time_base)
                    if begin + packet.pts * packet.time_base >= seconds:
                        continue
                    end = max(end, begin + (packet.pts + (packet.duration or 0)) * packet.time_base)
                    packet.pts, packet.dts = packet.pts + late, packet.dts + late
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
            begin = end
    return path


def _pictures(size, seconds):
    """A portrait that moves and turns a little in front of a room, with the noise of a camera."""
    width, height = size
    random = np.random.default_rng(0)
    side = round(0.95 * height)
    portrait = Image.open(PORTRAIT).convert("RGB")
    crop = min(portrait.size)
    portrait = portrait.crop(((portrait.width - crop) // 2, 0, (portrait.width + crop) // 2, crop))
    portrait = portrait.resize((side, side), Image.Resampling.BICUBIC)
    patches = random.integers(60, 180, (9, 16, 3), np.uint8)
    room = Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)
    noise = [random.normal(0, NOISE, (height, width, 1)) for _ in range(4)]
    for number in range(round(seconds * FRAME_RATE)):
        time = number / FRAME_RATE
        near = round(side * (0.9 + 0.08 * np.sin(2 * np.pi * time / 6)))
        turned = portrait.rotate(5 * np.sin(2 * np.pi * time / 4), Image.Resampling.BILINEAR)
        picture = room.copy()
        left = round((width - near) * (0.5 + 0.25 * np.sin(2 * np.pi * time / 5)))
        top = round((height - near) * (0.5 + 0.4 * np.sin(2 * np.pi * time / 3)))
        picture.paste(turned.resize((near, near), Image.Resampling.BILINEAR), (left, top))
        yield np.clip(np.asarray(picture) + noise[number % len(noise)], 0, 255).astype(np.uint8)


def _voice(seconds):
    """Sentences of syllables with pauses between them, float32 at SAMPLE_RATE."""
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    count = 0
    for begin in np.arange(0, seconds, SENTENCE):
        for start in np.arange(begin, min(begin + SPOKEN_SHARE * SENTENCE, seconds - SYLLABLE), SYLLABLE):
            sound = syllable(VOWELS[count % len(VOWELS)], 190 + 50 * np.sin(1.7 * count))
            at = round(start * SAMPLE_RATE)
            samples[at : at + len(sound)] += sound[: len(samples) - at]
            count += 1
    return samples


def media(folder, wanted):
    """Make recordings {name: (size, seconds, kinds)} in ``folder``; returns {name: path}. One is encoded per size."""
    encoded, paths = {}, {}
    for name, (size, seconds, kinds) in wanted.items():
        if size not in encoded:
            once = min(ONCE, max(long for other, long, _ in wanted.values() if other == size))
            encoded[size] = record(Path(folder) / f"once_{size[1]}.mp4", size, once)
        suffix = "mp4" if "video" in kinds else "m4a"
        paths[name] = repeat(encoded[size], Path(folder) / f"{name}.{suffix}", seconds, kinds)
    return paths
