"""How well a live session keeps up: ``python -m benchmarks.live``.

A portrait under a moving camera and a synthetic voice, in real time, as a camera at 640 x 480 with 15 pictures a second
gives them. It prints the pictures judged per second, how old the newest one in the result is, and the processor time.
"""

import argparse
import os
import threading
import time

import numpy as np

from emorec import analyzer
from emorec.live import Live
from emorec.ui import example

SIZE = (640, 480)
WARM_UP = 3.0  # seconds that are not measured: the networks are prepared
CAMERA_RATE = 15
SOUND_BLOCK = 0.1  # seconds
READ_EVERY = 0.2  # seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds + WARM_UP
    shown = [np.asarray(image.resize(SIZE)) for image in example.pictures()]
    shown = shown[: int(example.FACE_GONE * example.FRAME_RATE)]
    voice = example.voice()
    loaded = analyzer.load()
    with Live(loaded) as live:
        threading.Thread(target=play, args=(live, voice), daemon=True).start()
        threading.Thread(target=film, args=(live, shown), daemon=True).start()
        time.sleep(WARM_UP)
        before, spent, judged, dropped, delays = live.now(), processor_time(), live.judged, live.dropped, []
        while live.now() < seconds:
            reading = live.reading()
            delays.append(reading.delay)
            time.sleep(READ_EVERY)
        lasted = live.now() - before
        judged, dropped, spent = live.judged - judged, live.dropped - dropped, processor_time() - spent
        features = live.save()
    rows = len(loaded.infer(features))
    size = sum(array.nbytes for array in features.arrays.values()) / features.duration * 60
    print(f"{judged / lasted:.2f} pictures judged a second, {dropped} dropped in {lasted:.0f} s, {rows} rows")
    print(f"delay of a reading: {np.median(delays):.2f} s in the middle, {np.quantile(delays, 0.95):.2f} s at 95 %")
    print(f"{spent / lasted:.2f} s of processor time a second; {size / 1e6:.2f} MB of features a minute")


def processor_time():
    """Seconds of processor time of this process."""
    found = os.times()
    return found.user + found.system


def film(live, shown):
    """Give the pictures in real time, over and over; ends with the session."""
    number = 0
    while True:
        time.sleep(max(0.0, number / CAMERA_RATE - live.now()))
        at = live.now()
        if live.wants_picture(at):
            try:
                live.add_picture(shown[number % len(shown)], at)
            except ValueError:
                return
        number = int(at * CAMERA_RATE) + 1


def play(live, voice):
    """Give the sound in real time, over and over; ends with the session."""
    size, at = int(SOUND_BLOCK * example.SAMPLE_RATE), 0
    while True:
        time.sleep(max(0.0, (at + size) / example.SAMPLE_RATE - live.now()))
        begin = at % (len(voice) - size)
        try:
            live.add_sound(voice[begin : begin + size], example.SAMPLE_RATE, at / example.SAMPLE_RATE)
        except ValueError:
            return
        at += size


if __name__ == "__main__":
    main()
