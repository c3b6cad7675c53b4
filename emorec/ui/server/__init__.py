"""The HTTP server around Gradio: middleware, security headers, login, uploads, the temporary folder and the log.

``middleware`` checks every request before Gradio sees it. Nothing here imports Gradio or knows what the page shows.
"""
