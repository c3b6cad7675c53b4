"""The baseline: a program that analyses every window separately."""

import av
import numpy as np
import torch

from emorec.face import alignment, detection
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.media import sampling
from emorec.voice import features

RATE = 5.0  # pictures per second that are analysed, as many as emorec samples


def one_window(analyzer, path, middle):
    """Reopen, seek, decode, detect and encode the window around ``middle`` (s); returns the number of faces."""
    low, high = max(0.0, middle - DEFAULT_WINDOW / 2), middle + DEFAULT_WINDOW / 2
    model = analyzer.model
    detector = detection.detector(analyzer.detector_file)
    crops, next_bin = [], 0
    with torch.inference_mode():
        for time, frame in _frames(path, "video", low, high):
            if sampling.bin_of(time, RATE) < next_bin:
                continue
            next_bin = sampling.bin_of(time, RATE) + 1
            image = frame.to_ndarray(format="rgb24")
            crops += [alignment.align(image, face.landmarks, model.face.config.size) for face in detector.detect(image)]
        for crop in crops:
            model.face(torch.from_numpy(crop)[None, None].float() / 255)
        samples = _sound(path, low, high, model.front_end)
        hops = len(samples) // model.front_end.hop
        if hops:
            speech = features.speech(samples, model.front_end)
            log_mel = features.log_mel(samples[: hops * model.front_end.hop], model.front_end)
            embeddings = model.voice.embed(log_mel[None])
            model.voice.classify(model.voice.pool(embeddings, torch.from_numpy(speech)[None]))
    return len(crops)


def _frames(path, kind, low, high):
    """Frames with times in [low, high) of a newly opened file, decoded from the keyframe before them."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        stream.thread_type = "AUTO"
        container.seek(int(low / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time >= high:
                return
            if frame.time >= low:
                yield frame.time, frame


def _sound(path, low, high, front_end):
    resampler = av.AudioResampler("fltp", "mono", front_end.rate)
    pieces = [np.zeros(0, np.float32)]
    for _, frame in _frames(path, "audio", low, high):
        pieces += [out.to_ndarray()[0] for out in resampler.resample(frame)]
    return np.concatenate(pieces)
