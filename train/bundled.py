"""The recipe of the bundled weights: the face CNN, the voice CNN for each fold of held-out people, the fusion."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

from emorec.models import checkpoint as checkpoints
from train import distributed, loop, refit, run_dir
from train.data import datasets
from train.evaluation import predictions
from train.recipes import bundled_provenance, distillation, face, merging, teachers, voice, voice_head
from train.recipes.workspace import Workspace

# The runs that the bundled weights come from; the other folds are only used to measure them.
SHIPPED_RUNS = {
    "face": face.RUNS[0],
    **{f"face, refined ({number})": run for number, run in enumerate(face.RUNS) if number},
    "voice, first languages": "voice-first",
    "voice": f"voice-{bundled_provenance.FOLD}",
}
SHIPPED_RUNS |= {
    f"voice, refined ({number + 1})": voice.refinement(bundled_provenance.FOLD, number)
    for number in range(len(voice.REFINE_HOPS))
}
SHIPPED_RUNS |= {
    "voice, distilled trunk": distillation.run_of(bundled_provenance.FOLD),
    "voice, distilled trunk, refined": distillation.refined_run_of(bundled_provenance.FOLD),
}


def train_face(options: argparse.Namespace) -> None:
    """Train the face CNN in RUNS/face, then twice more, each from the run before, in RUNS/face-refined(-2)."""
    folders = (options.train_dir, options.out, options.cache)
    schedule = schedule_of(face.SCHEDULE, options)
    # If the first run is finished, it is only loaded, and the next ones are trained.
    first = options.out / face.RUNS[0]
    done = loop.finished_epochs(first) == schedule.epochs
    face.train(options.train_dir, first, options.cache, schedule, options.device, options.resume or done)
    for number, refining in enumerate(face.REFINE_SCHEDULES):
        schedule = schedule_of(refining, options)
        done = loop.finished_epochs(options.out / face.RUNS[number + 1]) == schedule.epochs
        face.refine(*folders, number, schedule, options.device, options.resume or done)


def train_voice(options: argparse.Namespace) -> None:
    """Train the emotion trunk of the voice CNN: on people who are never held out, in RUNS/voice-first; from there for
    each fold, in RUNS/voice-FOLD; from there twice more."""
    first = schedule_of(voice.FIRST_SCHEDULE, options)
    # If it is finished, every fold starts from it, whether or not other folds were trained before.
    done = loop.finished_epochs(options.out / "voice-first") == first.epochs
    voice.train_first(_workspace(options, done), first)
    for fold in options.folds:
        # As above: if the run is finished, only its refinements are trained.
        schedule = schedule_of(voice.SCHEDULE, options)
        done = loop.finished_epochs(options.out / f"voice-{fold}") == schedule.epochs
        voice.train(_workspace(options, done), fold, schedule)
        for number in range(len(voice.REFINE_HOPS)):
            schedule = schedule_of(voice.REFINE_SCHEDULE, options)
            voice.refine(_workspace(options), fold, number, schedule)


def train_distilled(options: argparse.Namespace) -> None:
    """Train the distilled trunk of the voice CNN for each fold, in RUNS/listener-FOLD and from there in
    RUNS/listener-FOLD-judging; then merge both trunks in RUNS/voice-FOLD-joined."""
    folders = (options.train_dir, options.out, options.cache)
    for fold in options.folds:
        schedule = schedule_of(distillation.SCHEDULE, options)
        done = loop.finished_epochs(options.out / distillation.run_of(fold)) == schedule.epochs
        distillation.train(_workspace(options, done), fold, schedule)
        schedule = schedule_of(distillation.CLASSIFIER_SCHEDULE, options)
        done = loop.finished_epochs(options.out / distillation.refined_run_of(fold)) == schedule.epochs
        distillation.refine(_workspace(options, done), fold, schedule)
        if distributed.rank() == 0:
            merging.merge(*folders, fold)
        distributed.barrier()


def check_teachers(options: argparse.Namespace) -> None:
    """Raise EmorecError at once, not after hours of training, if the teachers of the distilled trunk are missing."""
    teachers.check()


def train_fusion(options: argparse.Namespace) -> None:
    """Fit everything on top of finished encoders and write the whole checkpoint, RUNS/checkpoint."""
    if distributed.rank():
        return  # one process is enough: it takes some minutes
    voice_nets = {fold: voice.load_trained(options.out, fold) for fold in range(datasets.FOLDS)}
    setting = predictions.Setting(
        data=options.train_dir, runs=options.out, cache=options.cache, augmented=voice_head.AUGMENTED
    )
    model = refit.build(face.load_trained(options.out), voice_nets, bundled_provenance.FOLD, setting)
    model.training = bundled_provenance.metadata_of(options.train_dir, setting.augmented) | {
        "finished": time.strftime("%Y-%m-%d"),
        "compute": run_dir.compute({part: options.out / run for part, run in SHIPPED_RUNS.items()}),
    }
    checkpoints.save(model, options.out / "checkpoint")
    print(f"wrote {options.out / 'checkpoint'}; measure it with train/evaluate.py")


TASKS: dict[str, tuple[Callable[[argparse.Namespace], None], ...]] = {
    "face": (train_face,),
    "voice": (check_teachers, train_voice, train_distilled),
    "distill": (check_teachers, train_distilled),
    "fusion": (train_fusion,),
    "all": (check_teachers, train_face, train_voice, train_distilled, train_fusion),
}


def schedule_of(schedule: loop.Schedule, options: argparse.Namespace) -> loop.Schedule:
    """The schedule with the values that the user set."""
    names = ("epochs", "lr", "batch_size", "weight_decay", "seed", "save_every")
    chosen = {name: getattr(options, name) for name in names}
    return replace(schedule, **{name: value for name, value in chosen.items() if value is not None})


def _workspace(options: argparse.Namespace, finished: bool = False) -> Workspace:
    """The Workspace of a run; a ``finished`` run is loaded instead of trained, even without ``--resume``."""
    resume = options.resume or finished
    return Workspace(
        data=options.train_dir, runs=options.out, cache=options.cache, device=options.device, resume=resume
    )
