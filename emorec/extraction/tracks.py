"""Which track of a recording with several is observed: the one with speech, the one with a face.

The file's default is kept unless another track clearly holds more of what is looked for: a microphone on the second
track of a screen recording is found, and a commentary beside a film's own sound is left alone.
"""

import contextlib
from dataclasses import replace

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction.options import Settings
from emorec.face.detection import DETECTION_SIDE
from emorec.media import sandbox
from emorec.media.streams import MediaInfo
from emorec.voice import features

SOUND_SECONDS = 48.0  # of each track; the whole of a short recording
SOUND_PLACES = 8
PICTURES = 8  # of each track
MOST_TRACKS = 8  # that are looked at; a file can say that it has 64
SPEECH = 0.5  # probability from which on a hop counts as speech
ENOUGH = {"audio": 0.03, "video": 0.2}  # share of the hops with speech, or of the pictures with a face
CLEARLY = 4.0  # times as much as in the default track
SILENT = 1e-4  # of full scale; -80 dB
LOUD = 0.5  # of full scale; what the loudest sample of a look is brought to, so that quiet speech is found too
ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
CARDINALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
WORDS = {"audio": ("sound", "speech"), "video": ("video", "a face")}


def chosen(path, info: MediaInfo, settings: Settings, detector, front_end) -> tuple[dict, list[str]]:
    """The numbers of the tracks to observe, ``{"audio_track": 2, ...}``, and sentences about those that are not the
    file's default. Empty where nothing is to be chosen. Raises EmorecError where the recording cannot be read."""
    numbers: dict = {}
    notes: list[str] = []
    if settings.faces and settings.video_track is None and info.video_tracks > 1 and info.video_track:
        share = _face_share(path, info, settings, detector)
        _choose("video", info.video_track, info.video_tracks, numbers, notes, share)
    if settings.voices and settings.audio_track is None and info.audio_tracks > 1 and info.audio_track:
        default = info.audio_track
        if numbers:  # the sound that goes with a chosen picture may be another
            default = sandbox.probe(path, replace(settings, **numbers).selection).audio_track or default
        share = _speech_share(path, info, settings, front_end)
        _choose("audio", default, info.audio_tracks, numbers, notes, share)
    return numbers, notes


def _choose(kind, default, count, numbers, notes, share):
    """Look at the tracks of a kind, and put down the number to take and, if it is not the default, why."""
    shares = {number: share(number) for number in _candidates(default, count)}
    best = max(shares, key=lambda number: (shares[number], number == default, -number))
    what, found = WORDS[kind]
    sounding, speaking = shares[best]
    if speaking >= ENOUGH[kind] and speaking > CLEARLY * shares[default][1]:
        why = f"because {found} was found there"
    elif sounding and not shares[default][0]:
        why = "because the default track is silent" if kind == "audio" else "because the default track shows nothing"
    else:
        best = default
    numbers[f"{kind}_track"] = best
    if best != default:
        notes.append(f"{_which(best, count)} {what} tracks is used, {why}; --{kind}_track chooses another.")


def _candidates(default, count):
    """The numbers of the tracks to look at, the default among them."""
    others = [number for number in range(1, count + 1) if number != default]
    return sorted([default, *others[: MOST_TRACKS - 1]])


def _speech_share(path, info, settings, front_end):
    def share(number):
        """Whether a track sounds, and the share of its hops with speech."""
        selection = replace(settings, audio_track=number, faces=False).selection
        places, length = _places(info, settings, SOUND_PLACES, SOUND_SECONDS)
        spoken, peak = [], 0.0
        with contextlib.suppress(EmorecError):  # a track that cannot be decoded has nothing to offer
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


def _face_share(path, info, settings, detector):
    def share(number):
        """Whether a track has pictures, and the share of them with a face."""
        selection = replace(settings, video_track=number, voices=False).selection
        places, _ = _places(info, settings, PICTURES, 0.0)
        found = []
        with contextlib.suppress(EmorecError):
            for image in sandbox.stills(path, selection, places, DETECTION_SIDE):
                found.append(bool(detector.detect(image)))
        return bool(found), float(np.mean(found)) if found else 0.0

    return share


def _places(info, settings, count, seconds):
    """Times (s) evenly over the part that is observed, and how long (s) is looked at from each of them on."""
    end = min(settings.until, info.duration or settings.start + seconds)
    span = max(end - settings.start, 0.0)
    if seconds and span <= seconds:
        return [settings.start], span or seconds
    return [settings.start + span * (number + 0.5) / count for number in range(count)], seconds / count


def _which(number, count):
    return f"The {ORDINALS[number]} of {CARDINALS[count]}" if count < len(CARDINALS) else f"Track {number} of {count}"
