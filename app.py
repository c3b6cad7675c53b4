"""Start the page: ``python app.py``; with ``--share`` also under a public address, through Gradio's servers."""

import sys

from emorec.ui.app import main

if __name__ == "__main__":
    sys.exit(main())
