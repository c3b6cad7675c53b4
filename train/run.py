"""Fine-tune the networks on your own data, or train them by the whole recipe, and write a checkpoint: see --help."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train import bundled, distributed, run_dir
from train import options as command_line
from train.data import corpora, datasets, shard_stream
from train.finetune import assembly, common, face, fusion, provenance, streamed, voice

NO_SHARDS = "{given} names shards, and --dataset {dataset} reads folders; leave --dataset out, or give a folder."
NO_CORPUS = (
    "{folder} holds none of the public corpora ({names}); to train on your own data, give --dataset folder or csv."
)
STOPPED = "stopped; the same command with --resume continues from the last finished epoch\n"
STOPPED_BEFORE = "stopped before the first epoch was finished; the same command begins again\n"
RECIPES = {"face": face, "voice": voice, "fusion": fusion}


def finetune(options: argparse.Namespace) -> Path:
    """Train the chosen parts on the user's data set; returns the folder of the whole checkpoint."""
    if options.task == "distill":
        raise EmorecError("Distillation is a step of the recipe for the public corpora; leave --dataset out.")
    base = checkpoints.load(pretrained.resolve(options.init or pretrained.BUNDLED).folder)
    for part in RECIPES if options.task == "all" else (options.task,):
        # If all parts are trained, all use the same videos and the same validation people.
        kind = "fusion" if options.task == "all" else part
        corpus = load(options, kind)
        common.report(f"{part}: {corpora.describe(corpus)}")
        start, trained = assembly.compose(options.out, base) if part == "fusion" else (base, {})
        new_encoders = not trained.keys().isdisjoint(assembly.CALIBRATIONS)
        init_from_base, sentence = initial_weights(part, options, base, corpus, new_encoders)
        recipe = RECIPES[part]
        schedule = bundled.schedule_of(recipe.SCHEDULE if init_from_base else recipe.SCRATCH_SCHEDULE, options)
        if part != "fusion" or options.fusion != "late":
            sentence += f"; {schedule.epochs} epochs, highest learning rate {schedule.lr:g}"
        common.report(f"{part}: {sentence}")
        config = common.FinetuneConfig(
            out=options.out,
            cache=options.cache,
            base=start,
            init_from_base=init_from_base,
            face_path=options.face_path,
            video_len=options.video_len,
            audio_win=options.audio_win,
            fusion=options.fusion,
            modality_dropout=options.modality_dropout,
            device=options.device,
            resume=options.resume,
            dataset=options.dataset,
        )
        if isinstance(corpus, streamed.StreamedCorpus):
            reading = shard_stream.Reading(workers=options.read_workers, buffer=options.shuffle)
            streamed.train(part, corpus, schedule, config, reading)
        else:
            recipe.train(corpus, schedule, config)
    if distributed.rank() == 0:
        assembly.assemble(options.out, base)
    distributed.barrier()
    return options.out / "checkpoint"


def load(options: argparse.Namespace, kind: str) -> corpora.Corpus:
    """The user's data. Raises EmorecError."""
    if options.dataset == command_line.SHARDS:
        return streamed.load(kind, options.train_dir, options.val_dir, options.labels)
    for given in (options.train_dir, options.val_dir):
        if isinstance(given, str):
            raise EmorecError(NO_SHARDS.format(given=given, dataset=options.dataset))
    return corpora.load(
        options.dataset,
        kind,
        options.train_dir,
        options.val_dir,
        options.labels,
        options.folds[0],
        options.seed or 0,
    )


def initial_weights(
    part: str,
    options: argparse.Namespace,
    base: checkpoints.Checkpoint,
    corpus: corpora.Corpus,
    new_encoders: bool = False,
) -> tuple[bool, str]:
    """Whether a part starts from the base's weights, and the sentence that says so.

    ``new_encoders`` says that the part is the fusion of a face or a voice network that was trained before it; the
    base's fusion network does not fit these.
    """
    if part == "fusion" and options.fusion == "late":
        kept = not options.from_scratch and not new_encoders
        return kept, "no network is trained (--fusion late), only calibration and the weights of face and voice"
    if part == "face" and options.face_path:
        return False, f"starting from {options.face_path.name}"
    if options.from_scratch:
        return False, "trained from scratch (--from_scratch)"
    if new_encoders:
        return False, "a new network, which begins as the sum of the logits of the face and voice networks"
    name = options.init or "the bundled weights"
    if not options.init and (trained_on := provenance.people_trained_on(base.training, (part,), corpus)):
        # Their validation people would not be new to the network, so the results would be too good.
        return (
            False,
            f"trained from scratch, as {name} were trained on {trained_on[0]!r}, who is in the validation data",
        )
    return True, f"fine-tuned from {name}" + ("" if options.init else "; --from_scratch trains new networks")


def next_steps(folder: Path, labels: Path | None = None) -> str:
    """How to use a trained checkpoint, as text; ``labels`` is the label map of its data, if they have one."""
    path = shlex.quote(str(folder))
    mapped = f" --labels {shlex.quote(str(labels))}" if labels else ""
    return "\n".join(
        [
            f"wrote {folder}; next:",
            f"  analyse   python -m emorec analyze FILE --model_path {path}",
            f"  page      EMOREC_MODEL={path} make app",
            f"  measure   python train/evaluate.py {path} --data OTHER_PEOPLE --dataset folder{mapped}",
            f"  push      python -m hub push {path} ORG/NAME",
        ]
    )


def train_recipe(options: argparse.Namespace) -> Path:
    """Run the steps of the recipe; returns the folder of the whole checkpoint, which may not exist yet.

    Raises EmorecError, also if the folder holds none of the recipe's corpora.
    """
    if not any((options.train_dir / name).is_dir() for name in datasets.CORPORA):
        raise EmorecError(NO_CORPUS.format(folder=options.train_dir, names=", ".join(datasets.CORPORA)))
    for step in bundled.TASKS[options.task]:
        step(options)
    return options.out / "checkpoint"


def check_repo(repo: str) -> None:
    """Raise EmorecError if the name of a repository on the Hub cannot be one, before anything is trained."""
    from hub.push import check_names

    check_names(repo)


def push(folder: Path, repo: str, private: bool) -> None:
    """Push the checkpoint to the Hub, where a new repository is made ``private`` or not; print the result."""
    from hub.push import push as push_to_hub  # here, because only a push needs the Hub's library

    print(push_to_hub(folder, repo, private=private))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line.parser()
    options = parser.parse_args(arguments)
    if options.dataset is None and isinstance(options.train_dir, str):
        options.dataset = command_line.SHARDS
    options.out = options.out or Path("runs", *([options.dataset] if options.dataset else []))
    options.cache = options.out / "cache"
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.threads:
        torch.set_num_threads(options.threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # torchrun stops its processes by SIGTERM
    try:
        if options.device == "cuda" and not torch.cuda.is_available():
            raise EmorecError("There is no usable CUDA device here; choose the device cpu or auto.")
        if options.push_to_hub:
            check_repo(options.push_to_hub)
        options.device = distributed.start(options.device)
        folder = (finetune if options.dataset else train_recipe)(options)
        if distributed.rank() == 0:
            if (folder / checkpoints.CONFIG_FILE).exists():
                common.report(next_steps(folder, options.labels))
            if options.push_to_hub:
                push(folder, options.push_to_hub, options.private)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, STOPPED if any(options.out.rglob(run_dir.STATE_FILE)) else STOPPED_BEFORE)
    finally:
        distributed.stop()


if __name__ == "__main__":
    main()
