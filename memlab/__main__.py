"""`python -m memlab`: the command, where its script is not on PATH."""

import sys

from memlab.cli.main import main

sys.exit(main())
