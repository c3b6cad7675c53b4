"""The page in the browser: its components (``controls``), their events (``layout``) and the handlers of these."""
