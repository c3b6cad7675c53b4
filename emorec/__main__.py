"""The command line as ``python -m emorec``."""

import sys

from emorec.cli import main

sys.exit(main())
