# The page on port 7860. The libraries bring what they need in their wheels, so no Debian package is added.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 emorec
WORKDIR /home/emorec/app

# Before the code, so that a changed line of code does not install anything anew.
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt

USER 1000
COPY --chown=1000:1000 . .

ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    EMOREC_CACHE=/home/emorec/.cache/emorec \
    HF_HOME=/home/emorec/.cache/huggingface \
    PYTHONUNBUFFERED=1
# Made by their user, so that a volume mounted here can be written to.
RUN mkdir -p "$EMOREC_CACHE" "$HF_HOME"

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=5)"]
CMD ["python", "app.py"]
