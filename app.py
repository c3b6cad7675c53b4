"""Start the page: ``python app.py``; with ``--share`` also under a public address, through Gradio's servers."""

import sys

from emorec.errors import EmorecError

if __name__ == "__main__":
    try:
        from emorec.ui.app import main
    except EmorecError as error:
        sys.exit(f"emorec: {error}")
    sys.exit(main())
