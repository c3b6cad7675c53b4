"""The middleware for uploads and streams, and the presence of clients."""

import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from emorec.ui.jobs.presence import GONE_AFTER, NEVER_CAME_AFTER, Presence
from emorec.ui.server.activity import StreamMiddleware, UploadMiddleware, paths_in
from support.clock import Clock


def test_a_client_is_present_while_a_stream_is_open_and_for_some_seconds_after_it():
    clock = Clock(100.0)
    presence, began = Presence(clock), clock.now
    with presence.connected("a"), presence.connected("a"):
        clock.now += 10 * NEVER_CAME_AFTER
        assert not presence.is_gone(("a", "event"), began) and presence.is_gone(("b",), began)
    assert not presence.is_gone(("a",), began)
    clock.now += GONE_AFTER + 1
    assert presence.is_gone(("a",), began)
    assert not presence.is_gone(("a",), clock.now)  # another run, whose stream is still to come
    clock.now += NEVER_CAME_AFTER - 2
    assert not presence.is_gone(("b",), clock.now - NEVER_CAME_AFTER + 1)


@pytest.fixture
def served():
    """An application that answers with the streams that are open."""
    presence, moved = Presence(), []

    async def stream(request):
        async def parts():
            yield json.dumps([*presence._open])

        return StreamingResponse(parts())

    async def upload(request):
        given = (await request.body()).decode()
        return JSONResponse(json.loads(given)) if given else PlainTextResponse("no", 400)

    def register(path):
        moved.append(path)
        return f"/secret{path}"

    routes = [
        Route("/gradio_api/queue/data", stream),
        Route("/gradio_api/call/analyze/{event}", stream),
        Route("/gradio_api/upload", upload, methods=["POST"]),
        Route("/elsewhere", stream),
    ]
    application = StreamMiddleware(UploadMiddleware(Starlette(routes=routes), register), presence)
    return TestClient(application), presence, moved


def test_the_streams_of_a_session_and_of_an_event_are_counted(served):
    client, presence, _ = served
    assert client.get("/gradio_api/queue/data?session_hash=a").json() == ["a"]
    assert client.get("/gradio_api/call/analyze/e1").json() == ["e1"]
    assert client.get("/elsewhere?session_hash=a").json() == []
    assert not presence._open


def test_the_answer_to_an_upload_has_the_new_path(served):
    client, _, moved = served
    answer = client.post("/gradio_api/upload", content=b'["/1/a", "/1/b", "/1/a"]')
    assert answer.json() == ["/secret/1/a", "/secret/1/b", "/secret/1/a"] and sorted(moved) == ["/1/a", "/1/b"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.post("/gradio_api/upload").text == "no" and len(moved) == 2


@pytest.mark.parametrize(
    ("answer", "paths"), [(b'["/1/a", "/2/b"]', ["/1/a", "/2/b"]), (b"no", []), (b'{"a": 1}', []), (b"", [])]
)
def test_the_paths_in_an_answer_are_found(answer, paths):
    assert paths_in(answer) == paths
