"""The page, its API for programs, and the server under both.

- ``app``: reads the settings and starts the server (``python app.py``).
- ``page/``: the components (``controls``), where they are (``layout``), which event calls which handler
  (``connections``, ``result_connections``), the handlers (``handlers``, ``result_handlers``), and the files to download
  (``downloads``); ``fragments``, ``overview``, ``minutes``, ``highlight_list`` and ``picture`` make their HTML.
- ``shelf``: the past analyses of the tab Library; ``live_route``: the route to which the tab Live sends its input.
- ``api``: the endpoints for programs.
- ``service``: the state that page and API share; it starts jobs and ends sessions.
- ``jobs/``: the queue, the thread of a job (``job``), and the loaded checkpoints.
- ``sessions/``: each session's files (``files``), jobs (``history``) and results.
- ``server/``: middleware, headers, login, uploads and the temporary folder.

Importing it raises EmorecError if the packages of the extra ``app`` are not installed.
"""

from emorec.errors import require

require("app", "gradio", "starlette", "anyio")
