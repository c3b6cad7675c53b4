"""The page in the browser: its components (``controls``), their places (``layout``), their events (``connections`` and
``result_connections``) and their handlers."""
