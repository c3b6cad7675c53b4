"""The whole recipe of the bundled weights: the face CNN, the voice CNN for each fold of held-out people, the fusion."""

import time
from dataclasses import replace

from emorec.models import checkpoint as checkpoints
from train import distributed, loop, refit, run_dir
from train.data import datasets
from train.evaluation import predictions
from train.recipes import bundled_provenance, distillation, face, merging, teachers, voice

# What the bundled weights are made of; the other folds only serve to measure them.
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
    "voice, listener": distillation.run_of(bundled_provenance.FOLD),
    "voice, listener that judges": distillation.judging_of(bundled_provenance.FOLD),
}


def train_face(options):
    """The face CNN, in RUNS/face, and two more trainings, each from the one before, in RUNS/face-refined(-2)."""
    where = (options.train_dir, options.out, options.cache)
    schedule = schedule_of(face.SCHEDULE, options)
    # A finished network is what the next training starts from.
    first = options.out / face.RUNS[0]
    done = loop.finished(first) == schedule.epochs
    face.train(options.train_dir, first, options.cache, schedule, options.device, options.resume or done)
    for number, refining in enumerate(face.REFINE_SCHEDULES):
        schedule = schedule_of(refining, options)
        done = loop.finished(options.out / face.RUNS[number + 1]) == schedule.epochs
        face.refine(*where, number, schedule, options.device, options.resume or done)


def train_voice(options):
    """The voice CNN: once on people who are never held out, in RUNS/voice-first, then from there for each fold, in
    RUNS/voice-FOLD, then twice from there."""
    where = (options.train_dir, options.out, options.cache)
    first = schedule_of(voice.FIRST_SCHEDULE, options)
    # Once it is finished, every fold starts from it, whether or not other folds have run before.
    done = loop.finished(options.out / "voice-first") == first.epochs
    voice.train_first(*where, first, options.device, options.resume or done)
    for fold in options.folds:
        # As above: a finished network is what its refinements start from.
        schedule = schedule_of(voice.SCHEDULE, options)
        done = loop.finished(options.out / f"voice-{fold}") == schedule.epochs
        voice.train(*where, fold, schedule, options.device, options.resume or done)
        for number in range(len(voice.REFINE_HOPS)):
            schedule = schedule_of(voice.REFINE_SCHEDULE, options)
            voice.refine(*where, fold, number, schedule, options.device, options.resume)


def train_listener(options):
    """What the voice CNN hears beside emotions, for each fold, in RUNS/listener-FOLD and on from there in
    RUNS/listener-FOLD-judging; and both together, in RUNS/voice-FOLD-joined."""
    where = (options.train_dir, options.out, options.cache)
    for fold in options.folds:
        schedule = schedule_of(distillation.SCHEDULE, options)
        done = loop.finished(options.out / distillation.run_of(fold)) == schedule.epochs
        distillation.train(*where, fold, schedule, options.device, options.resume or done)
        schedule = schedule_of(distillation.JUDGING_SCHEDULE, options)
        done = loop.finished(options.out / distillation.judging_of(fold)) == schedule.epochs
        distillation.refine(*where, fold, schedule, options.device, options.resume or done)
        if distributed.rank() == 0:
            merging.join(*where, fold)
        distributed.barrier()


def need_teachers(options):
    """Raises EmorecError now rather than after hours where the listener could not be trained."""
    teachers.check()


def train_fusion(options):
    """What lies on top of finished encoders: the whole checkpoint in RUNS/checkpoint."""
    if distributed.rank():
        return  # it takes some minutes, and one process does it as well
    voice_nets = {fold: voice.trained(options.out, fold) for fold in range(datasets.FOLDS)}
    setting = predictions.Setting(options.train_dir, options.out, options.cache)
    model = refit.build(face.trained(options.out), voice_nets, bundled_provenance.FOLD, setting)
    model.training = bundled_provenance.facts_of(options.train_dir) | {
        "finished": time.strftime("%Y-%m-%d"),
        "compute": run_dir.compute({part: options.out / run for part, run in SHIPPED_RUNS.items()}),
    }
    checkpoints.save(model, options.out / "checkpoint")
    print(f"wrote {options.out / 'checkpoint'}; measure it with train/evaluate.py")


TASKS = {
    "face": (train_face,),
    "voice": (need_teachers, train_voice, train_listener),
    "listener": (need_teachers, train_listener),
    "fusion": (train_fusion,),
    "all": (need_teachers, train_face, train_voice, train_listener, train_fusion),
}


def schedule_of(schedule, options):
    """The schedule with what the user asked for."""
    names = ("epochs", "lr", "batch_size", "weight_decay", "seed", "save_every")
    asked = {name: getattr(options, name) for name in names}
    return replace(schedule, **{name: value for name, value in asked.items() if value is not None})
