"""Data sets turned once into arrays, by the same code that runs at inference, and kept in a cache folder."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
import torchaudio
from tqdm import tqdm

from emorec.errors import EmorecError
from emorec.extraction.voices import BLOCK_HOPS
from emorec.face import alignment, detection
from emorec.media import streams
from emorec.models import pretrained
from emorec.voice import features
from train import distributed

ENLARGED = 4  # FER+ pictures are enlarged this often before the detector looks: 48 px faces are small for it

LONGEST_CLIP = 2 * 3600.0  # seconds of a clip to train on, which is held in memory as a whole
BLOCK_SECONDS = BLOCK_HOPS * features.VoiceFrontEnd().hop_seconds


def face_crops(items, size, cache):
    """Aligned grey crops (N, size, size) uint8 of pictures of one face each; where none is found, the whole picture."""

    def crops():
        detector = detection.YuNet(pretrained.face_detector_file())
        out = np.empty((len(items), size, size), np.uint8)
        for row, item in enumerate(tqdm(items, desc="faces", disable=None)):
            picture = enlarged(item.path)
            found = detector.detect(picture)
            whole = cv2.cvtColor(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
            out[row] = alignment.align(picture, found[0].landmarks, size) if found else whole
        return {"crops": out}

    return cached(cache, "faces", items, {"size": size, "framing": alignment.FRAMING.tolist()}, crops)["crops"]


def web_crops(items, size, cache):
    """Aligned grey crops (M, size, size) uint8 of pictures in which a face is found, and their rows among items (M,).

    The largest face of a picture counts.
    """

    def crops():
        detector = detection.YuNet(pretrained.face_detector_file())
        rows, out = [], []
        for row, item in enumerate(tqdm(items, desc="faces", disable=None)):
            picture = cv2.cvtColor(cv2.imread(str(item.path)), cv2.COLOR_BGR2RGB)
            if found := detector.detect(picture):
                largest = max(found, key=lambda face: face.box[2] * face.box[3])
                rows.append(row)
                out.append(alignment.align(picture, largest.landmarks, size))
        return {"crops": np.array(out, np.uint8).reshape(-1, size, size), "rows": np.array(rows, int)}

    found = cached(cache, "webfaces", items, {"size": size, "framing": alignment.FRAMING.tolist()}, crops)
    return found["crops"], found["rows"]


def enlarged(path):
    """A small grey picture as a larger RGB one, as the detector wants it."""
    return enlarge(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2RGB))


def enlarge(image):
    """An image four times as large on each side."""
    return cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)


def voice_clips(items, front_end, cache, speeds=None):
    """Every clip as (log-mel float16 (n_mels, T), speech float32 (T / 16,)), T a multiple of 16; see ``played``."""

    def clips():
        spectra, activity, lengths = [], [], []
        for samples in played(items, front_end, speeds):
            spectra.append(features.log_mel(samples, front_end).to(torch.float16).numpy())
            activity.append(features.speech(samples, front_end))
            lengths.append(len(activity[-1]))
        return {
            "log_mel": np.concatenate(spectra, axis=1),
            "speech": np.concatenate(activity),
            "hops": np.array(lengths),
        }

    packed = cached(cache, "voices", items, settings_of(front_end, speeds), clips)
    ends = np.cumsum(packed["hops"])
    per_hop = front_end.hop // front_end.frame
    log_mel, speech = packed["log_mel"], packed["speech"]
    return [
        (log_mel[:, (end - hops) * per_hop : end * per_hop], speech[end - hops : end])
        for end, hops in zip(ends, packed["hops"], strict=True)
    ]


def settings_of(front_end, speeds=None):
    """What sets apart in the cache what was made of voices."""
    facts = asdict(front_end) | {"version": features.VERSION}
    return facts | ({"speeds": speeds} if speeds else {})


def played(items, front_end, speeds=None):
    """The samples of each recording, padded to whole hops; with ``speeds``, a pair of a seed and factors, each played
    so many times as fast, by a factor drawn for it. As on a tape, the voice becomes higher and the mouth smaller."""
    factors = np.random.default_rng(speeds[0]).choice(speeds[1], len(items)) if speeds else np.ones(len(items))
    for item, factor in zip(tqdm(items, desc="voices", disable=None), factors, strict=True):
        samples = load_audio(item.path, front_end.rate)
        if factor != 1:
            # To a hundredth: a resampler between rates without a common divisor is a large one.
            faster = torchaudio.functional.resample(torch.from_numpy(samples), round(100 * factor), 100, 16)
            samples = faster.numpy()
        yield whole_hops(samples, front_end.hop)


def load_audio(path, rate):
    """A whole recording, mono float32, starting at the media's zero; resampled in the very blocks of inference.

    Raises EmorecError if it goes on for more than ``LONGEST_CLIP``, silence before its first sound included.
    """
    pieces = [np.zeros(0, np.float32)]
    for block in streams.audio(path, rate, block_seconds=BLOCK_SECONDS):
        if block.time > LONGEST_CLIP:
            raise EmorecError(
                f"{Path(path).name} lasts more than {LONGEST_CLIP / 3600:g} hours; cut it into clips to train on."
            )
        if len(pieces) == 1:
            pieces.append(np.zeros(max(0, round(block.time * rate)), np.float32))
        pieces.append(block.samples)
    return np.concatenate(pieces)


def whole_hops(samples, hop):
    """Samples padded with silence to a whole number of hops."""
    return np.pad(samples, (0, -len(samples) % hop))


def cached(cache, kind, items, settings, make):
    """The arrays that ``make()`` returns, kept in ``cache`` under a hash of the items and the settings.

    Of several processes one makes them. Raises EmorecError where they cannot be stored.
    """
    key = hashlib.sha256(json.dumps([kind, [_identity(item) for item in items], settings]).encode()).hexdigest()[:16]
    file = Path(cache) / f"{kind}-{key}.npz"
    with distributed.first_alone():
        if not file.exists():
            arrays, partial = make(), file.with_suffix(".partial.npz")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(partial, **arrays)
                partial.replace(file)
            except OSError as error:
                partial.unlink(missing_ok=True)
                reason = error.strerror or error
                raise EmorecError(
                    f"The cache {cache} cannot be written ({reason}); make room and start again."
                ) from None
    with np.load(file) as arrays:
        return dict(arrays)


def _identity(item):
    """A file's place and size; a missing one has none, and is found wrong when it is read."""
    return str(item.path.resolve()), item.path.stat().st_size if item.path.exists() else None
