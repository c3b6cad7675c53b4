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

MIN_SECONDS = 5.0  # seconds with evidence; less is too little to conclude anything about a recording
MIN_SHARE = 0.05  # share of the recording that needs evidence; the longer of the two times counts

MIX = "mix"  # the channel if none is chosen
BUNDLED = "default"  # the name of the checkpoint if none is chosen
TOP_EMOTIONS = 3  # in the sentence
MIN_NAMED = 0.005  # share of the time; smaller ones would be shown as 0%

WHO = {"all": "mean of all persons", "main": "the person seen longest", "speaker": "the person who speaks"}
AFFECT = "Valence {valence} and arousal {arousal} on average (−1 to 1), derived from the emotions ({source})."
BY_PRIOR = (
    "For {led:.0%} of {what} the prior decides: if all emotions were expected alike, the answer would be unsure or "
    "another emotion."
)
WORTH_SAYING = 0.05  # share of the time with evidence from which on it is said that the prior decides
TOO_LITTLE = "Too little to tell: evidence for only {known} of {seconds}; {least} are needed."
FOUND = {  # by whether there is a little of a face, and a little speech
    (True, True): "Too little of a face and of speech",
    (True, False): "Too little of a face and no speech",
    (False, True): "No face and too little speech",
    (False, False): "Neither a face nor speech",
}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Shares of time and probabilities, from 0 to 1.

    "Time with evidence" are the rows that have evidence of their own, not only from their neighbours. ``shares``: the
    share of each emotion in this time, largest first; only sure rows count for an emotion. ``unsure``: the share of the
    rest. Both are empty or 0 without evidence. ``known`` and ``known_seconds``: the share and the length (s) of the
    time with evidence in the ``seconds`` of the timeline. ``too_little``: whether that is too little to conclude
    anything. ``face`` and ``speech``: shares of all time with a visible face, and with speech that counts; in the
    timeline of a person only that person's. ``confidence``: mean over the time with evidence, None without any.
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
        """A sentence if there is too little evidence to tell anything, else ""."""
        if not self.too_little:
            return ""
        known, least = self.known_seconds, _min_seconds(self.seconds)
        # Rounded in opposite directions, so that the two never look equal.
        known, least = known if known < 0.1 else floor(known * 10 + 1e-6) / 10, ceil(least * 10 - 1e-6) / 10
        return TOO_LITTLE.format(known=length(known), seconds=length(self.seconds), least=length(least))


def summary(timeline: Timeline) -> Summary:
    """The Summary of a timeline; rows count by their length."""
    shares, known = timeline.shares()
    lengths = timeline.end - timeline.start
    seconds = float(lengths.sum())
    with_evidence = timeline.witnessed
    known_seconds = float(lengths[with_evidence].sum())
    unsure_seconds = float(lengths[with_evidence & ~timeline.sure].sum())
    return Summary(
        shares=shares,
        unsure=unsure_seconds / known_seconds if known_seconds else 0.0,
        known=known,
        known_seconds=known_seconds,
        seconds=seconds,
        too_little=known_seconds < _min_seconds(seconds) - 1e-6,
        face=_mean(timeline.row_face, lengths) or 0.0,
        speech=_mean(timeline.row_speech, lengths) or 0.0,
        confidence=_mean(timeline.confidence[with_evidence], lengths[with_evidence]),
        valence=_mean(timeline.valence[with_evidence], lengths[with_evidence]),
        arousal=_mean(timeline.arousal[with_evidence], lengths[with_evidence]),
        by_prior=float(lengths[timeline.by_prior].sum()) / known_seconds if known_seconds else 0.0,
    )


def missing_evidence(timeline: Timeline) -> str:
    """What a timeline without evidence lacks, by its fusion and person: "No speech of Anna was heard"."""
    figures = summary(timeline)
    voices = timeline.fusion != "face"
    faces = not voices or (timeline.fusion != "voice" and has_pictures(timeline))
    name = timeline.name or (WHO["speaker"] if timeline.choices.get("person") == "speaker" else "")
    whose = f" of {files.shown(name)}" if name else ""
    # A row with too little of a face has no person, and its ``row_face`` is 0, but the coverage of its window is known.
    face = figures.face > 0 or bool(timeline.face_coverage.any())
    speech = figures.speech > 0
    if faces and voices:
        return f"{FOUND[face, speech]}{whose} was found"
    if faces:
        return f"{'Too little of a face' if face else 'No face'}{whose} was seen"
    return f"{'Too little' if speech else 'No'} speech{whose} was heard"


def length(seconds: float) -> str:
    """A length of time (s) as "1.5 s", with two digits if it is below 0.1 s."""
    return f"{seconds:.2g} s" if 0 < seconds < 0.1 else f"{seconds:.1f} s"


def shares_in_words(figures: Summary) -> str:
    """The share of each emotion in the time with evidence, and of unsure: "neutral 80%, happy 15%, unsure 5%"."""
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


def person_in_words(timeline: Timeline) -> str | None:
    """The chosen person in words if the choice is "all", "main" or "speaker", "" if nobody was found; else None."""
    person = timeline.choices.get("person")
    if person == MAIN and timeline.only_heard:
        return "the person heard longest"
    if person == MAIN and not timeline.name and not (timeline.person >= 0).any():
        return ""
    return WHO.get(person) if isinstance(person, str) else None


def choices_in_words(timeline: Timeline) -> str:
    """The main choices with which a timeline was made: "late fusion, everyday prior, 1 s steps"."""
    person, smooth, about = timeline.choices.get("person"), timeline.choices.get("smooth"), person_in_words(timeline)
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


def all_choices_in_words(timeline: Timeline) -> str:
    """``choices_in_words``, followed by all other choices that are not the default, to tell results apart."""
    choices = timeline.choices
    start, end = choices.get("start") or 0.0, choices.get("end")
    least, channel, rotate = (
        choices.get("unsure_below", UNSURE_BELOW),
        choices.get("channel", MIX),
        choices.get("rotate"),
    )
    own_prior = (
        ""
        if timeline.prior.name in priors.NAMES
        else " ".join(f"{emotion} {share:.1%}" for emotion, share in zip(EMOTIONS, timeline.prior.shares, strict=True))
    )
    window = max(timeline.window, timeline.step)  # with longer steps, the window of a row is the row
    model, audio, video = choices.get("model"), choices.get("audio_track"), choices.get("video_track")
    parts = [
        choices_in_words(timeline),
        f"expected shares {own_prior}" if own_prior else "",
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
    facts = f"{length(figures.seconds)}, {rows_in_words(timeline)}, {choices_in_words(timeline)}"
    shares = [f"{emotion} {share:.0%}" for emotion, share in figures.shares.items() if share >= MIN_NAMED]
    if figures.unsure >= MIN_NAMED:
        shares = [*shares[:TOP_EMOTIONS], f"unsure {figures.unsure:.0%}"]
    found = ", ".join(shares[: TOP_EMOTIONS + 1]) or "no evidence"
    if figures.too_little and shares:
        found = f"too little to tell ({found} in the {length(figures.known_seconds)} with evidence)"
    return files.shown(f"Timeline of {name}: {facts}; {found}" if name else f"Timeline: {facts}; {found}")


def _min_seconds(seconds: float) -> float:
    """Seconds with evidence that a timeline of ``seconds`` needs."""
    return max(MIN_SECONDS, MIN_SHARE * seconds)


def _mean(values: np.ndarray, lengths: np.ndarray) -> float | None:
    return float(np.average(values, weights=lengths)) if lengths.sum() else None
