"""The page. Importing it raises EmorecError if the packages of the extra ``app`` are not installed."""

from emorec.errors import require

require("app", "gradio", "starlette", "anyio")
