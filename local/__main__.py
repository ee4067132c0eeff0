"""``python -m local``."""

import sys

try:
    from local.cli import main

    status = main(sys.argv[1:])
except KeyboardInterrupt:  # whatever it came in the middle of, imports among it: there was nothing to stop yet
    status = 130
sys.exit(status)
