"""The work behind the dashboard: models, training, run directories, pictures and figures.

Nothing here knows a terminal, and importing this package costs neither torch nor
matplotlib: the modules that need them are imported when the work begins.
"""

import logging

# Without a handler of its own, a warning would be printed over the dashboard.
logging.getLogger("engine").addHandler(logging.NullHandler())
logging.getLogger("engine").setLevel(logging.INFO)
