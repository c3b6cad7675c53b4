"""The parent's side of a child: how it is started, and the error when it ends early."""

import functools
import queue
import socket
import subprocess

from emorec.childprocess import messages, process
from emorec.childprocess.process import Child
from emorec.running_time import RunningTime
from support.clock import Clock


def test_the_answer_of_a_child_that_went_before_it_had_the_task_is_heard():
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("wb") as answers:
        messages.send(answers, {"refused": "no more processes"})
    with ours:
        child = Child({"do": "probe"}, ours.makefile("wb"), ours.makefile("rb"), lambda: None)
        header, *_ = child.receive(10)
        child.end()
    assert header == {"refused": "no more processes"}


def test_a_child_is_in_a_group_of_its_own_where_there_are_no_sessions(monkeypatch):
    """As on Windows, so that Ctrl-C reaches the parent alone."""
    started = {}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: started.update(options))
    process.start(["python"], {})
    assert started["creationflags"] == 512 and started["start_new_session"]


def test_while_everything_sleeps_no_answer_is_missed(monkeypatch):
    """A computer that sleeps, or a paused container: the clock has gone on, and the child has had no time to answer."""
    clock = Clock()
    monkeypatch.setattr(process, "RunningTime", functools.partial(RunningTime, clock=clock))

    class Asleep(queue.Queue):
        """Sleeps for an hour, and has the answer some moments after that."""

        def get(self, block=True, timeout=None):
            if timeout is None:
                return super().get(block)
            clock.now += timeout if clock.now else 3600.0
            if clock.now < 3610.0:
                raise queue.Empty
            return super().get(block, 10)

    monkeypatch.setattr(queue, "Queue", Asleep)
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("wb") as answers:
        messages.send(answers, {"end": True})
    with ours:
        child = Child({"do": "probe"}, ours.makefile("wb"), ours.makefile("rb"), lambda: None)
        header, *_ = child.receive(60.0)
        child.end()
    assert header == {"end": True} and clock.now >= 3610.0


def test_a_child_that_slept_too_may_end_a_moment_later(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(process, "RunningTime", functools.partial(RunningTime, clock=clock))
    codes = iter([None, None, 0])

    def exit_code(_):
        clock.now += 3600.0
        return next(codes)

    monkeypatch.setattr(process, "_exit_code", exit_code)
    assert process.wait_for_exit(None, 10.0) == "code 0"
