# The page on port 7860. Every dependency is a wheel, so no Debian package is installed.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 emorec
WORKDIR /home/emorec/app

# Before the code, so that a changed line of code does not install anything again.
COPY requirements.txt .
# `--build-arg TORCH_INDEX=URL` takes torch from that package index: CPU builds, without 4 GB of CUDA libraries.
ARG TORCH_INDEX=""
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" $(grep '^torch' requirements.txt); \
    fi
RUN pip install --no-cache-dir --requirement requirements.txt

USER 1000
COPY --chown=1000:1000 . .

ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    EMOREC_CACHE=/home/emorec/.cache/emorec \
    HF_HOME=/home/emorec/.cache/huggingface \
    PYTHONUNBUFFERED=1
# Made by the user of the image, so that a volume mounted here can be written to.
RUN mkdir -p "$EMOREC_CACHE" "$HF_HOME"

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=5)"]
CMD ["python", "app.py"]
