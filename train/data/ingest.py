"""A user's pictures, videos and recordings turned into crops and log-mels by the very code that runs at inference.

What cannot be used is left out and said why: one broken file among thousands must not end a run.
"""

from dataclasses import asdict
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.face import alignment, detection
from emorec.face.tracking import Tracker
from emorec.media import image as media_still
from emorec.models import pretrained
from emorec.models.config import FaceConfig
from emorec.voice import features
from train.data.layouts import PICTURES
from train.data.pack import cached, enlarge, load_audio, whole_hops

SMALL = 128  # pixels; in a picture smaller than that no face need be found: it is taken to be one


def seen_faces(items, size, cache):
    """Every picture or video as (crops (F, size, size) uint8, quality (F,)), of the person seen most; None where there
    is nothing to learn from, and what was wrong with those: a list of (item, sentence)."""
    settings = {"size": size, "framing": alignment.FRAMING.tolist(), "rate": pipeline.Settings().face_rate}

    def all_faces():
        detector = detection.detector(pretrained.face_detector_file())
        found, reasons = each(items, lambda item: _faces_of(item.path, detector, size), "faces")
        nothing = np.zeros((0, size, size), np.uint8), np.zeros(0, np.float32)
        crops, quality = zip(*(one or nothing for one in found), strict=True)
        return {
            "crops": np.concatenate(crops),
            "quality": np.concatenate(quality),
            "frames": np.array([len(one) for one in quality]),
            "reasons": np.array(reasons),
        }

    packed = cached(cache, "seen", items, settings, all_faces)
    ends = np.cumsum(packed["frames"])
    out = [
        (packed["crops"][end - count : end], packed["quality"][end - count : end]) if count else None
        for end, count in zip(ends, packed["frames"], strict=True)
    ]
    return out, wrong(items, packed["reasons"])


def _faces_of(path, detector, size):
    if path.suffix.lower() in PICTURES:
        image = media_still.read(path, pictures.MOST_PIXELS, pictures.LONGEST_SIDE)
        return picture_face(image, detector, size, path.name)
    seen = clip_faces(path, detector, size)
    persons, counts = np.unique(seen["face_person"], return_counts=True)
    if not len(persons):
        raise EmorecError(f"No face was found in {path.name}.")
    mine = seen["face_person"] == persons[counts.argmax()]
    return seen["crops"][mine], seen["face_quality"][mine]


def clip_faces(path, detector, size):
    """The face arrays of a whole video as stage 1 of inference makes them, and the ``crops`` that it would encode."""
    model = SimpleNamespace(face=CropKeeper(size))
    parts = [*pipeline.face_segments(path, model, detector, Tracker(), pipeline.Settings(), 0, np.inf, [])]
    if not parts:
        raise EmorecError(f"{path.name} holds no pictures.")
    crops = np.rint(parts[0]["face_embedding"].astype(np.float32) * 255).astype(np.uint8)
    return parts[0] | {"crops": crops.reshape(-1, size, size)}


class CropKeeper(nn.Module):
    """Stands where inference has its face network and keeps what that would see: a crop's embedding is the crop."""

    def __init__(self, size):
        super().__init__()
        self.config = FaceConfig(labels=("none",), size=size, widths=(size * size,))
        self.device = nn.Parameter(torch.zeros(0))

    def embed(self, crops):
        """Crops (N, 1, S, S) in [0, 1] -> the same (N, S S)."""
        return crops.flatten(1)

    def classify(self, embeddings):
        """No opinion: zeros (N, 1)."""
        return torch.zeros(len(embeddings), 1)


def picture_face(image, detector, size, name="the picture"):
    """The best face of a picture as (crops (1, size, size), quality (1,)); a small picture without one is one whole."""
    small = max(image.shape[:2]) <= SMALL
    larger = enlarge(image) if small else image
    found = detector.detect(larger)
    if found:
        crop = alignment.align(larger, found[0].landmarks, size)
        return crop[None], np.array([alignment.quality(found[0], crop)], np.float32)
    if not small:
        raise EmorecError(f"No face was found in {name}.")
    whole = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (size, size), interpolation=cv2.INTER_AREA)
    return whole[None], np.ones(1, np.float32)


def heard_voices(items, front_end, cache):
    """Every recording as (log-mel, speech) like ``pack.voice_clips``, None where nothing is heard; what was wrong."""
    per_hop = front_end.hop // front_end.frame

    def all_voices():
        found, reasons = each(items, lambda item: _voice_of(item.path, front_end), "voices")
        nothing = np.zeros((front_end.n_mels, 0), np.float16), np.zeros(0, np.float32)
        spectra, activity = zip(*(one or nothing for one in found), strict=True)
        return {
            "log_mel": np.concatenate(spectra, axis=1),
            "speech": np.concatenate(activity),
            "hops": np.array([len(one) for one in activity]),
            "reasons": np.array(reasons),
        }

    packed = cached(cache, "heard", items, asdict(front_end), all_voices)
    ends = np.cumsum(packed["hops"])
    log_mel, speech = packed["log_mel"], packed["speech"]
    out = [
        (log_mel[:, (end - hops) * per_hop : end * per_hop], speech[end - hops : end]) if hops else None
        for end, hops in zip(ends, packed["hops"], strict=True)
    ]
    return out, wrong(items, packed["reasons"])


def _voice_of(path, front_end):
    samples = whole_hops(load_audio(path, front_end.rate), front_end.hop)
    if not np.abs(samples).max(initial=0.0):
        raise EmorecError(f"{path.name} holds no sound.")
    return features.log_mel(samples, front_end).to(torch.float16).numpy(), features.speech(samples, front_end)


def each(items, read, what):
    """What ``read`` makes of each item, None and a sentence where it cannot; no sentence is ""."""
    found, reasons = [], []
    for item in tqdm(items, desc=what, disable=None):
        try:
            found.append(read(item))
            reasons.append("")
        except EmorecError as error:
            found.append(None)
            reasons.append(str(error))
    return found, reasons


def wrong(items, reasons):
    """The items with a reason, and it: a list of (item, sentence)."""
    return [(item, str(reason)) for item, reason in zip(items, reasons, strict=True) if reason]
