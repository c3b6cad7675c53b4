"""A timeline as a label track of Audacity, and who speaks as RTTM."""

from __future__ import annotations

from pathlib import PurePath

from emorec.extraction.people import default_name
from emorec.extraction.spoken import OFF_SCREEN, UNSURE
from emorec.inference.timeline import Timeline
from emorec.output.text import media_name, plain, token
from emorec.output.tiers import runs

SPEAKERS = {OFF_SCREEN: "off_screen", UNSURE: "unknown"}  # names of speakers who are not visible
NOTHING = "<NA>"  # an empty field of RTTM


def audacity_text(timeline: Timeline) -> str:
    """One line for each run of the dominant emotion: start and end (s), and a label with emotion and confidence.

    The label begins with the name of the person if there is one.
    """
    found = [(run, plain(one.name)) for one in timeline.each for run in runs(one)]
    found.sort(key=lambda pair: pair[0].start)
    return "".join(
        f"{run.start:.6f}\t{run.end:.6f}\t{f'{name}: ' if name else ''}{run.emotion} {run.shown_confidence}\n"
        for run, name in found
    )


def rttm_text(timeline: Timeline) -> str:
    """One SPEAKER line of NIST's RTTM for each turn: file, channel, start and duration (s), speaker, probability.

    Spaces in the names of files and persons become underscores.
    """
    file = token(PurePath(media_name(timeline)).stem) or "recording"
    lines = []
    for turn in timeline.turns:
        speaker = SPEAKERS.get(turn.person) or token(timeline.names.get(turn.person) or default_name(turn.person))
        probability = NOTHING if turn.probability is None else f"{turn.probability:.3f}"
        times = f"{turn.start:.3f} {turn.end - turn.start:.3f}"
        lines.append(f"SPEAKER {file} {turn.channel} {times} {NOTHING} {NOTHING} {speaker} {probability} {NOTHING}\n")
    return "".join(lines)
