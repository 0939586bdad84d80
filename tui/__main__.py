"""`python -m tui`: the same as `fmnist-vae-tui`."""

import sys

from fmnist_vae_tui import main

sys.exit(main())
