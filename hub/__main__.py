"""``python -m hub push|pull|card``: weights to the Hugging Face Hub and from it, and their card, by hand."""

import argparse
import sys
from pathlib import Path

from emorec.errors import EmorecError

USER_ERROR = 2  # exit code for errors that the user can correct
INTERRUPTED = 130


def main(arguments=None):
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except EmorecError as error:
        print(f"hub: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        print(f"hub: {error.filename or 'The system'} cannot be used ({error.strerror or error}).", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("hub: stopped; the same command goes on from what has arrived.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="hub", description="Weights to the Hugging Face Hub and from it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    push = commands.add_parser("push", help="bring an evaluated checkpoint folder to the Hub, with its card")
    push.set_defaults(run=_push)
    push.add_argument("folder", type=Path, metavar="FOLDER")
    push.add_argument("repo", metavar="ORG/NAME")
    push.add_argument("--private", action="store_true", help="make the repo private, if it has to be made")
    push.add_argument("--tag", help="name of the commit, such as v1; a tag is never moved")
    push.add_argument("--message", help="what the commit says")
    push.add_argument("--parent", metavar="COMMIT", help="push only if this is still the newest commit there")
    push.add_argument(
        "--dry-run", "--dry_run", action="store_true", help="only list what would be pushed; nothing is sent"
    )

    pull = commands.add_parser("pull", help="fetch weights, check that they load, say where they lie")
    pull.set_defaults(run=_pull)
    pull.add_argument("model", metavar="ORG/NAME[@REVISION]")

    card = commands.add_parser("card", help="write a checkpoint folder's model card (README.md and its pictures)")
    card.set_defaults(run=_card)
    card.add_argument("folder", type=Path, metavar="FOLDER")
    return parser


def _push(options):
    from hub.push import push  # late, so that --help and typing errors answer at once

    names = ("private", "tag", "message", "parent", "dry_run")
    print(push(options.folder, options.repo, **{name: getattr(options, name) for name in names}))


def _pull(options):
    from emorec.models import checkpoint, pretrained

    if not pretrained.ON_THE_HUB.fullmatch(options.model):
        raise EmorecError(f"{options.model!r} is no model on the Hub; give it as org/name or org/name@revision.")
    origin = pretrained.pull(options.model)
    checkpoint.load(origin.folder)
    for notice in origin.notices:
        print(f"hub: note: {notice}", file=sys.stderr)
    print(f"repo    {origin}")
    print(f"commit  {origin.commit}")
    print(f"sha256  {origin.sha256}")
    print(f"folder  {origin.folder}")


def _card(options):
    from emorec.models import checkpoint
    from hub import card

    for file in card.write(checkpoint.load(options.folder), options.folder):
        print(f"wrote {file}")


if __name__ == "__main__":
    sys.exit(main())
