"""A timeline in a few numbers, and in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import numpy as np

from emorec import files
from emorec.affect import SOURCE
from emorec.emotions import EMOTIONS
from emorec.inference import baseline_choice
from emorec.inference import prior as priors
from emorec.inference.options import DEFAULT_WINDOW, UNSURE_BELOW
from emorec.inference.people import MAIN
from emorec.inference.timeline import Timeline
from emorec.output.chart_data import has_pictures, signed

MIN_SECONDS = 5.0  # with evidence; less is too little to conclude anything about a recording
MIN_SHARE = 0.05  # of the recording that needs evidence; the longer of the two counts

MIX = "mix"  # the channel if none is chosen
BUNDLED = "default"  # the name of the checkpoint if none is chosen
TOP_EMOTIONS = 3  # that the sentence names
MIN_NAMED = 0.005  # share of the time; smaller ones are 0% in words

WHO = {"all": "mean of all persons", "main": "the person seen longest", "speaker": "the person who speaks"}
AFFECT = "Valence {valence} and arousal {arousal} on average (−1 to 1), derived from the emotions ({source})."
BY_PRIOR = (
    "For {led:.0%} of {what} the prior decides: if all emotions were expected alike, the answer would be unsure or "
    "another emotion."
)
WORTH_SAYING = 0.05  # share of the time with evidence from which on it is said that the prior decides
TOO_LITTLE = "Too little to tell: evidence for only {known} of {seconds}; {least} are needed."
FOUND = {  # what is said by whether there is some of a face, and some speech
    (True, True): "Too little of a face and of speech",
    (True, False): "Too little of a face and no speech",
    (False, True): "No face and too little speech",
    (False, False): "Neither a face nor speech",
}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Shares of time and probabilities, from 0 to 1.

    ``shares``: each emotion's share of the time that itself has evidence, largest first; only sure rows count for an
    emotion. ``unsure``: the rest of that time. Both are empty or 0 without evidence. ``known`` and ``known_seconds``:
    how much of the ``seconds`` of the timeline itself has evidence. ``too_little``: whether that is too little to
    conclude anything. ``face`` and ``speech``: shares of the time with a visible face, and with speech that counts:
    for a person only that person's. ``confidence``: mean over the time that itself has evidence, None without any.
    ``valence`` and ``arousal``: means over the same time, from -1 to 1, derived from the probabilities. ``by_prior``:
    share of the time with evidence whose emotion is sure only because of the prior.
    """

    shares: dict[str, float]
    unsure: float
    known: float
    known_seconds: float
    seconds: float
    too_little: bool
    face: float
    speech: float
    confidence: float | None
    valence: float | None
    arousal: float | None
    by_prior: float = 0.0

    @property
    def warning(self) -> str:
        """The sentence to show first if there is too little to tell, else ""."""
        if not self.too_little:
            return ""
        known, least = self.known_seconds, _min_seconds(self.seconds)
        # Rounded away from each other, so that what is too little never reads like enough.
        known, least = known if known < 0.1 else floor(known * 10 + 1e-6) / 10, ceil(least * 10 - 1e-6) / 10
        return TOO_LITTLE.format(known=length(known), seconds=length(self.seconds), least=length(least))


def summary(timeline: Timeline) -> Summary:
    """The Summary of a timeline; rows count by their length."""
    shares, known = timeline.shares()
    lengths = timeline.end - timeline.start
    seconds = float(lengths.sum())
    own = timeline.witnessed
    known_seconds = float(lengths[own].sum())
    unsure_seconds = float(lengths[own & ~timeline.sure].sum())
    return Summary(
        shares=shares,
        unsure=unsure_seconds / known_seconds if known_seconds else 0.0,
        known=known,
        known_seconds=known_seconds,
        seconds=seconds,
        too_little=known_seconds < _min_seconds(seconds) - 1e-6,
        face=_mean(timeline.row_face, lengths) or 0.0,
        speech=_mean(timeline.row_speech, lengths) or 0.0,
        confidence=_mean(timeline.confidence[own], lengths[own]),
        valence=_mean(timeline.valence[own], lengths[own]),
        arousal=_mean(timeline.arousal[own], lengths[own]),
        by_prior=float(lengths[timeline.by_prior].sum()) / known_seconds if known_seconds else 0.0,
    )


def missing(timeline: Timeline) -> str:
    """What a timeline without evidence lacks, by its fusion and person: "No speech of Anna was heard"."""
    figures = summary(timeline)
    voices = timeline.fusion != "face"
    faces = not voices or (timeline.fusion != "voice" and has_pictures(timeline))
    name = timeline.name or (WHO["speaker"] if timeline.choices.get("person") == "speaker" else "")
    whose = f" of {files.shown(name)}" if name else ""
    # Others may be seen and heard, and a little may be too little in every row.
    # A row with too little of a face has no person, and so no share of the row; that of its window is known.
    face = figures.face > 0 or bool(timeline.face_coverage.any())
    speech = figures.speech > 0
    if faces and voices:
        return f"{FOUND[face, speech]}{whose} was found"
    if faces:
        return f"{'Too little of a face' if face else 'No face'}{whose} was seen"
    return f"{'Too little' if speech else 'No'} speech{whose} was heard"


def length(seconds: float) -> str:
    """A length of time with one decimal, or two digits if it is so short that one decimal would hide it."""
    return f"{seconds:.2g} s" if 0 < seconds < 0.1 else f"{seconds:.1f} s"


def shares_in_words(figures: Summary) -> str:
    """Every emotion's share of the time with evidence, as in "neutral 80%, happy 20%", and of what is unsure."""
    named = {**figures.shares, "unsure": figures.unsure}
    return ", ".join(f"{name} {share:.0%}" for name, share in named.items() if share >= MIN_NAMED) or "no evidence"


def rows_in_words(timeline: Timeline) -> str:
    """The number of rows of a timeline, as in "1 row"."""
    return f"{len(timeline)} row{'s' if len(timeline) != 1 else ''}"


def by_prior_in_words(figures: Summary, what: str = "the time with evidence") -> str:
    """For how much of ``what`` only the prior makes the answer sure, in a sentence; "" if that is too little to say."""
    return BY_PRIOR.format(led=figures.by_prior, what=what) if figures.by_prior >= WORTH_SAYING else ""


def affect_in_words(figures: Summary) -> str:
    """Mean valence and arousal of a recording, in a sentence that says where they come from; "" if unknown."""
    if figures.valence is None or figures.arousal is None:
        return ""
    return AFFECT.format(valence=signed(figures.valence), arousal=signed(figures.arousal), source=SOURCE)


def who(timeline: Timeline) -> str | None:
    """The person in words if the choice is a word, "" if it found nobody; None if it is a number, a name or nothing."""
    person = timeline.choices.get("person")
    if person == MAIN and timeline.only_heard:
        return "the person heard longest"
    if person == MAIN and not timeline.name and not (timeline.person >= 0).any():
        return ""
    return WHO.get(person) if isinstance(person, str) else None


def how(timeline: Timeline) -> str:
    """How a timeline was made, in a few words: "late fusion, everyday prior, 1 s steps"."""
    person, smooth, about = timeline.choices.get("person"), timeline.choices.get("smooth"), who(timeline)
    baseline = timeline.choices.get("baseline", baseline_choice.DEFAULT)
    parts = [
        f"{timeline.fusion} fusion",
        f"{timeline.prior.name} prior",
        f"{timeline.step:g} s steps",
        "" if person is None else timeline.name or f"person {person}" if about is None else about,
        f"smoothed over {smooth:g} s" if smooth else "",
        "" if baseline == baseline_choice.DEFAULT else f"baseline {files.shown(str(baseline))}",
    ]
    return ", ".join(part for part in parts if part)


def how_in_full(timeline: Timeline) -> str:
    """``how``, with all other choices that are not the default, in which results that are compared may differ."""
    given, start, end = timeline.choices, timeline.choices.get("start") or 0.0, timeline.choices.get("end")
    least, channel, rotate = given.get("unsure_below", UNSURE_BELOW), given.get("channel", MIX), given.get("rotate")
    own = (
        ""
        if timeline.prior.name in priors.NAMES
        else " ".join(f"{emotion} {share:.1%}" for emotion, share in zip(EMOTIONS, timeline.prior.shares, strict=True))
    )
    window = max(timeline.window, timeline.step)  # with longer steps, the window of a row is the row
    model, audio, video = given.get("model"), given.get("audio_track"), given.get("video_track")
    parts = [
        how(timeline),
        f"expected shares {own}" if own else "",
        f"checkpoint {files.shown(str(model))}" if model not in (None, BUNDLED) else "",
        "" if window == DEFAULT_WINDOW else f"{window:g} s windows",
        "" if least == UNSURE_BELOW else f"unsure below {least:.0%}",
        "" if audio is None else f"audio track {audio}",
        "" if video is None else f"video track {video}",
        "" if channel == MIX else f"channel {channel}",
        f"turned by {rotate}°" if rotate else "",
        f"from {start:g} s" if start else "",
        f"until {end:g} s" if end else "",
    ]
    return ", ".join(part for part in parts if part)


def sentence(timeline: Timeline) -> str:
    """A timeline in one line: name, length, how it was made, and the most common emotions."""
    name = Path(str(timeline.media.get("name", ""))).name
    figures = summary(timeline)
    facts = f"{length(figures.seconds)}, {rows_in_words(timeline)}, {how(timeline)}"
    shares = [f"{emotion} {share:.0%}" for emotion, share in figures.shares.items() if share >= MIN_NAMED]
    if figures.unsure >= MIN_NAMED:
        shares = [*shares[:TOP_EMOTIONS], f"unsure {figures.unsure:.0%}"]
    found = ", ".join(shares[: TOP_EMOTIONS + 1]) or "no evidence"
    return files.shown(f"Timeline of {name}: {facts}; {found}" if name else f"Timeline: {facts}; {found}")


def _min_seconds(seconds: float) -> float:
    """Seconds with evidence that a timeline of ``seconds`` needs."""
    return max(MIN_SECONDS, MIN_SHARE * seconds)


def _mean(values: np.ndarray, lengths: np.ndarray) -> float | None:
    return float(np.average(values, weights=lengths)) if lengths.sum() else None
