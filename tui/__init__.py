"""The terminal: command line, Textual app, screens and widgets. Never touches a tensor."""

import logging

# Without a handler of its own, a warning would be printed over the dashboard.
logging.getLogger("tui").addHandler(logging.NullHandler())
