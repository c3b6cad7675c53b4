"""Train the networks on your own data, or by the whole recipe, and put a checkpoint together: see --help."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train import bundled, distributed
from train import options as command_line
from train.data import corpora
from train.finetune import common, face, fusion, voice

OWN = {"face": face, "voice": voice, "fusion": fusion}


def train_own(options):
    """Train the asked parts on the user's data set; returns the folder of the whole checkpoint."""
    if options.task == "listener":
        raise EmorecError("A listener is trained by the recipe for the public corpora alone: leave --dataset out.")
    base = checkpoints.load(pretrained.resolve(options.init or pretrained.BUNDLED).folder)
    for part in OWN if options.task == "all" else (options.task,):
        # Where all parts are trained, all learn from the same videos and validate on the same people.
        kind = "fusion" if options.task == "all" else part
        corpus = corpora.load(
            options.dataset,
            kind,
            options.train_dir,
            options.val_dir,
            options.labels,
            options.folds[0],
            options.seed or 0,
        )
        common.say(f"{part}: {corpora.describe(corpus)}")
        choices = common.Choices(
            out=options.out,
            cache=options.cache,
            base=common.composed(options.out, base)[0] if part == "fusion" else base,
            warm=bool(options.init),
            face_path=options.face_path,
            video_len=options.video_len,
            audio_win=options.audio_win,
            fusion=options.fusion,
            modality_dropout=options.modality_dropout,
            device=options.device,
            resume=options.resume,
            dataset=options.dataset,
        )
        OWN[part].train(corpus, bundled.schedule_of(OWN[part].SCHEDULE, options), choices)
    if distributed.rank() == 0:
        common.assemble(options.out, base)
    distributed.barrier()
    return options.out / "checkpoint"


def train_recipe(options):
    """Run the steps of the recipe; returns the folder of the whole checkpoint, which may not be there yet."""
    for step in bundled.TASKS[options.task]:
        step(options)
    return options.out / "checkpoint"


def push(folder, repo):
    """Push the checkpoint to the Hub and say what was done."""
    from hub.push import push as push_to_hub  # only whoever pushes needs the Hub's library

    print(push_to_hub(folder, repo))


def main(arguments=None):
    parser = command_line.parser()
    options = parser.parse_args(arguments)
    options.out = options.out or Path("runs", *([options.dataset] if options.dataset else []))
    options.cache = options.out / "cache"
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.threads:
        torch.set_num_threads(options.threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what torchrun stops its processes with
    try:
        if options.device == "cuda" and not torch.cuda.is_available():
            raise EmorecError("There is no usable CUDA device here; choose the device cpu or auto.")
        options.device = distributed.start(options.device)
        folder = (train_own if options.dataset else train_recipe)(options)
        if distributed.rank() == 0:
            if (folder / checkpoints.CONFIG_FILE).exists():
                common.say(f"wrote {folder}; measure it on other people with train/evaluate.py")
            if options.push_to_hub:
                push(folder, options.push_to_hub)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped; the same command with --resume goes on from the last finished epoch\n")
    finally:
        distributed.stop()


if __name__ == "__main__":
    main()
