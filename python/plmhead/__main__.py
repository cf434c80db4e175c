"""The command line: python -m plmhead."""

import sys

from .cli import main

sys.exit(main())
