"""`ValidationImages`: whether two runs are validated on the same images, so that they compare."""

from dataclasses import dataclass

from engine.config import RunConfig


@dataclass(frozen=True, slots=True)
class ValidationImages:
    """What decides which images a run holds out for validation; equal for the same ones."""

    fingerprint: str
    """`data.fashion_mnist.content_fingerprint`, wherever the data lie; empty if not known yet."""
    share: float
    split_seed: int

    @classmethod
    def of(cls, config: RunConfig, fingerprint: str) -> "ValidationImages":
        """Of a run with these settings on these data."""
        return cls(fingerprint, config.validation_share, config.split_seed)

    @property
    def split(self) -> tuple[float, int]:
        """How the data are divided."""
        return self.share, self.split_seed

    def differ_from(self, other: "ValidationImages") -> bool:
        """Whether these are known to be other images; unknown data may be the same."""
        fingerprints = {self.fingerprint, other.fingerprint} - {""}
        return self.split != other.split or len(fingerprints) > 1
