"""Push a checkpoint folder with its card to a model repository on the Hugging Face Hub, in one commit.

The token is the one of the Hub's library (``hf auth login``, HF_TOKEN); only that library reads it.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from emorec.errors import EmorecError
from emorec.models import checkpoint
from emorec.models.hub import HubError, sha256_of
from hub import card

PATIENCE = 90.0  # seconds without progress; the Hub may take long to accept a commit
REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
TAG = re.compile(r"\w[\w.+-]*", re.ASCII)
COMMIT = re.compile("[0-9a-f]{40}")
SIZE_WIDTH = 12
TAGGED = "it has a tag {tag} already, and tags are never moved: choose another"


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The result of a push, or of a dry run (without ``commit``): ``files`` are (name, bytes, SHA-256)."""

    repo: str
    private: bool
    tag: str | None
    message: str
    files: tuple[tuple[str, int, str], ...]
    commit: str | None = None
    url: str | None = None
    changed: bool = True

    def __str__(self) -> str:
        tagged = f", tagged {self.tag}" if self.tag else ""
        if self.commit is None:
            kind = "private" if self.private else "public"
            lines = [f"would push to {self.repo} ({kind} if it has to be made), in one commit{tagged}: {self.message}"]
            lines += [f"{size:>{SIZE_WIDTH},}  {sha256[:16]}  {name}" for name, size, sha256 in self.files]
            return "\n".join(lines)
        done = "pushed to" if self.changed else "nothing was new for"
        return f"{done} {self.repo} at commit {self.commit}{tagged}: {self.url}"


def push(folder, repo, *, private=False, tag=None, message=None, parent=None, dry_run=False, patience=PATIENCE):
    """Push a checkpoint folder to the model repo ``repo`` ("org/name"); returns ``Pushed``, which describes the result.

    If the repo does not exist, it is created, ``private`` or not. The card is written again, for this repo. ``parent``
    is the commit that must still be the newest one there. A dry run does not use the network. Raises EmorecError if the
    folder cannot be loaded, was not evaluated, or is refused by the Hub; then no commit is made, and another push sends
    only what is missing there.
    """
    check_names(repo, tag, parent)
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
        from emorec.models.hub_call import call  # imported late, because it loads the Hub's library

        subject = f"The checkpoint cannot be pushed to {repo}"
        try:
            seen: dict[str, str] = {}  # what one attempt leaves for the next
            done = call(lambda _: _upload(planned, staged, parent, seen), subject, patience=patience)
        except HubError as error:
            raise EmorecError(str(error)) from None
    return Pushed(**planned, commit=done["commit"], url=done["url"], changed=done["commit"] != done["before"])


def _upload(planned, folder, parent, seen):
    """Commit every file of ``folder`` to a model repo, which is made if there is none, and tag the commit.

    Returns the commit's id and address, and the id of the one before. Raises HubError if the tag exists, or if
    ``parent`` is given and no longer the newest commit. ``seen`` keeps the commit "before" from one attempt to the
    next; it is set as soon as the tag is known to be free.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api, repo, tag, private = HfApi(), planned["repo"], planned["tag"], planned["private"]
    api.create_repo(repo, private=True if private else None, exist_ok=True)
    info = api.model_info(repo)
    if private and not info.private:
        raise HubError("it is public already, and a push does not make it private")
    # In a later attempt the commit and the tag may exist, if only the answer to an earlier attempt was lost.
    if "before" not in seen:
        if tag and any(found.name == tag for found in api.list_repo_refs(repo).tags):
            raise HubError(TAGGED.format(tag=tag))
        seen["before"] = info.sha
    additions = [CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir()) if path.is_file()]
    for addition in additions:  # one after the other in this thread, in which they can be stopped
        api.preupload_lfs_files(repo, [addition])
    done = api.create_commit(repo, additions, commit_message=planned["message"], parent_commit=parent or info.sha)
    if tag:
        api.create_tag(repo, tag=tag, revision=done.oid, exist_ok=True)
        if api.model_info(repo, revision=tag).sha != done.oid:  # somebody else's, made meanwhile
            raise HubError(f"the commit {done.oid} is there, but {TAGGED.format(tag=tag)}")
    return {"commit": done.oid, "url": str(done.commit_url), "before": seen["before"]}


def check_names(repo, tag=None, parent=None):
    """Raise EmorecError if one of the names cannot be that of a repository, a tag or a commit; the Hub is not asked."""
    if not REPO.fullmatch(repo):
        raise EmorecError(f"{repo!r} is not the name of a repository; give it as org/name.")
    if tag and not TAG.fullmatch(tag):
        raise EmorecError(f"{tag!r} cannot be a tag; use letters, digits, dots, hyphens and underscores.")
    if parent and not COMMIT.fullmatch(parent):
        raise EmorecError(f"{parent!r} is not a commit; give its 40 hexadecimal digits.")
