"""What became of a task of Ray's, as an Outcome with a sentence for the user."""

from __future__ import annotations

from typing import Any

from emorec.batch.engine import FAILED, Outcome, Task, now

NOT_INSTALLED = "A machine of the Ray cluster cannot import what it needs ({reason}); install emorec there."
DIED = "The worker that analyzed this recording ended twice ({how}); if memory is short, give more CPUs to an item."


def result(ray: Any, ref: Any, task: Task) -> Any:
    """What a task of Ray's returned, or the Outcome that says why it returned nothing."""
    from ray import exceptions

    try:
        return ray.get(ref)
    except exceptions.RayTaskError as error:  # raised by a task, or by one that it needed
        cause = error.cause if isinstance(error.cause, Exception) else error
        died = isinstance(cause, exceptions.RayError)
        text = DIED if died else NOT_INSTALLED
        return _failed(task, text.format(how=short(cause), reason=short(cause)))
    except exceptions.RayError as error:
        return _failed(task, DIED.format(how=short(error)))


def _failed(task: Task, text: str) -> Outcome:
    return Outcome(item=task.item, status=FAILED, error=text, started=now(), finished=now())


def short(error: BaseException) -> str:
    """The first sentence of an error."""
    first = " ".join(str(error).split()).split(". ")[0]
    return first[:200].rstrip(".") or type(error).__name__
