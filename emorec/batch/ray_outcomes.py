"""The result of a task of Ray's; if it has none, an Outcome with a sentence for the user."""

from __future__ import annotations

from typing import Any

from emorec.batch.engine import Task, failure

NOT_INSTALLED = "A machine of the Ray cluster cannot import what it needs ({reason}); install emorec there."
DIED = "The worker that analyzed this recording ended twice ({how}); if memory is short, give more CPUs to an item."


def get_result(ray: Any, ref: Any, task: Task) -> Any:
    """Get what a task of Ray's returned, or the Outcome that says why it returned nothing."""
    from ray import exceptions

    try:
        return ray.get(ref)
    except exceptions.RayTaskError as error:  # raised by a task, or by one that it needed
        cause = error.cause if isinstance(error.cause, Exception) else error
        died = isinstance(cause, exceptions.RayError)
        text = DIED if died else NOT_INSTALLED
        return failure(task.item, text.format(how=first_sentence(cause), reason=first_sentence(cause)))
    except exceptions.RayError as error:
        return failure(task.item, DIED.format(how=first_sentence(error)))


def first_sentence(error: BaseException) -> str:
    """The first sentence of an error."""
    first = " ".join(str(error).split()).split(". ")[0]
    return first[:200].rstrip(".") or type(error).__name__
