"""One pinned file from the Hugging Face Hub, checked before it is used. Knows no emorec.

A look into the Hub cache happens in this process and asks nobody. A download happens in a child process, which can be
stopped at the deadline whatever it hangs in: name resolution, a host that never answers, one that trickles. This file
is that child's program too.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT = 5.0  # seconds for a whole download
GRACE = 0.25  # seconds, of those, in which a stopped child may remove what it had downloaded so far

CHILD_ENVIRONMENT = {
    "HF_HUB_DISABLE_XET": "1",  # it downloads in threads that no signal stops; the plain way does as well for one file
    "HF_HUB_DISABLE_TELEMETRY": "1",  # it asks the Hub for a list of programs to look for, at up to 3 s
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


class HubError(ValueError):
    """A file cannot be had from the Hub; ``str(error)`` is one sentence that says why."""


def pull_file(repo, filename, *, revision=None, sha256, size, timeout=TIMEOUT):
    """Path of a file of the model ``repo``, from the Hub cache or, where that has it not, from the Hub.

    ``sha256`` is in hexadecimal, ``size`` in bytes, ``timeout`` in seconds for everything together. Respects
    HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE. Raises HubError within ``timeout`` when the Hub has no such file, cannot
    be reached, or gives another file than the one asked for; that one is then taken out of the cache.
    """
    deadline = time.monotonic() + timeout
    import huggingface_hub  # here, so that importing this file costs nothing

    try:
        cached = huggingface_hub.try_to_load_from_cache(repo, filename, revision=revision)
        if isinstance(cached, str) and _difference(Path(cached), sha256, size) is None:
            return Path(cached)
    except OSError:  # a cache that cannot be read is as good as an empty one
        pass
    if huggingface_hub.constants.is_offline_mode():
        raise HubError(f"The Hub cache has no sound {filename} of {repo}, and HF_HUB_OFFLINE forbids to download it.")
    downloaded = _download_in_child(repo, filename, revision, size, deadline)
    if difference := _difference(downloaded, sha256, size):
        _remove_from_cache(downloaded)
        raise HubError(f"{filename} of {repo} is not the file that was expected ({difference}), so it is not used.")
    return downloaded


def _difference(file, sha256, size):
    """What sets a file apart from the expected one, or None."""
    actual_size = file.stat().st_size
    if actual_size != size:
        return f"{actual_size} bytes instead of {size}"
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if actual == sha256 else f"sha256 {actual} instead of {sha256}"


def _remove_from_cache(pointer):
    """Removes a name in the Hub cache and the content it links to, which other revisions would link to again."""
    content = pointer.resolve()
    pointer.unlink(missing_ok=True)
    content.unlink(missing_ok=True)


def _download_in_child(repo, filename, revision, size, deadline):
    request = json.dumps({"repo": repo, "filename": filename, "revision": revision, "size": size})
    child = subprocess.Popen(
        [sys.executable, "-P", __file__, request],
        env=os.environ | CHILD_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer, complaint = child.communicate(timeout=max(0.0, deadline - GRACE - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise HubError(f"{filename} of {repo} did not arrive from the Hub in time.") from None
    finally:
        _stop(child)
    if child.returncode != 0:
        reason = answer.strip() or complaint.strip().rpartition("\n")[2] or f"exit code {child.returncode}"
        raise HubError(f"{filename} of {repo} cannot be had from the Hub: {reason}.")
    return Path(answer.strip())


def _stop(child):
    """Ends a child at once if it still runs: gently first, so that no half file stays in the cache."""
    if child.poll() is None:
        child.terminate()
        try:
            child.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def _download(repo, filename, revision, size):
    """In the child: the path of the downloaded file. Raises what huggingface_hub raises, HubError for a wrong size."""
    import huggingface_hub

    url = huggingface_hub.hf_hub_url(repo, filename, revision=revision)
    # Asked first because this does not try again: hf_hub_download repeats after a 500 until the deadline.
    offered = huggingface_hub.get_hf_file_metadata(url).size
    if offered is not None and offered != size:
        raise HubError(f"it has {offered} bytes there instead of {size}")
    # Forced, because a file that the cache has by now is one that was found to be wrong.
    return huggingface_hub.hf_hub_download(repo, filename, revision=revision, force_download=True)


def _child(request):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that huggingface_hub's own tidying runs
    try:
        print(_download(**json.loads(request)))
    except Exception as error:
        response = getattr(error, "response", None)
        said = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        print(said if response is None else f"it answers {response.status_code}")
        sys.exit(1)


if __name__ == "__main__":
    _child(sys.argv[1])
