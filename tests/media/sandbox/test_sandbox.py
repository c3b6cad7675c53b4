"""The decoding process has no secrets, can harm no other process, and all its messages are checked."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from emorec import image as pictures
from emorec.childprocess import forkserver, messages, process
from emorec.errors import EmorecError
from emorec.media import sandbox
from emorec.media.passes import ShownUntil
from emorec.media.sandbox import requests
from emorec.media.sandbox.requests import DECODERS
from emorec.media.selection import EVERYTHING
from support.decoding import start_decoding
from support.untrusted import BROKEN, answering, message, says

NOT_DECODED = r"^clip\.mkv cannot be decoded: [^\n]*\.$"
INFO = {
    "container": "mkv",
    "duration": 4.0,
    "has_video": True,
    "has_audio": True,
    "width": 64,
    "height": 48,
    "frame_rate": 25.0,
    "video_codec": "h264",
    "audio_codec": "aac",
    "size": 1000,
    "video_tracks": 1,
    "audio_tracks": 2,
    "video_track": 1,
    "audio_track": 2,
}
UNTIL = {"until": 1e9, "exactly": True}
FRAME = {"time": 0.0, "shapes": [[2, 2, 3], [2, 2]], "type": "uint8", "limited": True}
PIXELS = bytes(16)
BLOCK = {"time": 0.0, "shapes": [[4]], "type": "float32"}
SAMPLES = np.zeros(4, np.float32).tobytes()
DEEP = b"[" * 100_000
END = message({"end": True})


@pytest.fixture
def portrait(tmp_path):
    path = tmp_path / "portrait.png"
    Image.fromarray(np.full((60, 80, 3), 200, np.uint8)).save(path)
    return path


def until_gone(number):
    while os.path.exists(f"/proc/{number}"):
        time.sleep(0.01)


def without(facts, *names, **others):
    return {name: value for name, value in facts.items() if name not in names} | others


@pytest.mark.parametrize("named", ["another's", "0", "-1"])
def test_the_process_that_decodes_has_no_say_in_who_is_killed(named, recording, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *given: killed.append(given))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        number = stranger.pid if named == "another's" else int(named)
        with says(monkeypatch, message({"process": number})), pytest.raises(EmorecError, match=NOT_DECODED):
            sandbox.probe(recording)
        assert killed == [] and stranger.poll() is None


def test_the_number_of_a_copy_is_no_other_process_s_until_its_reader_is_closed(recording):
    frames, (number,) = start_decoding(recording)
    os.kill(number, signal.SIGKILL)
    stopped = os.pidfd_open(number)
    select.select([stopped], [], [])  # until it has ended
    os.close(stopped)
    with open(f"/proc/{number}/stat") as stat:  # ended, and its number is kept by the one that knows it
        assert stat.read().split()[3] == str(DECODERS.pid)
    frames.close()
    until_gone(number)


def test_a_fork_of_this_process_does_not_keep_a_copy_alive(recording):
    frames, (number,) = start_decoding(recording)
    held, release = os.pipe()
    fork = os.fork()
    if fork == 0:
        os.close(release)
        os.read(held, 1)
        os._exit(0)
    try:
        frames.close()
        until_gone(number)
    finally:
        os.close(release)
        os.close(held)
        os.waitpid(fork, 0)


def test_a_copy_holds_no_way_to_the_process_that_gives_the_orders(portrait, broken):
    broken(
        "held = os.open('/proc/self/fd', os.O_RDONLY)\n"
        "    names = ['/proc/self/fd/' + number for number in os.listdir(held)]\n"
        "    links = [os.readlink(name) for name in names if os.path.lexists(name)]\n"
        "    raise EmorecError(str(sum(link.startswith(('socket', 'pipe')) for link in links)))"
    )
    others = [DECODERS.ask({}) for _ in range(3)]
    with pytest.raises(EmorecError, match="^1$"):  # the connection that it answers on
        pictures.read(portrait)
    for other in others:
        other.end()


def test_the_process_that_decodes_gets_no_secret_and_what_python_needs(portrait, broken, monkeypatch, tmp_path):
    secrets = ("HF_TOKEN", "EMOREC_AUTH", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD", "https_proxy")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    broken("raise EmorecError(' '.join(sorted(os.environ)))")
    with pytest.raises(EmorecError) as raised:
        pictures.read(portrait)
    names = str(raised.value).split()
    assert {"PATH", "LC_ALL", "PYTHONPATH"} <= {*names} and not {*names} & {*secrets}
    assert "secret" not in DECODERS.environment().values()


def test_modules_that_only_pythonpath_leads_to_are_found(portrait, broken, monkeypatch, tmp_path):
    (tmp_path / "only_there.py").write_text("WORD = 'found'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    broken("import only_there\n    raise EmorecError(only_there.WORD)")
    with pytest.raises(EmorecError, match="^found$"):
        pictures.read(portrait)


@pytest.mark.parametrize("given", [None, "", "/a", "/a::/b"])
def test_pythonpath_is_extended_and_never_means_the_working_directory(given, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if given is not None:
        monkeypatch.setenv("PYTHONPATH", given)
    root, *others = DECODERS.environment()["PYTHONPATH"].split(os.pathsep)
    assert os.path.isdir(os.path.join(root, "emorec"))
    assert others == [part for part in (given or "").split(os.pathsep) if part]


@pytest.fixture
def not_started(monkeypatch):
    """A function that starts the decoding process with other code, and returns the sentence that the user sees."""

    def sentence(read, code=None):
        DECODERS.end()
        if code is not None:
            monkeypatch.setattr(DECODERS, "command", (sys.executable, "-c", code))
        with pytest.raises(EmorecError) as refused:
            read()
        return str(refused.value)

    yield sentence
    monkeypatch.undo()
    DECODERS.end()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("import sys; sys.exit(3)", "it ended with code 3"),
        ("import os; os.kill(os.getpid(), 9)", "it was ended by SIGKILL"),
        ("import sys; sys.exit('\\x1b[2Jall is well')", "\N{REPLACEMENT CHARACTER}[2Jall is well"),
    ],
)
def test_a_decoder_that_cannot_start_is_told_as_that(code, reason, recording, not_started):
    sentence = not_started(lambda: sandbox.probe(recording), code)
    assert sentence == f"The process that decodes cannot be started ({reason}); install emorec again."


def test_a_library_that_is_broken_is_no_damaged_file(recording, not_started, monkeypatch, tmp_path):
    (tmp_path / "av.py").write_text("raise ImportError('libavcodec.so.62: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sentence = not_started(lambda: sandbox.probe(recording))
    assert "cannot be started (ImportError: libavcodec.so.62: cannot open" in sentence and "clip.mkv" not in sentence


def test_a_module_that_is_missing_later_is_no_damaged_picture(portrait, broken):
    broken("import a_module_that_is_not_there")
    with pytest.raises(EmorecError, match="installation is not whole .No module named 'a_module_that_is_not_there'"):
        pictures.read(portrait)


def test_a_decoder_that_does_not_get_ready_is_given_up(recording, not_started, monkeypatch):
    monkeypatch.setattr(forkserver, "START_SECONDS", 0.2)
    sentence = not_started(lambda: sandbox.probe(recording), "input()")
    assert "was not ready within" in sentence
    assert DECODERS.pid is None


def test_where_no_more_processes_are_let_that_is_said_and_the_next_is_tried(portrait, broken):
    fails_once = """
import errno, os
fork, failed = os.fork, []
def refused():
    if failed:
        return fork()
    failed.append(1)
    raise OSError(errno.EAGAIN, "no more processes")
os.fork = refused
"""
    broken("return whole(path, max_pixels, max_side)", fails_once + BROKEN)
    with pytest.raises(EmorecError, match=r"^No process can be started to decode in \(no more processes\)"):
        pictures.read(portrait)
    assert pictures.read(portrait).shape == (60, 80, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff",
        b"\0\0\0\2[]",
        b"\0\0\0\4null",
        b"\0\0\0\3{x}",
        b"",
        messages.LENGTH.pack(len(DEEP)) + DEEP,
        message({}),
        message({"info": None}),
        message({"info": []}),
        message({"info": {}}),
        message({"time": 0.0}),
        *(message({"info": without(INFO, name)}) for name in INFO),
        message({"info": INFO | {"duration": float("nan")}}),
        message({"info": INFO | {"duration": 10**400}}),
        message({"info": INFO | {"duration": "4"}}),
        message({"info": INFO | {"has_video": 1}}),
        message({"info": INFO | {"container": "x" * 10_000}}),
        message({"info": INFO | {"audio_codec": "\x1b[2J"}}),
        message({"info": INFO | {"audio_tracks": 10**9}}),
        message({"info": INFO | {"audio_tracks": -1}}),
        message({"info": INFO | {"video_track": 2}}),
        message({"info": INFO | {"audio_track": 0}}),
        message({"info": INFO | {"width": 0.5}}),
        message({"problem": 7}),
        message({"damage": None}),
        message({"info": INFO, "shapes": 3}),
        message({"info": INFO, "shapes": [[1]], "type": []}),
        message({"damage": "x"}) * 1000,
    ],
)
def test_what_the_process_says_of_a_recording_is_not_trusted(answer, recording, monkeypatch):
    with says(monkeypatch, answer), pytest.raises(EmorecError, match=NOT_DECODED):
        sandbox.probe(recording)


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message(without(FRAME, "time"), PIXELS)],
        [message(FRAME | {"time": "0"}, PIXELS)],
        [message(FRAME | {"time": float("nan")}, PIXELS)],
        [message(FRAME | {"time": -5.0}, PIXELS)],
        [message(FRAME | {"time": 10**400}, PIXELS)],
        [message(FRAME | {"time": True}, PIXELS)],
        [message(without(FRAME, "limited"), PIXELS)],
        [message(FRAME | {"limited": "no"}, PIXELS)],
        [message(UNTIL)],
        [message(FRAME, PIXELS), message(UNTIL), message(UNTIL)],
        [message(FRAME, PIXELS), message(UNTIL | {"until": "late"})],
        [message(FRAME, PIXELS), message(UNTIL | {"exactly": 1})],
        [message(FRAME | {"shapes": [[2, 2, 3]]}, PIXELS)],
        [message(FRAME | {"shapes": [[2, 2], [2, 2]]}, PIXELS)],
        [message(FRAME | {"shapes": [[2, 2, 3], [0, 2]]}, PIXELS)],
        [message(FRAME | {"shapes": []})],
        [message(FRAME | {"shapes": [[0, 2, 3], [2, 2]]}, PIXELS)],
        [message(without(FRAME, "shapes"))],
        [message(FRAME | {"shapes": [[2000, 1, 3], [2, 2]]}, bytes(6004))],
        [message(FRAME | {"type": "object"}, PIXELS)],
        [message(FRAME | {"type": "float32"}, bytes(64))],
        [message(FRAME | {"shapes": [[1 << 27, 1, 1], [1 << 28, 1]]})],
        [message(FRAME, PIXELS)] * 2,
        [message(FRAME | {"time": 1.0}, PIXELS), message(FRAME, PIXELS)],
    ],
)
def test_what_the_process_says_of_pictures_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.frames(recording))


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message(BLOCK | {"time": None}, SAMPLES)],
        [message(BLOCK | {"time": float("inf")}, SAMPLES)],
        [message(BLOCK | {"time": -1.0}, SAMPLES)],
        [message(BLOCK | {"type": "uint8"}, SAMPLES)],
        [message(BLOCK | {"shapes": [[2, 2]]}, SAMPLES)],
        [message(BLOCK | {"shapes": [[2], [2]]}, SAMPLES)],
        [message(BLOCK | {"shapes": [[160_002]]}, bytes(640_008))],
        [message(BLOCK, SAMPLES)] * 2,
        [message(BLOCK | {"shapes": [[0]]})] * 2,
    ],
)
def test_what_the_process_says_of_sound_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.audio(recording))


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message(without(BLOCK, "time") | {"type": "uint8"}, SAMPLES)],
        [message(BLOCK | {"shapes": [[2, 2]]}, SAMPLES)],
        [message(BLOCK | {"shapes": [[2], [2]]}, SAMPLES)],
        [message(BLOCK | {"shapes": [[100_000]]}, bytes(400_000))],
        [message(BLOCK, SAMPLES)] * 3,
    ],
)
def test_what_the_process_says_of_a_look_into_the_sound_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.sounds(recording, EVERYTHING, [0.0, 1.0], 1.0, 1000))


@pytest.mark.parametrize(
    "answers",
    [
        [message({})],
        [message({"shapes": [[2, 2]], "type": "uint8"}, PIXELS)],
        [message({"shapes": [[2, 2, 3]], "type": "float32"}, bytes(48))],
        [message({"shapes": [[40, 1, 3]], "type": "uint8"}, bytes(120))],
        [message({"shapes": [[2, 2, 3]], "type": "uint8"}, bytes(12))] * 3,
    ],
)
def test_what_the_process_says_of_a_look_at_the_picture_is_not_trusted(answers, recording, monkeypatch):
    with says(monkeypatch, *answers, END), pytest.raises(EmorecError, match=NOT_DECODED):
        list(sandbox.stills(recording, EVERYTHING, [0.0, 1.0], 32))


def test_what_is_as_it_should_be_is_let_through(recording, monkeypatch):
    with says(monkeypatch, message({"info": INFO | {"duration": None, "width": None}})):
        assert sandbox.probe(recording).duration is None
    with says(monkeypatch, message(FRAME, PIXELS), message(FRAME | {"time": 0.2}, PIXELS), END):
        assert [frame.time for frame in sandbox.frames(recording)] == [0.0, 0.2]
    with says(monkeypatch, message(FRAME, PIXELS), message(UNTIL), END):
        assert [*sandbox.frames(recording)][1:] == [ShownUntil(sandbox.MAX_SECONDS, exactly=True)]
    wild = np.array([np.nan, np.inf, -np.inf, 0.5], np.float32)
    with says(monkeypatch, message(BLOCK, wild.tobytes()), message(BLOCK | {"time": 1.0}, SAMPLES), END):
        first, second = sandbox.audio(recording)
    assert np.isfinite(first.samples).all() and first.samples[3] == 0.5 and second.time == 1.0
    with says(monkeypatch, message(BLOCK, wild.tobytes()), message(BLOCK, SAMPLES), END):
        first, second = sandbox.sounds(recording, EVERYTHING, [0.0, 1.0], 1.0, 1000)
    assert np.isfinite(first).all() and first[3] == 0.5 and len(second) == 4
    with says(monkeypatch, message({"shapes": [[2, 2, 3]], "type": "uint8"}, bytes(12)), END):
        assert [image.shape for image in sandbox.stills(recording, EVERYTHING, [0.0, 1.0], 32)] == [(2, 2, 3)]


@pytest.mark.parametrize("reached", [None, "1", float("nan"), [1]])
def test_a_length_that_is_no_number_is_not_trusted(reached, recording, monkeypatch):
    with says(monkeypatch, message({"min_duration": reached})), pytest.raises(EmorecError, match=NOT_DECODED):
        sandbox.min_duration(recording, 10.0)


@pytest.mark.parametrize("shape", [[60, 80], [60, 80, 4], [5000, 1, 3], [0, 80, 3], [-1, 80, 3], ["x"], [1.5], 3])
def test_a_picture_of_another_shape_is_not_trusted(shape, portrait, monkeypatch):
    answer = message({"shapes": [shape], "type": "uint8"}, bytes(60 * 80 * 4))
    with says(monkeypatch, answer), pytest.raises(EmorecError, match=r"^portrait\.png cannot be decoded"):
        pictures.read(portrait)


def test_an_end_without_an_answer_is_one_sentence(recording, monkeypatch):
    with says(monkeypatch, END), pytest.raises(EmorecError, match=NOT_DECODED):
        sandbox.probe(recording)


def test_what_a_terminal_would_obey_is_not_passed_on(recording, monkeypatch):
    with says(monkeypatch, message({"problem": "a\x1b[2J\nb" + "x" * 10_000})), pytest.raises(EmorecError) as raised:
        sandbox.probe(recording)
    assert str(raised.value).isprintable() and len(str(raised.value)) == process.MAX_SENTENCE


def test_a_message_that_drips_is_given_up(recording, monkeypatch):
    monkeypatch.setattr(requests, "SILENT_FOR", 0.5)
    over = threading.Event()

    def drip(theirs):
        answer = message({"info": INFO | {"container": "x" * 250}})
        with contextlib.suppress(OSError):
            while answer and not over.wait(0.05):
                theirs.sendall(answer[:1])
                answer = answer[1:]

    with answering(monkeypatch) as theirs:
        dripping = threading.Thread(target=drip, args=(theirs,))
        dripping.start()
        with pytest.raises(EmorecError, match=NOT_DECODED):
            sandbox.probe(recording)
        over.set()
        dripping.join()
