"""Choose a track of a recording with several: the sound with speech, the video with a face.

The file's default is kept unless another track clearly has more speech or more faces: the microphone on the second
track of a screen recording is chosen, but a commentary beside the sound of a film is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction.options import Settings
from emorec.extraction.spoken import SPEECH
from emorec.face.detection import DETECTION_SIDE, Detector
from emorec.media import sandbox
from emorec.media.streams import MediaInfo
from emorec.voice import features
from emorec.voice.features import VoiceFrontEnd

SOUND_SECONDS = 48.0  # that are examined of each track; a short recording is examined completely
SOUND_PLACES = 8  # excerpts of each track
PICTURES = 8  # of each track
MAX_TRACKS = 8  # that are examined; a file may have 64
ENOUGH = {"audio": 0.03, "video": 0.2}  # share of the hops with speech, or of the pictures with a face
FACTOR = 4.0  # how many times the share of the default track another one must have
SILENT = 1e-4  # of full scale; -80 dB
LOUD = 0.5  # of full scale; the peak of an excerpt after scaling, so that quiet speech is detected too
ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
CARDINALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
WORDS = {"audio": ("sound", "speech"), "video": ("video", "a face")}

# Whether a track has any sound or picture, and the share of it with speech or with a face.
Share = Callable[[int], tuple[bool, float]]


def choose(
    path: Path, info: MediaInfo, settings: Settings, detector: Detector, front_end: VoiceFrontEnd
) -> tuple[dict[str, int], list[str]]:
    """The numbers of the tracks to use, ``{"audio_track": 2, ...}``, and sentences about those that are no default.

    Both are empty if there is nothing to choose. Raises EmorecError if the recording cannot be read.
    """
    numbers: dict[str, int] = {}
    notes: list[str] = []
    if settings.faces and settings.video_track is None and info.video_tracks > 1 and info.video_track:
        share = _face_share(path, info, settings, detector)
        _choose("video", info.video_track, info.video_tracks, numbers, notes, share)
    if settings.voices and settings.audio_track is None and info.audio_tracks > 1 and info.audio_track:
        default = info.audio_track
        if numbers:  # another sound may belong to the chosen video
            default = sandbox.probe(path, replace(settings, **numbers).selection).audio_track or default
        share = _speech_share(path, info, settings, front_end)
        _choose("audio", default, info.audio_tracks, numbers, notes, share)
    return numbers, notes


def _choose(kind: str, default: int, count: int, numbers: dict[str, int], notes: list[str], share: Share) -> None:
    """Add the number of the chosen track of a kind to ``numbers``, and the reason to ``notes`` if it is no default."""
    shares = {number: share(number) for number in _candidates(default, count)}
    best = max(shares, key=lambda number: (shares[number], number == default, -number))
    what, found = WORDS[kind]
    has_any, with_found = shares[best]
    if with_found >= ENOUGH[kind] and with_found > FACTOR * shares[default][1]:
        why = f"because {found} was found there"
    elif has_any and not shares[default][0]:
        why = "because the default track is silent" if kind == "audio" else "because the default track shows nothing"
    else:
        best = default
    numbers[f"{kind}_track"] = best
    if best != default:
        notes.append(f"{_which(best, count)} {what} tracks is used, {why}; --{kind}_track chooses another.")


def _candidates(default: int, count: int) -> list[int]:
    """The numbers of the tracks to examine, which include the default."""
    others = [number for number in range(1, count + 1) if number != default]
    return sorted([default, *others[: MAX_TRACKS - 1]])


def _speech_share(path: Path, info: MediaInfo, settings: Settings, front_end: VoiceFrontEnd) -> Share:
    def share(number: int) -> tuple[bool, float]:
        """Whether a track is not silent, and the share of its hops with speech."""
        selection = replace(settings, audio_track=number, faces=False).selection
        places, length = _places(info, settings, SOUND_PLACES, SOUND_SECONDS)
        spoken, peak = [], 0.0
        with contextlib.suppress(EmorecError):  # a track that cannot be decoded counts as empty
            for samples in sandbox.sounds(path, selection, places, length, front_end.rate):
                loudest = float(np.abs(samples).max(initial=0.0))
                peak = max(peak, loudest)
                if loudest > SILENT:
                    spoken.append(features.speech(samples * np.float32(LOUD / loudest), front_end) >= SPEECH)
                else:
                    spoken.append(np.zeros(len(samples) // front_end.hop, bool))
        hops = np.concatenate([*spoken, np.zeros(0, bool)])
        return peak > SILENT, float(hops.mean()) if len(hops) else 0.0

    return share


def _face_share(path: Path, info: MediaInfo, settings: Settings, detector: Detector) -> Share:
    def share(number: int) -> tuple[bool, float]:
        """Whether a track has pictures, and the share of them with a face."""
        selection = replace(settings, video_track=number, voices=False).selection
        places, _ = _places(info, settings, PICTURES, 0.0)
        found = []
        with contextlib.suppress(EmorecError):
            for image in sandbox.stills(path, selection, places, DETECTION_SIDE):
                found.append(bool(detector.detect(image)))
        return bool(found), float(np.mean(found)) if found else 0.0

    return share


def _places(info: MediaInfo, settings: Settings, count: int, seconds: float) -> tuple[list[float], float]:
    """Start times (s) of excerpts spread evenly over the part that is used, and the length (s) of each."""
    end = min(settings.until, info.duration or settings.start + seconds)
    span = max(end - settings.start, 0.0)
    if seconds and span <= seconds:
        return [settings.start], span or seconds
    return [settings.start + span * (number + 0.5) / count for number in range(count)], seconds / count


def _which(number: int, count: int) -> str:
    return f"The {ORDINALS[number]} of {CARDINALS[count]}" if count < len(CARDINALS) else f"Track {number} of {count}"
