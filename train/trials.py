"""Harder protocols: a language never heard, a modality missing or spoilt, and a user's own data."""

import tempfile
import wave
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from emorec import faces, media, observe, segments, weights, windows
from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.errors import EmorecError
from emorec.persons import Tracker
from emorec.voice import VoiceFrontEnd
from train import corpora, datasets, fusion, gather, layouts, measures, own_face, own_voice, pack, voice
from train.fusion import Samples
from train.protocols import JAVANESE_EMOTIONS, refuse_met

CORPORA = ("ravdess", "nemo", "ased", "javanese")
CROSS_EPOCHS = 8
NOISES = (20, 10, 0)  # dB, of the clip's power over the noise's
BLUR = 2.5  # pixels of the frame, standard deviation
JPEG_QUALITY = 10
NAMES = tuple(name for name in Samples.__dataclass_fields__ if name not in ("truth", "fold"))


def cross_voice(model, setting):
    """Each voice corpus by a network trained on the three others, for ``setting.epochs``; which takes hours in full.

    An item is judged among the emotions of its corpus. Trainings are kept in ``runs`` and gone on with.
    """
    if setting.runs is None:
        raise EmorecError("cross-voice trains networks of its own; name a folder for them by --runs.")
    items = datasets.voices(setting.data)
    clips = pack.voice_clips(items, VoiceFrontEnd(), setting.cache)
    schedule = replace(voice.SCHEDULE, epochs=setting.epochs or CROSS_EPOCHS)
    recalls, predicted, truth, everything = {}, [], [], []
    for corpus in CORPORA:
        net = voice.train_without(setting.data, setting.runs, setting.cache, corpus, schedule, resume=True)
        rows = [row for row, item in enumerate(items) if item.corpus == corpus]
        labels = np.array([EMOTIONS.index(emotion_of(items[row].label)) for row in rows])
        p = fusions.softmax(voice.logits_of(net, voice.features(net, [clips[row] for row in rows])).astype(np.float64))
        possible = [EMOTIONS[label] for label in np.unique(labels)]
        decided = np.array([EMOTIONS.index(emotion) for emotion in possible])[measures.among(p, possible).argmax(1)]
        recalls[corpus] = measures.recall(decided, labels)
        predicted.append(decided)
        truth.append(labels)
        everything.append(p)
    truth, spread = np.concatenate(truth), float(np.std(list(recalls.values())))
    return {
        "what": f"Voices of a corpus and language never heard, {schedule.epochs} epochs on the three others",
        "metric": "unweighted average recall",
        "items": len(truth),
        "results": {"voice": float(np.mean(list(recalls.values()))), **recalls},
        "spread": {"voice": spread, **dict.fromkeys(recalls, spread)},
        **measures.confusion(np.concatenate(predicted), truth, EMOTIONS),
        "calibration_error": {"before": measures.ece(np.concatenate(everything), truth)},
    }


def robust(model, setting):
    """Javanese clips of actors whom the checkpoint never met, with either modality missing or spoilt."""
    items = datasets.javanese(setting.data / "JavaneseAV")
    met = set(model.training.get("persons", ()))
    items = [item for item in items if item.person not in met]
    if not items:
        raise EmorecError("The checkpoint was trained on everybody in JavaneseAV, so nobody is left to judge it on.")
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    conditions = spoilt(items, truth, model, setting.cache)
    labels = np.array([JAVANESE_EMOTIONS.index(EMOTIONS[label]) for label in truth])
    predicted = {}
    for condition, samples in conditions.items():
        judged = fusion.ways(samples, fusion.predict(model.fusion, samples), model.calibration)
        for way in ("face", "voice", "late", "intermediate"):
            if not np.isnan(judged[way]).all():
                p = measures.among(judged[way], JAVANESE_EMOTIONS)
                predicted[f"{way}, {condition}"] = np.where(
                    np.isnan(judged[way][:, 0]), measures.NOBODY, p.argmax(axis=1)
                )
    clean = conditions["clean"]
    late = fusion.ways(clean, fusion.predict(model.fusion, clean), model.calibration)["late"]
    late = measures.among(late, JAVANESE_EMOTIONS)
    mean = measures.among(fusions.mean(clean.face_probabilities, clean.voice_probabilities), JAVANESE_EMOTIONS)
    return {
        "what": "Javanese clips of actors never met, with a modality missing or spoilt, 6 emotions",
        "metric": "accuracy",
        "items": len(items),
        **measures.accuracy(predicted, labels),
        **measures.confusion(late.argmax(1), labels, JAVANESE_EMOTIONS),
        "calibration_error": {"before": measures.ece(mean, labels), "after": measures.ece(late, labels)},
    }


def spoilt(items, truth, model, cache):
    """Samples of whole clips under each condition: clean, a modality missing, pictures or sound spoilt."""
    detector = faces.detector(weights.face_detector_file())
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, item in enumerate(tqdm(items, desc="spoiling", disable=None)):
            seen = [*observe.observe(item.path, model, detector, cache=cache / "observations")][-1]
            rows.setdefault("clean", []).append(_pooled(seen, model, {}))
            for name, spoil in LOOKS.items():
                file = Path(scratch, "spoilt.avi")
                write_spoilt(item.path, file, spoil, np.random.default_rng([number, 1]))
                parts = observe.face_segments(file, model, detector, Tracker(), observe.Settings(), 0, _span(model), [])
                rows.setdefault(name, []).append(_pooled(seen, model, dict(enumerate(parts))))
            samples = pack.load_audio(item.path, model.front_end.rate)
            for decibels in NOISES:
                file = Path(scratch, "noisy.wav")
                write_wave(
                    file, with_noise(samples, decibels, np.random.default_rng([number, 2])), model.front_end.rate
                )
                parts = observe.voice_segments(file, model, 0, [])
                rows.setdefault(f"noise at {decibels} dB", []).append(_pooled(seen, model, dict(enumerate(parts))))
    nobody = np.zeros(len(items), int)
    conditions = {
        name: Samples(**{n: np.concatenate([getattr(p, n) for p in pooled]) for n in NAMES}, truth=truth, fold=nobody)
        for name, pooled in rows.items()
    }
    conditions["no face"] = without(conditions["clean"], "face")
    conditions["no voice"] = without(conditions["clean"], "voice")
    return conditions


def write_spoilt(path, file, spoil, random):
    """The pictures that are sampled from a video, each as spoil(image, random) makes it, as a lossless video."""
    rate = observe.Settings().face_rate
    writer = None
    for frame in media.frames(path, rate):
        image = spoil(frame.image, random)
        if writer is None:
            writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"FFV1"), rate, image.shape[1::-1])
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()


def _jpeg(image, _):
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


LOOKS = {
    "blurred": lambda image, _: cv2.GaussianBlur(image, (0, 0), BLUR),
    f"JPEG {JPEG_QUALITY}": _jpeg,
    "half of the frames dark": lambda image, random: image if random.random() < 0.5 else np.zeros_like(image),
}


def with_noise(samples, decibels, random):
    """Samples with white noise whose power lies so many dB below theirs."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    noise = random.normal(0, np.sqrt(power / 10 ** (decibels / 10)), len(samples))
    return (samples + noise).astype(np.float32)


def without(samples, part):
    """Samples in which nothing is seen ("face") or heard ("voice")."""
    return replace(
        samples,
        **{
            f"{part}_features": np.zeros_like(getattr(samples, f"{part}_features")),
            f"{part}_probabilities": np.full_like(getattr(samples, f"{part}_probabilities"), np.nan),
            f"{part}_coverage": np.zeros_like(getattr(samples, f"{part}_coverage")),
        },
    )


def own_data(model, setting):
    """A user's data set: every item by whatever it shows; spread over its people."""
    items, samples = judged_items(model, setting)
    judged = fusion.ways(samples, fusion.predict(model.fusion, samples), model.calibration)
    has = {"face": ~np.isnan(judged["face"]).all(), "voice": ~np.isnan(judged["voice"]).all()}
    wanted = [way for way in judged if has.get(way, all(has.values()))]
    people = [item.person for item in items] if corpora.known_people(items) else ["everybody"] * len(items)
    groups = [np.array([person == one for person in people]) for one in sorted(set(people))]
    predicted = {way: measures.decided(judged[way]) for way in wanted}
    accuracies = {way: [float((p[g] == samples.truth[g]).mean()) for g in groups] for way, p in predicted.items()}
    main = "late" if "late" in wanted else wanted[0]
    raw = {"face": samples.face_probabilities, "voice": samples.voice_probabilities}
    raw["late"] = fusions.mean(raw["face"], raw["voice"])
    errors = {"before": measures.ece(raw[main], samples.truth), "after": measures.ece(judged[main], samples.truth)}
    return {
        "what": f"{setting.dataset}: {len(items)} items of {len(groups)} people, 7 emotions, spread over people",
        "metric": "accuracy",
        "items": len(items),
        "results": measures.accuracy(predicted, samples.truth)["results"],
        "spread": {way: float(np.std(values)) for way, values in accuracies.items()},
        "unweighted_average_recall": {way: measures.recall(p, samples.truth) for way, p in predicted.items()},
        **measures.confusion(predicted[main], samples.truth, EMOTIONS),
        "calibration_error": errors,
    }


def judged_items(model, setting):
    """A user's items that can be judged, and one window of each as Samples. Refuses people of the training."""
    path, kind = setting.data, None
    for kind in ("fusion", "voice", "face"):  # the first kind of media that is there
        try:
            items = layouts.READERS[setting.dataset](Path(path), kind)
            break
        except EmorecError:
            if kind == "face":
                raise
    mapping = corpora.read_mapping(setting.labels) if setting.labels else None
    items = [item for item in corpora.labelled(items, mapping, path) if item.label and emotion_of(item.label)]
    refuse_met(model, {item.person for item in items})
    if kind == "fusion":
        detector = faces.detector(weights.face_detector_file())
        found, reasons = gather.each(items, lambda item: _whole_clip(item, model, detector, setting.cache), "videos")
        wrong = gather.wrong(items, reasons)
    else:
        found, wrong = _one_modality(items, model, kind, setting.cache)
    kept = [row for row, one in enumerate(found) if one is not None]
    if wrong:
        print(f"{len(wrong)} of {len(items)} items cannot be used; the first: {wrong[0][1]}")
    if not kept:
        raise EmorecError(f"None of the {len(items)} items in {path} can be judged.")
    truth = np.array([EMOTIONS.index(emotion_of(items[row].label)) for row in kept])
    columns = {name: np.concatenate([getattr(found[row], name) for row in kept]) for name in NAMES}
    return [items[row] for row in kept], Samples(**columns, truth=truth, fold=np.zeros(len(kept), int))


def _whole_clip(item, model, detector, cache):
    seen = [*observe.observe(item.path, model, detector, cache=cache / "observations")][-1]
    pooled = _pooled(seen, model, {})
    if np.isnan(pooled.face_probabilities).any() and np.isnan(pooled.voice_probabilities).any():
        raise EmorecError(f"Nobody is seen or heard in {item.path.name}.")
    return pooled


def _one_modality(items, model, kind, cache):
    """One Pooled for each item of which only faces, or only voices, are judged."""
    if kind == "face":
        clips, wrong = gather.seen_faces(items, model.face.config.size, cache)
        judge, labels = own_face.opinions, model.face.config.labels
    else:
        clips, wrong = gather.heard_voices(items, model.front_end, cache)
        judge, labels = own_voice.opinions, model.voice.config.heads["emotions"]
    rows = [row for row, clip in enumerate(clips) if clip is not None]
    found = [None] * len(items)
    if rows:
        seven = fold(judge(getattr(model, kind), [clips[row] for row in rows]).astype(np.float64), labels)
        config = model.fusion.config
        for row, probabilities in zip(rows, seven, strict=True):
            columns = {"person": np.zeros(1, int)}
            for part, width in (("face", config.face_features), ("voice", config.voice_features)):
                known = part == kind
                columns[f"{part}_features"] = np.zeros((1, width), np.float32)
                columns[f"{part}_probabilities"] = probabilities[None] if known else np.full((1, len(EMOTIONS)), np.nan)
                columns[f"{part}_coverage"] = np.array([float(known)])
            found[row] = windows.Pooled(**columns)
    return found, wrong


def _pooled(seen, model, parts):
    """The whole recording as one window, with some segments' arrays replaced by ``parts`` (by segment number)."""
    changed = tuple({**segment, **parts.get(number, {})} for number, segment in enumerate(seen.segments))
    return windows.pool(replace(seen, segments=changed), model, np.array([0.0]), np.array([seen.duration]))


def _span(model):
    return segments.SEGMENT_HOPS * model.front_end.hop_seconds


def write_wave(file, samples, rate):
    """Samples in [-1, 1] as a wave file of 16 bits."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
