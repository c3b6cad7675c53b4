"""``python -m benchmarks.shortcuts DATA``: what each shortcut costs in accuracy, on the JavaneseAV clips in DATA.

Every clip is analysed with all shortcuts, and then without each of them in turn; one window per clip, and the six
acted emotions. Writes shortcuts.md into this folder, which the report includes.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

import emorec
from emorec.emotions import EMOTIONS
from emorec.extraction import faces, keyframes, segments, voices
from emorec.inference import pooling, predict
from emorec.media import reader, sandbox, streams
from emorec.models import optimize

ACTED = {"01": "neutral", "02": "sad", "03": "happy", "04": "surprise", "05": "fear", "06": "angry"}
FUSIONS = ("face", "voice", "late", "intermediate")
FILE = Path(__file__).parent / "shortcuts.md"

# Each shortcut, and the constants that turn it off.
LOOP_FILTER = ((reader, "SKIPPED_FILTERING", "default"),)
EVERY_PICTURE = ((keyframes, "STILL", -1.0),)
WHOLE_PICTURES = ((keyframes, "LARGE", np.inf), (keyframes, "MAX_REGION_SHARE", 0.0))
EVERY_FRAME = ((reader, "SKIPPABLE", set()),)
FULL_PRECISION = ((faces, "for_inference", optimize.fuse), (voices, "for_inference", optimize.fuse))
LONG_SEGMENTS = ((segments, "FIRST_STARTS", tuple(range(0, 3 * segments.SEGMENT_HOPS, segments.SEGMENT_HOPS))),)
SHORTCUTS = {
    "as shipped": (),
    "with the loop filter": LOOP_FILTER,
    "frames that no other needs decoded too": EVERY_FRAME,
    "every sampled picture searched": EVERY_PICTURE,
    "no picture searched in part or at half the size": WHOLE_PICTURES,
    "float32 where bfloat16 is multiplied": FULL_PRECISION,
    "no short segments at the start": LONG_SEGMENTS,
}
SHORTCUTS["none of these shortcuts"] = sum(SHORTCUTS.values(), ())


def main(arguments=None):
    """Measure and write the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shortcuts", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of actor-sentence-emotion_repetition.mp4 clips")
    parser.add_argument("--every", type=int, default=1, help="take every N-th clip only")
    options = parser.parse_args(arguments)
    clips = sorted(options.data.glob("*-*-*_*.mp4"))[:: options.every]
    if not clips:
        print(f"There are no clips in {options.data}.", file=sys.stderr)
        return 2
    lines = ["| | " + " | ".join(FUSIONS) + " |", "|---|" + "---|" * len(FUSIONS)]
    analyzer, shipped = emorec.load(device="cpu"), None
    for name, patches in SHORTCUTS.items():
        outcomes = evaluate(analyzer, clips, patches)
        shipped = shipped or outcomes
        lines.append(f"| {name} | " + " | ".join(_cell(outcomes[fusion], shipped[fusion]) for fusion in FUSIONS) + " |")
        print(lines[-1], flush=True)
    text = f"""Over {len(clips)} Javanese clips, seen in training or not, so that only differences between rows count:
accuracy, the mean probability given to the emotion that was acted, and how many clips get another emotion
than with the shipped settings. One clip is {100 / len(clips):.1f} points.
The CPU multiplies bfloat16 itself: {_yes_or_no()}."""
    FILE.write_text("\n".join([text, "", *lines, ""]))
    return 0


def evaluate(analyzer, clips, patches):
    """The results of each fusion with constants replaced: {fusion: [(right, probability, emotion), ...]}."""
    acted = np.isin(EMOTIONS, list(ACTED.values()))
    outcomes = {fusion: [] for fusion in FUSIONS}
    for clip in clips:
        truth = ACTED[clip.stem.split("-")[2][:2]]
        with tempfile.TemporaryDirectory() as cache, _constants_replaced(patches):
            *_, observations = analyzer.extract(clip, Path(cache))
        pooled = pooling.pool(observations, analyzer.model, np.zeros(1), np.array([observations.duration]))
        for fusion in FUSIONS:
            probabilities = np.where(acted, np.nan_to_num(predict.fuse(pooled, analyzer.model, fusion)[2][0]), 0.0)
            predicted = EMOTIONS[probabilities.argmax()]
            share = probabilities[EMOTIONS.index(truth)] / max(probabilities.sum(), 1e-9)
            outcomes[fusion].append((predicted == truth, float(share), predicted))
    return outcomes


def _cell(outcomes, shipped):
    right, share = (100 * np.mean(column) for column in [*zip(*outcomes, strict=True)][:2])
    moved = sum(one[2] != other[2] for one, other in zip(outcomes, shipped, strict=True))
    return f"{right:.1f} %, {share:.2f} %" + (f", {moved} otherwise" if outcomes is not shipped else "")


def _yes_or_no():
    return "yes" if optimize.multiplies_bfloat16() else "no"


@contextlib.contextmanager
def _constants_replaced(patches):
    """A context in which constants are replaced, and decoding runs in this process, where they take effect."""
    with contextlib.ExitStack() as stack:
        for place, name, value in (*patches, (sandbox, "frames", streams.frames), (sandbox, "audio", streams.audio)):
            stack.enter_context(mock.patch.object(place, name, value))
        yield


if __name__ == "__main__":
    sys.exit(main())
