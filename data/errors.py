"""The one exception of this package; it reads nothing and decides nothing."""


class DataError(ValueError):
    """A data file, or a request about the data, that cannot be used.

    The message is one sentence for the person at the terminal: what was wrong, where (file, line
    or byte) and what was expected. It is shown as it stands, without a traceback.
    """
