"""``python -m benchmarks.shortcuts DATA``: what each shortcut costs in accuracy, on the JavaneseAV clips in DATA.

Every clip is analysed as it is shipped and with one shortcut after the other left out; one window a clip, the six
emotions that were acted. Writes shortcuts.md beside this file, which the report takes up.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

import emorec
from emorec import media_reader, seeing, timeline, windows
from emorec.emotions import EMOTIONS

ACTED = {"01": "neutral", "02": "sad", "03": "happy", "04": "surprise", "05": "fear", "06": "angry"}
FUSIONS = ("face", "voice", "late", "intermediate")
FILE = Path(__file__).parent / "shortcuts.md"

# What is left out, and the constants that leave it out.
SHORTCUTS = {
    "as shipped": (),
    "with the loop filter": ((media_reader, "SKIPPED_FILTERING", "default"),),
    "every sampled picture searched": ((seeing, "STILL", -1.0),),
    "frames that no other needs decoded too": ((media_reader, "SKIPPABLE", set()),),
    "none of these shortcuts": (
        (media_reader, "SKIPPED_FILTERING", "default"),
        (seeing, "STILL", -1.0),
        (media_reader, "SKIPPABLE", set()),
    ),
}


def main(arguments=None):
    """Measure and write; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shortcuts", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of actor-sentence-emotion_repetition.mp4 clips")
    parser.add_argument("--every", type=int, default=1, help="take every N-th clip only")
    options = parser.parse_args(arguments)
    clips = sorted(options.data.glob("*-*-*_*.mp4"))[:: options.every]
    if not clips:
        print(f"There are no clips in {options.data}.", file=sys.stderr)
        return 2
    lines = ["| | " + " | ".join(FUSIONS) + " |", "|---|" + "---|" * len(FUSIONS)]
    engine = emorec.load(device="cpu")
    for name, patches in SHORTCUTS.items():
        right = accuracy(engine, clips, patches)
        lines.append(f"| {name} | " + " | ".join(f"{100 * right[fusion]:.1f} %" for fusion in FUSIONS) + " |")
        print(lines[-1], flush=True)
    text = (
        f"Accuracy over {len(clips)} Javanese clips, seen in training or not: only the differences between rows count."
    )
    FILE.write_text("\n".join([text, "", *lines, ""]))
    return 0


def accuracy(engine, clips, patches):
    """Share of the clips of which each fusion names the acted emotion, with constants replaced: {fusion: share}."""
    acted = np.isin(EMOTIONS, list(ACTED.values()))
    right = dict.fromkeys(FUSIONS, 0)
    for clip in clips:
        truth = ACTED[clip.stem.split("-")[2][:2]]
        with tempfile.TemporaryDirectory() as cache, _replaced(patches):
            *_, observations = engine.observe(clip, Path(cache))
        pooled = windows.pool(observations, engine.model, np.zeros(1), np.array([observations.duration]))
        for fusion in FUSIONS:
            probabilities = np.nan_to_num(timeline.fuse(pooled, engine.model, fusion)[2][0])
            right[fusion] += EMOTIONS[np.where(acted, probabilities, -1.0).argmax()] == truth
    return {fusion: count / len(clips) for fusion, count in right.items()}


@contextlib.contextmanager
def _replaced(patches):
    with contextlib.ExitStack() as stack:
        for place, name, value in patches:
            stack.enter_context(mock.patch.object(place, name, value))
        yield


if __name__ == "__main__":
    sys.exit(main())
