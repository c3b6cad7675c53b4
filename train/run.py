"""Train the networks and put a checkpoint together.

    python train/run.py --task all --train_dir DATA --out RUNS

trains the face CNN, the voice CNN for each fold of held-out people, and the fusion, and writes RUNS/checkpoint.
`python train/evaluate.py` then measures it and writes its card.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from emorec import checkpoint as checkpoints
from emorec.errors import EmorecError
from train import datasets, face, fusion, voice
from train.evaluate import audio_visual_folds

SHIPPED_FOLD = 0  # the bundled weights never met the people of this fold, so that they can be tried on them

LIMITS = (
    "It names expressions as actors and strangers' votes named them, not what a person feels.",
    "Voices: acted English, Polish, Amharic and Javanese speech; spontaneous speech and other languages are untested.",
    "Faces: mostly frontal pictures from the web; disgust, fear and contempt are rare there and recognised least.",
    "Not for decisions about people: hiring, grading, policing, diagnosis.",
)
LICENCE = "cc-by-nc-sa-4.0"
SOURCES = (
    {"name": "FER+", "use": "face", "items": "28,385 of 28,558 Train pictures", "licence": "research use"},
    {"name": "RAVDESS", "use": "voice", "items": "actors outside the held-out fold", "licence": "CC BY-NC-SA 4.0"},
    {"name": "nEMO", "use": "voice", "items": "all 9 speakers", "licence": "CC BY-NC-SA 4.0"},
    {"name": "ASED", "use": "voice", "items": "all 65 speakers", "licence": "none stated"},
    {"name": "Javanese voices", "use": "voice", "items": "actors outside the held-out fold", "licence": "MIT"},
    {
        "name": "Javanese audio-visual clips",
        "use": "fusion, calibration",
        "items": "actors outside the held-out fold",
        "licence": "MIT",
    },
    {
        "name": "pairs of a FER+ Valid face and a voice of the held-out RAVDESS actors that share a label",
        "use": "fusion",
        "items": "about 4,000 pairs of different people; no real recording shows them together",
        "licence": "as their parts",
    },
)


def train_face(options):
    """The face CNN, in RUNS/face."""
    schedule = _schedule(face.SCHEDULE, options)
    face.train(options.train_dir, options.out / "face", options.cache, schedule, options.device, options.resume)


def train_voice(options):
    """The voice CNN: once on people who are never held out, in RUNS/voice-first, then from there for each fold."""
    where = (options.train_dir, options.out, options.cache)
    if not options.resume or not (options.out / "voice-first" / "last.pt").exists():
        voice.train_first(*where, _schedule(voice.FIRST_SCHEDULE, options), options.device)
    for fold in options.folds:
        voice.train(*where, fold, _schedule(voice.SCHEDULE, options), options.device, options.resume)


def train_fusion(options):
    """The fusion network and calibration over finished encoders, and the whole checkpoint in RUNS/checkpoint."""
    face_net = face.trained(options.out)
    voice_nets = {fold: voice.trained(options.out, fold) for fold in audio_visual_folds()}
    nets, clips, fused = fusion.cross_fit(options.train_dir, face_net, voice_nets, options.cache)
    unheard = fusion.unheard_voices(options.train_dir, voice_nets, options.cache)
    voices = datasets.voices(options.train_dir)
    persons = {item.person: fold for item, fold in zip(voices, datasets.fold_of(voices), strict=True)}
    model = checkpoints.Checkpoint(
        face=face_net,
        voice=voice_nets[SHIPPED_FOLD],
        fusion=nets[SHIPPED_FOLD],
        calibration=fusion.calibrated_without(SHIPPED_FOLD, clips, fused, unheard),
        training={
            "held_out_fold": SHIPPED_FOLD,
            "persons": sorted(person for person, fold in persons.items() if fold != SHIPPED_FOLD),
            "held_out": sorted(person for person, fold in persons.items() if fold == SHIPPED_FOLD),
            "sources": list(SOURCES),
            "limits": list(LIMITS),
            "licence": LICENCE,
            "finished": time.strftime("%Y-%m-%d"),
        },
    )
    checkpoints.save(model, options.out / "checkpoint")
    print(f"wrote {options.out / 'checkpoint'}; measure it with train/evaluate.py")


TASKS = {"face": (train_face,), "voice": (train_voice,), "fusion": (train_fusion,)}
TASKS["all"] = (train_face, train_voice, train_fusion)


def _schedule(schedule, options):
    asked = {"epochs": options.epochs, "lr": options.lr, "batch_size": options.batch_size, "seed": options.seed}
    return replace(schedule, **{name: value for name, value in asked.items() if value is not None})


def _option(parser, name, **settings):
    parser.add_argument(*dict.fromkeys((name, "--" + name[2:].replace("_", "-"))), dest=name[2:], **settings)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    _option(parser, "--task", choices=sorted(TASKS), default="all")
    _option(parser, "--train_dir", type=Path, required=True, help="folder that holds FERPlus, RAVDESS, nEMO, ASED, ...")
    _option(parser, "--out", type=Path, default=Path("runs"), help="folder of the runs (default runs)")
    _option(parser, "--folds", type=_folds, default=tuple(range(datasets.FOLDS)), help="folds of people, as 0,1,2")
    _option(parser, "--epochs", type=int)
    _option(parser, "--batch_size", type=int)
    _option(parser, "--lr", type=float)
    _option(parser, "--seed", type=int)
    _option(parser, "--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    _option(parser, "--resume", action="store_true", help="go on from the last finished epoch")
    _option(parser, "--threads", type=int, help="CPU threads to train with")
    options = parser.parse_args(arguments)
    options.cache = options.out / "cache"
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        for step in TASKS[options.task]:
            step(options)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped; go on from the last finished epoch with --resume\n")


def _folds(text):
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
