"""The report's tables, as rows of plain text; the first row is the head."""

from collections.abc import Callable, Mapping, Sequence

from engine.analysis.comparison_rows import ROWS, setting_rows
from engine.report.comparing import incomparable
from engine.report.facts import DataFacts, RunFacts, ScoreFacts
from engine.run_settings import objective_text, setting_text
from engine.text import (
    UNKNOWN,
    active_of,
    count,
    duration,
    epochs,
    fixed,
    nats,
    percent,
    small,
)
from engine.views import Split

Rows = list[list[str]]

_SPLITS: Mapping[Split, str] = {"train": "training", "validation": "validation", "test": "test"}


def setting(runs: Sequence[RunFacts]) -> Rows:
    """What was trained, on what, when."""
    return _columns(
        runs,
        {
            "Model": lambda r: f"{r.model.upper()} {_widths(r)}",
            "Parameters": _parameters,
            "Started": lambda r: r.training.created.replace("T", " ").replace("+00:00", " UTC"),
            "Device": _device,
            "Epochs": _epochs,
            "Training time": lambda r: duration(r.training.seconds),
            "Images per second": lambda r: fixed(r.training.images_per_second, 0),
            "Seeds": lambda r: f"{r.config.seed} (split {r.config.split_seed})",
            "Weights shown": lambda r: f"{r.which}: epoch {epochs(r.epoch)}, step {r.step:,}",
            "Software": lambda r: ", ".join(" ".join(v) for v in r.training.versions),
        },
    )


def training(runs: Sequence[RunFacts]) -> Rows:
    """Loss, optimiser and schedule, a column for each run."""
    return _columns(
        runs,
        {
            "Loss": lambda r: objective_text(r.config),
            "β": lambda r: f"{r.config.beta:g}" if r.is_vae else "",
            "KL warm-up": lambda r: _warmup(r) if r.is_vae else "",
            "Capacity": _capacity,
            "Optimiser": lambda _: "Adam",
            "Learning rate": lambda r: f"{r.config.lr:g}, {_schedule(r)}",
            "Gradient clipping": lambda r: (
                f"norm {r.config.grad_clip:g}" if r.config.grad_clip else ""
            ),
            "Moving average of the weights": lambda r: f"{r.config.ema:g}" if r.config.ema else "",
            "Batch": lambda r: count(r.config.batch_size, "image"),
            "Steps": lambda r: f"{r.training.steps:,} of {r.training.planned_steps:,}",
        },
    )


def images(data: DataFacts) -> Rows:
    """Images of each class in each split, and the classes' floors."""
    splits = [("Training", data.train), ("Validation", data.validation)]
    if data.test is not None:
        splits.append(("Test", data.test))
    head = ["Class", *(name for name, _ in splits), "Floor (validation)"]
    rows = [
        [
            name,
            *(f"{split.class_counts[label]:,}" for _, split in splits),
            nats(data.validation.class_floors[label]),
        ]
        for label, name in enumerate(data.class_names)
    ]
    counts = [f"{split.images:,}" for _, split in splits]
    return [head, *rows, ["All", *counts, nats(data.validation.floor)]]


def layers(run: RunFacts) -> Rows:
    """The linear layers from pixels to logits, and their parameters."""
    rows = [
        [
            layer.part.capitalize(),
            f"{layer.inputs} → {layer.outputs}",
            layer.activation or "none",
            f"{layer.parameters:,}",
        ]
        for layer in run.layers
    ]
    head = ["Part", "Linear layer", "Non-linearity", "Parameters"]
    return [head, *rows, ["All", "", "", _parameters(run)]]


def scores(run: RunFacts) -> Rows:
    """Scores of the last and the best weights, a row for each split."""
    vae = run.is_vae
    head = ["Weights", "Images", *(["−ELBO"] if vae else []), "Reconstruction", "Above floor"]
    head += ["KL", "Active units"] if vae else []
    rows = []
    for score in run.scores:
        m = score.metrics
        row = [f"{' = '.join(score.weights)} (epoch {epochs(score.epoch)})", _SPLITS[score.split]]
        row += [nats(m.neg_elbo)] if vae else []
        row += [nats(m.recon), nats(score.excess)]
        row += [nats(m.kl), _active(run, score)] if vae else []
        rows.append(row)
    return [head, *rows]


def _active(run: RunFacts, score: ScoreFacts) -> str:
    return active_of(run.active_units_of(score), run.config.latent_dim)


def classes(run: RunFacts) -> Rows:
    """Reconstruction errors by class, the best above the floor first."""
    head = ["Class", "BCE", "Floor", "Above floor", "Squared error"]
    return [
        head,
        *(
            [c.name, nats(c.bce), nats(c.floor), nats(c.excess), small(c.mse)]
            for c in sorted(run.classes, key=lambda c: c.excess)
        ),
    ]


def comparison(runs: Sequence[RunFacts]) -> Rows:
    """The settings that differ, and what all models have; empty if that can't be compared."""
    if incomparable(runs):
        return []
    names = [name for name in runs[0].config.to_dict() if name != "data"]
    settings = [
        [row.label.replace("_", " "), *row.cells]
        for row in setting_rows(
            [run.config for run in runs],
            names,
            setting_text,
            [run.training.steering for run in runs],
        )
    ]
    head, *body = _columns(
        runs,
        {
            "Parameters": _parameters,
            "−ELBO, validation": lambda r: ROWS["neg_elbo"].cell(r) if r.is_vae else "",
            "BCE from μ or code": ROWS["bce"].cell,
            "The same above the floor": lambda r: nats(r.recon_bce - r.data.validation.floor),
            # In the digits of the sentences below the table.
            "Squared error": lambda r: small(r.recon_mse),
            "Nearest-neighbour accuracy": ROWS["knn"].cell,
            "Active units": ROWS["active"].cell,
            "KL of a Gaussian like z to N(0, I)": lambda r: nats(r.latent.prior_distance),
            "Draws of N(0, I) outside the region": lambda r: percent(r.latent.remote_draws),
        },
    )
    return [head, *settings, *body]


Cell = Callable[[RunFacts], str]


def _columns(runs: Sequence[RunFacts], rows: Mapping[str, Cell]) -> Rows:
    """A column for each run; rows in which no run has anything are left out."""
    cells = [[name, *(of(run) for run in runs)] for name, of in rows.items()]
    body = [[cell or UNKNOWN for cell in row] for row in cells if any(row[1:])]
    return [["", *(run.name for run in runs)], *body]


def _parameters(run: RunFacts) -> str:
    return f"{sum(layer.parameters for layer in run.layers):,}"


def _widths(run: RunFacts) -> str:
    return "-".join(map(str, (784, *run.config.hidden, run.config.latent_dim)))


def _epochs(run: RunFacts) -> str:
    last = run.training.last
    return f"{epochs(last.epoch if last else run.epoch)} of {run.config.epochs}"


def _device(run: RunFacts) -> str:
    training, precision = run.training, run.config.precision
    parts = [training.device]
    if training.threads is not None:
        kind = "thread" if training.device == "CPU" else "CPU thread"
        parts.append(count(training.threads, kind))
    if precision != "float32":
        parts.append(f"products in {precision}")
    return ", ".join(filter(None, parts))


def _warmup(run: RunFacts) -> str:
    if run.config.kl_schedule == "cyclical":
        return f"{count(run.config.kl_cycles, 'cycle')}, β rising over the first half of each"
    if run.config.kl_warmup <= 0:
        return "none"
    return f"{run.config.kl_warmup:g} epochs, linear"


def _capacity(run: RunFacts) -> str:
    if not run.config.has("capacity_warmup"):
        return ""
    rising = f", rising over {run.config.capacity_warmup:g} epochs"
    return f"{run.config.capacity:g} nats{rising if run.config.capacity_warmup > 0 else ''}"


def _schedule(run: RunFacts) -> str:
    if run.config.lr_schedule == "constant":
        return "constant"
    return "falling to 0 along a cosine"
