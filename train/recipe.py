"""The whole recipe of the bundled weights: the face CNN, the voice CNN for each fold of held-out people, the fusion."""

import time
from dataclasses import replace

from emorec import checkpoint as checkpoints
from train import (
    datasets,
    face,
    joining,
    listener,
    loop,
    parallel,
    predictions,
    record,
    teachers,
    top,
    voice,
    voice_head,
)

SHIPPED_FOLD = 0  # the bundled weights never met the people of this fold, so that they can be tried on them

# What the bundled weights are made of; the other folds only serve to measure them.
SHIPPED_RUNS = {
    "face": face.RUNS[0],
    **{f"face, refined ({number})": run for number, run in enumerate(face.RUNS) if number},
    "voice, first languages": "voice-first",
    "voice": f"voice-{SHIPPED_FOLD}",
}
SHIPPED_RUNS |= {
    f"voice, refined ({number + 1})": voice.refinement(SHIPPED_FOLD, number) for number in range(len(voice.REFINE_HOPS))
}
SHIPPED_RUNS |= {
    "voice, listener": listener.run_of(SHIPPED_FOLD),
    "voice, listener that judges": listener.judging_of(SHIPPED_FOLD),
}

LIMITS = (
    "It names expressions as actors and strangers' votes named them, not what a person feels.",
    "Voices: acted English, Polish, Amharic, Javanese and Korean speech, and calm English and Korean; emotions in "
    "spontaneous speech and in other languages are untested.",
    "Faces: mostly frontal pictures from the web; disgust, fear and contempt are rare there and recognised least.",
    "Probabilities hold under the prior that a result names; another prior gives other probabilities.",
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
        "name": "Picovoice barista",
        "use": "voice, last layer",
        "items": "420 calm recordings",
        "licence": "Apache 2.0",
    },
    {
        "name": "speechocean762",
        "use": "voice, last layer",
        "items": "768 calm recordings of 128 speakers",
        "licence": "free for any use",
    },
    {
        "name": "emotiontts_open_db",
        "use": "voice, last layer",
        "items": "470 calm and acted Korean recordings",
        "licence": "CC BY-NC-SA 4.0",
    },
    {
        "name": "WebFaces (muxspace/facial_expressions)",
        "use": "calibration of faces",
        "items": "people of its train split",
        "licence": "Apache 2.0",
    },
    {
        "name": "Resemblyzer 0.1.4",
        "use": "taught the voice network's second trunk",
        "items": "what its speaker encoder hears in the four voice corpora, people outside the held-out fold",
        "licence": "Apache 2.0",
    },
    {
        "name": "Moonshine tiny, English",
        "use": "taught the voice network's second trunk",
        "items": "what its encoder hears in the same recordings",
        "licence": "MIT",
    },
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
        schedule = schedule_of(listener.SCHEDULE, options)
        done = loop.finished(options.out / listener.run_of(fold)) == schedule.epochs
        listener.train(*where, fold, schedule, options.device, options.resume or done)
        schedule = schedule_of(listener.JUDGING_SCHEDULE, options)
        done = loop.finished(options.out / listener.judging_of(fold)) == schedule.epochs
        listener.refine(*where, fold, schedule, options.device, options.resume or done)
        if parallel.rank() == 0:
            joining.join(*where, fold)
        parallel.barrier()


def need_teachers(options):
    """Raises EmorecError now rather than after hours where the listener could not be trained."""
    teachers.check()


def train_fusion(options):
    """What lies on top of finished encoders: the whole checkpoint in RUNS/checkpoint."""
    if parallel.rank():
        return  # it takes some minutes, and one process does it as well
    voice_nets = {fold: voice.trained(options.out, fold) for fold in range(datasets.FOLDS)}
    setting = predictions.Setting(options.train_dir, options.out, options.cache)
    model = top.build(face.trained(options.out), voice_nets, SHIPPED_FOLD, setting)
    model.training = facts_of(options.train_dir) | {
        "finished": time.strftime("%Y-%m-%d"),
        "compute": record.compute({part: options.out / run for part, run in SHIPPED_RUNS.items()}),
    }
    checkpoints.save(model, options.out / "checkpoint")
    print(f"wrote {options.out / 'checkpoint'}; measure it with train/evaluate.py")


def facts_of(data):
    """What the bundled checkpoint says of whom and what it learned from."""
    voices = voice_head.everybody(data)
    persons = {item.person: fold for item, fold in zip(voices, datasets.fold_of(voices), strict=True)}
    named = {person: fold for person, fold in persons.items() if "/" not in person}  # others are files of nobody named
    return {
        "held_out_fold": SHIPPED_FOLD,
        "persons": sorted(person for person, fold in named.items() if fold != SHIPPED_FOLD),
        "held_out": sorted(person for person, fold in named.items() if fold == SHIPPED_FOLD),
        "sources": list(SOURCES),
        "limits": list(LIMITS),
        "licence": LICENCE,
    }


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
