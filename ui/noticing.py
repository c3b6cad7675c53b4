"""Middleware that notices uploads; Gradio calls nobody when a file arrives."""

import json

UPLOAD = "/upload"  # how the address ends that browsers and clients send files to
MAX_ANSWER = 1 << 20  # bytes; the answer is a list of paths


class Noticing:
    """An ASGI application around another: every path in the answer to an upload is given to ``brought``."""

    def __init__(self, app, brought):
        self._app, self._brought = app, brought

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].rstrip("/").endswith(UPLOAD):
            await self._app(scope, receive, send)
            return
        status, answer = 0, b""

        async def passing_on(message):
            nonlocal status, answer
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and len(answer) < MAX_ANSWER:
                answer += message.get("body", b"")
                # Before the last of it goes out: whoever is answered may name the file at once.
                if status == 200 and not message.get("more_body"):
                    for path in paths_in(answer):
                        self._brought(path)
            await send(message)

        await self._app(scope, receive, passing_on)


def paths_in(answer):
    """The paths in what an upload is answered with."""
    try:
        paths = json.loads(answer)
    except ValueError:
        return []
    return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
