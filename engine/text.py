"""Numbers and names in the words of screens, figures and reports: plain text of one line."""


def dimension_name(index: int) -> str:
    """'z₁' for the first latent dimension."""
    return "z" + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(index + 1))
