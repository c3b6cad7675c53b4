"""A checkpoint folder to a model repo on the Hugging Face Hub: checked, with its card, in one commit, tagged.

The token comes from where the Hub's library keeps it (``hf auth login``, HF_TOKEN); only the child process reads it.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emorec.errors import EmorecError
from emorec.models import checkpoint, hub_child
from emorec.models.hub import sha256_of
from hub import card

PATIENCE = 90.0  # seconds without a sign of life from the Hub, which may think over a commit for a while
REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
TAG = re.compile(r"\w[\w.+-]*", re.ASCII)
COMMIT = re.compile("[0-9a-f]{40}")
SIZE_WIDTH = 12


@dataclass(frozen=True)
class Pushed:
    """What was pushed, or in a dry run would be: ``files`` are (name, bytes, SHA-256); no ``commit`` in a dry run."""

    repo: str
    private: bool
    tag: str | None
    message: str
    files: tuple[tuple[str, int, str], ...]
    commit: str | None = None
    url: str | None = None
    changed: bool = True

    def __str__(self):
        tagged = f", tagged {self.tag}" if self.tag else ""
        if self.commit is None:
            kind = "private" if self.private else "public"
            lines = [f"would push to {self.repo} ({kind} if it has to be made), in one commit{tagged}: {self.message}"]
            lines += [f"{size:>{SIZE_WIDTH},}  {sha256[:16]}  {name}" for name, size, sha256 in self.files]
            return "\n".join(lines)
        done = "pushed to" if self.changed else "nothing was new for"
        return f"{done} {self.repo} at commit {self.commit}{tagged}: {self.url}"


def push(folder, repo, *, private=False, tag=None, message=None, parent=None, dry_run=False, patience=PATIENCE):
    """A checkpoint folder to the model repo ``repo`` ("org/name"); gives ``Pushed``, which says what was done.

    The repo is made where there is none, ``private`` or not. The card is written anew, for this repo. ``parent`` is the
    commit that must still be the newest one there. A dry run asks nobody. Raises EmorecError when the folder does not
    load, was not evaluated, or the Hub does not take it; no commit is made then, and pushing again sends only what
    had not arrived.
    """
    _check_names(repo, tag, parent)
    model = checkpoint.load(folder)
    if not model.evaluation:
        raise EmorecError(f"The checkpoint {folder} was never evaluated; run python train/evaluate.py {folder} first.")
    message = message or (f"emorec checkpoint {tag}" if tag else "emorec checkpoint")
    with tempfile.TemporaryDirectory(prefix="emorec-push-") as staged:
        staged = Path(staged)
        for name in (checkpoint.CONFIG_FILE, checkpoint.WEIGHTS_FILE):
            shutil.copyfile(Path(folder) / name, staged / name)
        card.write(model, staged, f"{repo}@{tag}" if tag else repo)
        files = tuple((file.name, file.stat().st_size, sha256_of(file)) for file in sorted(staged.iterdir()))
        planned = {"repo": repo, "private": private, "tag": tag, "message": message, "files": files}
        if dry_run:
            return Pushed(**planned)
        asked = {"repo": repo, "folder": str(staged), "private": private, "tag": tag, "message": message}
        try:
            done = hub_child.ask(
                "upload", f"The checkpoint cannot be pushed to {repo}", patience=patience, parent=parent, **asked
            )
        except hub_child.HubError as error:
            raise EmorecError(str(error)) from None
    return Pushed(**planned, commit=done["commit"], url=done["url"], changed=done["commit"] != done["before"])


def _check_names(repo, tag, parent):
    if not REPO.fullmatch(repo):
        raise EmorecError(f"{repo!r} is no name of a repo; give it as org/name.")
    if tag and not TAG.fullmatch(tag):
        raise EmorecError(f"{tag!r} cannot be a tag; use letters, digits, dots, hyphens and underscores.")
    if parent and not COMMIT.fullmatch(parent):
        raise EmorecError(f"{parent!r} is no commit; give its 40 hexadecimal digits.")
