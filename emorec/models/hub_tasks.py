"""What a child process asks of the Hub, and that process's program. It imports nothing of emorec.

It is started by ``hub_child.py`` with a request in JSON as its argument. On its output it writes a BEAT when it has
started, for every answer of the Hub and for every BEAT_BYTES carried in either direction, so that a slow transfer can
be told from one that hangs, and then its result, in JSON.
"""

import errno
import fnmatch
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import httpx2
import huggingface_hub
from huggingface_hub import HfApi, constants, errors, snapshot_download  # by name, which loads now what they need

BEAT = "."
BEAT_BYTES = 65_536
WAITS = (0.5, 2.0, 4.0)  # seconds before the second attempt, the third, ...
SPARE = 1 << 20  # bytes of disk beyond those of the files: for links, locks and listings

UNREACHABLE = "unreachable"  # the Hub, or the way there, is at fault, and trying later may help
REFUSED = "refused"  # trying the same again does not help
TRY_LATER = (408, 429, 500, 502, 503, 504)  # HTTP status codes

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


_telling = threading.Lock()
_answers = None  # where lines for the parent go; None: standard output


class Refused(Exception):
    """What was asked cannot be done; ``str(error)`` says why."""


def file(repo, filename, revision, size):
    """Download one file, which must have ``size`` bytes there; gives its path in the Hub cache."""
    url = huggingface_hub.hf_hub_url(repo, filename, revision=revision)
    # Asked first because this does not try again: hf_hub_download repeats after a 500 until the deadline.
    offered = huggingface_hub.get_hf_file_metadata(url).size
    if offered is not None and offered != size:
        raise Refused(f"it has {offered} bytes there instead of {size}")
    # Forced, because a file that the cache has by now is one that was found to be wrong.
    return huggingface_hub.hf_hub_download(repo, filename, revision=revision, force_download=True)


def snapshot(repo, revision, patterns, required, limit):
    """Download the files at the top of a model repo that fit ``patterns``; gives their folder in the Hub cache.

    Refused when one of ``required`` is not among them, or when they have more than ``limit`` bytes together.
    """
    info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    wanted = {entry.rfilename: entry.size or 0 for entry in info.siblings if fits(entry.rfilename, patterns)}
    missing = [name for name in required if name not in wanted]
    if missing:
        raise Refused(f"it has no {' and no '.join(missing)}")
    total = sum(wanted.values())
    if total > limit:
        raise Refused(f"its files have {total:,} bytes, more than the {limit:,} that are taken")
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        check_space(cache, repo, name, info.sha, wanted[name])
        # One after the other in this thread, so that a stopped process removes what it has of the file.
        huggingface_hub.hf_hub_download(repo, name, revision=info.sha)
    # Downloads nothing more; notes what the revision means, for when the Hub cannot be asked.
    return snapshot_download(repo, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"], max_workers=1)


def fits(name, patterns):
    """Whether a file lies at the top of its repo and its name fits one of the patterns."""
    return "/" not in name and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def check_space(cache, repo, name, commit, size):
    if isinstance(huggingface_hub.try_to_load_from_cache(repo, name, revision=commit), str):
        return
    free = shutil.disk_usage(cache).free
    if free < size + SPARE:
        raise OSError(errno.ENOSPC, "disk full", str(cache))


def upload(repo, folder, private, tag, message, parent, attempt):
    """Commit every file of ``folder`` to a model repo, which is made where there is none, and tag the commit.

    Refused when the tag exists, or when ``parent`` is given and no longer the newest commit.
    Gives the commit's id and address.
    """
    api = HfApi()
    api.create_repo(repo, private=True if private else None, exist_ok=True)
    info = api.model_info(repo)
    if private and not info.private:
        raise Refused("it is public already, and a push does not make it private")
    # In a later attempt the tag may be there because only the answer to the first one was lost.
    if tag and attempt == 0 and any(found.name == tag for found in api.list_repo_refs(repo).tags):
        raise Refused(f"it has a tag {tag} already, and tags are never moved: choose another")
    additions = [
        huggingface_hub.CommitOperationAdd(path.name, path) for path in sorted(Path(folder).iterdir()) if path.is_file()
    ]
    done = api.create_commit(repo, additions, commit_message=message, parent_commit=parent or info.sha)
    if tag:
        api.create_tag(repo, tag=tag, revision=done.oid, exist_ok=True)
    return {"commit": done.oid, "url": str(done.commit_url), "before": info.sha}


TASKS = {"file": file, "snapshot": snapshot, "upload": upload}


def run(task, attempts, request):
    """Do a task, again where the Hub is at fault; gives {"result": ...} or {"problem": ..., "reason": ...}."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(WAITS[min(attempt, len(WAITS)) - 1])
        try:
            numbered = {"attempt": attempt} if task == "upload" else {}
            return {"result": TASKS[task](**request, **numbered)}
        except Exception as error:
            problem, reason = explained(error)
            if problem == REFUSED:
                break
    return {"problem": problem, "reason": reason}


def explained(error):
    """(UNREACHABLE or REFUSED, why) of what the Hub's library raised; never an address, a header or a token."""
    for cause in causes(error):
        if isinstance(cause, Refused):
            return REFUSED, str(cause)
        if isinstance(cause, errors.GatedRepoError):
            return REFUSED, f"access to it must be asked for on its page; then {LOG_IN}"
        if isinstance(cause, errors.RepositoryNotFoundError):
            return REFUSED, f"the Hub has none of that name, or it is private: check the name, or {LOG_IN}"
        if isinstance(cause, errors.RevisionNotFoundError):
            return REFUSED, "it has no such revision: give one of its tags, branches or commits"
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return REFUSED, "HF_HUB_OFFLINE forbids to ask it"
        if isinstance(cause, errors.LocalTokenNotFoundError):
            return REFUSED, f"no token was found: {LOG_IN}"
        if isinstance(cause, errors.HFValidationError):
            return REFUSED, "that is no name that the Hub could have"
        if (answer := getattr(cause, "response", None)) is not None:
            return of_status(answer.status_code)
        if isinstance(cause, httpx2.TimeoutException):
            return UNREACHABLE, "it does not answer in time"
        if isinstance(cause, httpx2.TransportError):
            return UNREACHABLE, "there is no connection to it, or it was cut"
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            place = Path(constants.HF_HOME)
            return REFUSED, f"the disk is full: free some space, or set HF_HOME to a folder elsewhere than {place}"
        if isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return REFUSED, f"{cause.filename} cannot be written: set HF_HOME to a folder that can"
    said = str(error).partition("\n")[0].rstrip(".")
    transient = isinstance(error, OSError) and "onsistency check" in said
    return (UNREACHABLE, "it was cut") if transient else (REFUSED, said or type(error).__name__)


def of_status(code):
    if code in TRY_LATER:
        return UNREACHABLE, f"it answers {code}"
    if code in (401, 403):
        return REFUSED, f"no token with that right was found (it answers {code}): {LOG_IN}"
    if code == 412:
        return REFUSED, "somebody else has changed it meanwhile: look at what is there, then push again"
    return REFUSED, f"it answers {code}"


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class Counted(httpx2.SyncByteStream):
    """A stream of bytes that beats as they pass."""

    def __init__(self, stream):
        self.stream = stream

    def __iter__(self):
        passed = 0
        for part in self.stream:
            passed += len(part)
            if passed >= BEAT_BYTES:
                passed = 0
                beat()
            yield part

    def close(self):
        self.stream.close()


def beat():
    tell(BEAT)


def tell(line):
    """Write a whole line: the Hub's library uploads in threads, which all beat."""
    out = _answers or sys.stdout
    with _telling:
        out.write(line + "\n")
        out.flush()


def beating_client(hooks, silence):
    """A client that gives up after ``silence`` (s) without a byte, where the library would wait for ever, and beats."""

    def sends(request):
        asked = request.extensions.get("timeout", {})
        limits = {kind: min(asked.get(kind) or silence, silence) for kind in ("connect", "read", "write", "pool")}
        request.extensions["timeout"] = limits
        request.stream = Counted(request.stream)

    def receives(response):
        beat()
        response.stream = Counted(response.stream)

    return httpx2.Client(
        event_hooks={"request": [*hooks["request"], sends], "response": [*hooks["response"], receives]},
        follow_redirects=True,
    )


def main(task, attempts, silence, request):
    global _answers
    _answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints does not come between the answers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that huggingface_hub's own tidying runs
    beat()  # started
    hooks = huggingface_hub.get_session().event_hooks
    huggingface_hub.set_client_factory(lambda: beating_client(hooks, silence))
    tell(json.dumps(run(task, attempts, request)))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
