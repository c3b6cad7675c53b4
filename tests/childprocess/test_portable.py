"""On a system that lacks what only Unix or Linux has, everything still works; missing limits are logged once."""

import json
import os
import subprocess
import sys

import pytest

from emorec.media import sandbox, streams
from support.decoding import split
from support.loopback_media import serving
from support.make_media import Audio, Video, record
from support.paths import ROOT

# Imported at the start of every Python process that has it on its path: of the one that a test starts, and of its
# children.
LACKING = """
import builtins, os, signal, socket, subprocess, sys

sys.modules["resource"] = sys.modules["fcntl"] = None
for module, names in {
    os: ("fork", "forkpty", "waitid", "sched_getaffinity", "killpg", "getpgid", "setsid", "O_NOFOLLOW"),
    signal: ("SIGKILL", "SIGCHLD"),
    socket: ("send_fds", "recv_fds"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
subprocess.Popen.kill = lambda self: self.send_signal(9)  # as on Windows, which has a call for it
opened, stat = builtins.open, os.stat

def without_proc(function):
    def called(path, *arguments, **options):
        if str(path).startswith(("/proc", "/sys")):
            raise FileNotFoundError(2, "No such file or directory", path)
        return function(path, *arguments, **options)
    return called

builtins.open, os.stat = without_proc(opened), without_proc(stat)
"""


READ = """
import json, sys
import numpy as np
from emorec.media import sandbox
path = sys.argv[1]
info = sandbox.probe(path)
frames = [frame.time for frame in sandbox.frames(path)]
seconds = sum(len(block.samples) for block in sandbox.audio(path)) / 16_000
first = next(sandbox.frames(path))
print(json.dumps([info.container, info.duration, frames, seconds, float(first.image.mean())]))
"""

REFUSED = """
import sys
from emorec.errors import EmorecError
from emorec.media import sandbox
for path in sys.argv[1:]:
    try:
        list(sandbox.frames(path))
        print("read")
    except EmorecError as error:
        print(error)
"""

FETCHED = """
import sys
from emorec.download import fetch
print(fetch(sys.argv[1], sys.argv[2]).path)
"""

STARTED = """
import sys
from emorec.ui.server.temp_dir import ServerTempDir
with_leftover = ServerTempDir(sys.argv[1])
again = ServerTempDir(sys.argv[1])
assert with_leftover.path.is_dir() and again.path.is_dir()
again.close()
assert not again.path.exists()
"""


@pytest.fixture
def lacking(tmp_path):
    """Gives a function that runs a program on such a system: its output and its standard error."""
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "sitecustomize.py").write_text(LACKING)
    path = os.pathsep.join([str(tmp_path / "lacking"), str(ROOT)])

    def run(program, *arguments):
        command = [sys.executable, *program, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def test_the_stand_in_lacks_what_it_should(lacking):
    program = (
        "import os, signal\n"
        "for name in ('resource', 'fcntl'):\n"
        "    try:\n        __import__(name)\n        raise SystemExit(name)\n"
        "    except ModuleNotFoundError:\n        pass\n"
        "assert not hasattr(os, 'fork') and not hasattr(os, 'waitid') and not hasattr(signal, 'SIGKILL')\n"
        "assert not os.path.exists('/proc/self')\n"
    )
    lacking(["-c", program])


def test_a_recording_is_read_in_processes_of_its_own_and_the_missing_limits_are_logged_once(lacking, recording):
    out, err = lacking(["-c", READ], recording)
    container, duration, times, seconds, mean = json.loads(out)
    info = streams.probe(recording)
    assert (container, duration) == (info.container, info.duration)
    frames, _ = split(sandbox.frames(recording))
    blocks, _ = split(sandbox.audio(recording))
    assert times == [frame.time for frame in frames] and mean == float(frames[0].image.mean())
    assert seconds == sum(len(block.samples) for block in blocks) / 16_000
    assert err.count("cannot limit the memory, size of files, processor time") == 1


def test_what_cannot_be_read_is_one_sentence(lacking, recording, tmp_path):
    (tmp_path / "text.mp4").write_text("words")
    out, _ = lacking(["-c", REFUSED], tmp_path / "text.mp4", tmp_path / "gone.mp4", recording)
    first, second, third = out.splitlines()
    assert "not a recording" in first and "no longer there" in second and third == "read"


def test_a_link_is_downloaded(lacking, tmp_path, monkeypatch):
    recorded = record(tmp_path / "a.mp4", Video(duration=1.0), Audio(duration=1.0)).read_bytes()
    with serving({"/a.mp4": ("video/mp4", recorded)}) as server:
        monkeypatch.setenv("EMOREC_ALLOW_HOSTS", f"localhost:{server.port}")
        out, _ = lacking(["-c", FETCHED], f"{server.address}/a.mp4", tmp_path / "downloads")
    with open(out.strip(), "rb") as file:
        assert file.read() == recorded


def test_the_command_line_analyses(lacking, recording, tmp_path):
    out, _ = lacking(["-m", "emorec", "analyze"], recording, "--no_plot", "--out", tmp_path / "out")
    assert (tmp_path / "out" / f"{recording.stem}.csv").is_file(), out


def test_the_page_has_its_folder(lacking, tmp_path):
    lacking(["-c", STARTED], tmp_path / "page")
