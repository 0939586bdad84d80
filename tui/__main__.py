"""`python -m tui`: the same as `fmnist-vae-tui`."""

import sys

from tui.cli.main import main

sys.exit(main())
