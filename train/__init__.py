import emorec  # noqa: F401 - before anything imports onnxruntime, whose reports it turns off
