"""The report's Markdown: the template, and the sentences that depend on a run's settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.figures.catalog import FigureName
from engine.metrics import score_name
from engine.projection import PROJECTION_NAMES, Projection
from engine.report import tables
from engine.report.commands import report_commands, train_command
from engine.report.comparing import called, comparison_findings
from engine.report.facts import DataFacts, RunFacts
from engine.report.findings import findings
from engine.report.markup import Markup, code, escape, image, number_table, table
from engine.steering import initial_config
from engine.storage.steering_csv import STEERING_FILE
from engine.text import count, epochs, listed, nats, percent, small
from engine.validation_images import ValidationImages

CURVES: tuple[FigureName, ...] = ("train_loss", "val_loss")
PICTURES: tuple[FigureName, ...] = (
    "recon_val",
    "latent_scatter",
    "samples",
    "interpolation",
    "traversal",
    "manifold",
)
"""The figures of section 5, in order; the film's strip is the last."""
DIAGNOSIS: tuple[FigureName, ...] = ("diagnosis", "rate_distortion", "kl_heatmap")
"""Of the curves' section, where a run has them; an autoencoder has the first."""

ELBO = """KL(x) = Σ_j ½ (μ_j² + σ_j² − 1 − ln σ_j²)
−ELBO(x) = reconstruction(x) + KL(x)
loss = mean over the batch of reconstruction(x) + βₜ · KL(x)"""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Links from the report to the figures that were made, by a run's name and a figure's."""

    of_run: Mapping[str, Mapping[str, str]]
    comparison: str
    """Link to the page of all runs; empty if there is none."""
    projection: Projection
    """How the latent scatter was made two-dimensional."""


def title(runs: Sequence[RunFacts]) -> str:
    """'Report on v (VAE) and a (AE)'."""
    return f"Report on {listed([called(run) for run in runs])}"


def markdown(runs: Sequence[RunFacts], pictures: Pictures, flags: Sequence[str]) -> str:
    """The whole report.

    Args:
        runs: their names must differ.
        flags: of the `report` command, for how to reproduce.
    """
    environment = Environment(
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # it would escape for HTML
    )
    source = (resources.files("engine.report") / "report.md.jinja").read_text("utf-8")
    template = environment.from_string(source)
    return template.render(_context(runs, pictures, flags)).strip() + "\n"


@dataclass(frozen=True, slots=True)
class _DataGroup:
    """Runs that saw the same images in the same splits."""

    names: list[str]
    data: DataFacts
    images: ValidationImages
    elsewhere: bool
    """Whether it is Fashion-MNIST, but not the bundled copy."""


def _context(
    runs: Sequence[RunFacts], pictures: Pictures, flags: Sequence[str]
) -> dict[str, object]:
    vaes, aes = [r for r in runs if r.is_vae], [r for r in runs if not r.is_vae]
    names = [run.name for run in runs]
    commands = [*(_train_command(run) for run in runs)]
    functions: dict[str, Callable[..., Any]] = {
        function.__name__: function
        for function in (
            *(table, number_table, code, listed, percent, nats, small, findings, summary),
            *(encoder_output, beta_sentence, scores_note, origin_sentence),
        )
    }
    return functions | {
        "title": title(runs),
        "runs": runs,
        "vaes": vaes,
        "aes": aes,
        "ae_names": [run.name for run in aes],
        "data_groups": _data_groups(runs),
        "tables": tables,
        "curves": (*CURVES, *DIAGNOSIS),
        "results": (*PICTURES, "film"),
        "picture": lambda run, name: _picture(run, name, pictures),
        "figures": pictures.of_run,
        "elbo": ELBO,
        "penalties": {run.config.penalty for run in vaes},
        "kl_schedules": {run.config.kl_schedule for run in vaes if run.config.full_beta_epoch > 0},
        "comparison_image": _comparison_picture(pictures),
        "comparison": comparison_findings(runs),
        "reproduce_section": 8 if len(runs) > 1 else 7,
        "commands": "\n".join([*commands, *report_commands(names, flags)]),
        "reproducibility": reproducibility(runs),
    }


def _train_command(run: RunFacts) -> str:
    steering = run.training.steering
    try:
        config = initial_config(run.config, steering)
    except ConfigError:  # a file that somebody edited
        config, steering = run.config, ()
    steered = f"{run.path}/{STEERING_FILE}" if steering else ""
    return train_command(config, run.name, run.training.parent, steered)


def _data_groups(runs: Sequence[RunFacts]) -> list[_DataGroup]:
    groups: list[_DataGroup] = []
    for run in runs:
        config, data = run.config, run.data
        images = run.validation_images
        for group in groups:
            if images == group.images:
                group.names.append(run.name)
                break
        else:
            elsewhere = data.is_fashion_mnist and bool(config.data)
            groups.append(_DataGroup([run.name], data, images, elsewhere))
    return groups


def summary(run: RunFacts) -> str:
    """Model, weights, final score and k-NN accuracy of a run, in a line."""
    score = run.score("test") or run.score("validation")
    what = f"{run.model.upper()} with {count(run.config.latent_dim, 'latent dimension')}, "
    what += f"{run.which} weights (epoch {epochs(run.epoch)}): "
    if score is not None:
        m = score.metrics
        what += f"{score.split} {score_name(run.model)} {nats(m.score)}"
        what += f" (reconstruction {nats(m.recon)} + KL {nats(m.kl)})" if run.is_vae else ""
    neighbours = run.latent.neighbours
    accuracy = f"{neighbours.neighbours}-NN accuracy on latent codes {percent(run.knn_accuracy)}"
    return f"{what}; {accuracy}."


def encoder_output(run: RunFacts) -> str:
    """What the encoder's last numbers mean."""
    dims = run.config.latent_dim
    if run.is_vae:
        return (
            f"The encoder's {2 * dims} numbers are μ(x) and ln σ²(x), {dims} each, of "
            "q(z|x) = N(μ, diag σ²)."
        )
    return f"The encoder's {count(dims, 'number')} {'is' if dims == 1 else 'are'} the code z."


def beta_sentence(run: RunFacts) -> str:
    """The loss's weights over training, with this run's β and warm-up."""
    return f"{_beta_sentence(run)}{_latent_sentence(run.config)}"


def _latent_sentence(config: RunConfig) -> str:
    """What β weighs, where that is not the KL."""
    if config.penalty == "free_bits":
        return (
            f" Instead of the KL, βₜ weighs Σ_j max({config.free_bits:g}, KL_j), KL_j being the "
            "mean over the batch (free bits; Kingma et al. 2016)."
        )
    if config.penalty == "capacity":
        over = config.capacity_warmup
        rising = f" · min(1, t / T) with T = {over:g} epochs" if over > 0 else ""
        return (
            f" Instead of the KL, βₜ weighs |KL − Cₜ| with Cₜ = {config.capacity:g} nats{rising} "
            "(controlled capacity; Burgess et al. 2018)."
        )
    if config.penalty == "tc_weight":
        return (
            f" Within the KL, the total correlation KL(q(z) ‖ Π_j q(z_j)) has the weight "
            f"{config.tc_weight:g}, estimated by minibatch-weighted sampling (Chen et al. 2018)."
        )
    return ""


def _beta_sentence(run: RunFacts) -> str:
    beta, epochs = run.config.beta, run.config.kl_warmup
    if run.config.kl_schedule == "cyclical":
        return (
            f"In {run.name}, βₜ runs through {count(run.config.kl_cycles, 'cycle')} in "
            f"{count(run.config.epochs, 'epoch')}: over the first half of each it rises linearly "
            f"from 0 to {beta:g}, over the second it stays there (Fu et al. 2019)."
        )
    if epochs <= 0:
        return f"In {run.name}, βₜ = {beta:g} throughout."
    return (
        f"In {run.name}, βₜ = {beta:g} · min(1, t / T) with T = {epochs:g} epochs (KL warm-up; "
        "Sønderby et al. 2016)."
    )


def scores_note(run: RunFacts) -> str:
    """Which weights are the best, and how validation and test scores differ."""
    name = score_name(run.model)
    notes = []
    if run.missing_weights:
        other = "best" if run.which == "last" else "last"
        notes.append(f"The {other} weights have no scores: {run.missing_weights}.")
    elif all(len(score.weights) == 2 for score in run.scores):
        notes.append(f"The last weights are also those with the lowest validation {name}.")
    else:
        notes.append(f"The best weights are those with the lowest validation {name}.")
    validation, test = run.score("validation"), run.score("test")
    if validation and test:
        between = test.metrics.score - validation.metrics.score
        notes.append(
            f"From validation to test the {run.which} weights' {name} changes by "
            f"{nats(between, signed=True)} nats; the images' own entropy changes by "
            f"{nats(test.floor - validation.floor, signed=True)}, which is why the table gives "
            "what is above this floor, too."
        )
    if test is None:
        notes.append(f"There is no test score: {run.data.test_problem}")
    return " ".join(notes)


def origin_sentence(run: RunFacts) -> str:
    """What a run began with, and how its settings were changed on the way."""
    parts: list[str] = []
    parent = run.training.parent
    if parent is not None:
        state = {"last": "last weights", "best": "best weights"}.get(
            parent.state, f"kept state {parent.state}"
        )
        began = f"{run.name} began with the {state} of run {parent.run}"
        parts.append(f"{began} (epoch {epochs(parent.epoch)}) and its optimiser's averages.")
    if run.training.steering:
        changes = [
            f"{change.text} at epoch {epochs(run.training.epoch_of(change, run.config.epochs))}"
            for change in run.training.steering
        ]
        parts.append(f"{run.name} was steered while it was trained: {'; '.join(changes)}.")
    return " ".join(parts)


def reproducibility(runs: Sequence[RunFacts]) -> str:
    """How exactly the commands give the same again."""
    sentences = ["Settings that are not named are the defaults of the version in section 1."]
    machines: dict[tuple[str, int | None], list[str]] = {}
    for run in runs:
        machines.setdefault((run.training.device, run.training.threads), []).append(run.name)
    for (device, threads), names in machines.items():
        trained = f"{listed(names)} {'was' if len(names) == 1 else 'were'} trained on"
        if device == "CPU" and threads is not None:
            sentences.append(
                f"{trained} the CPU with {count(threads, 'thread')}: with as many "
                f"(--threads {threads}), the same versions and the same kind of processor the "
                "weights come out the same, bit for bit."
            )
        elif device:
            sentences.append(
                f"{trained} {device}: elsewhere sums are taken in another order, and the numbers "
                "will differ a little."
            )
    return " ".join(sentences)


def _picture(run: RunFacts, name: str, pictures: Pictures) -> Markup:
    caption = _caption(run, name, pictures.projection)
    shown = image(pictures.of_run[run.name][name], f"{called(run)}: {name.replace('_', ' ')}")
    return Markup(f"{shown}\n\n*{escape(caption)}*")


def _caption(run: RunFacts, name: str, projection: Projection) -> str:
    vae = run.is_vae
    objective = "−ELBO, reconstruction and KL" if vae else "reconstruction"
    points = "posterior means μ" if vae else "codes"
    dims = run.config.latent_dim
    if projection == "pca":
        drawn = " on their first two principal components" if dims > 2 else ""
    else:
        drawn = f" by {PROJECTION_NAMES[projection]}"
    plane = "Latent space"
    if dims > 2:
        plane = f"The plane of the first two principal components of {'μ' if vae else 'the codes'}"
    grid = "the quantiles of the prior" if vae else "quantiles scaled to the spread of the codes"
    captions = {
        "train_loss": f"Training curve of {run.name}: {objective}, means since the point before.",
        "val_loss": f"Validation curve of {run.name}: {objective} after 1, 2, 4, … steps of "
        "the first epoch and after each epoch.",
        "recon_val": "Validation images, two of each class, each above what the decoder makes of "
        f"its {'μ' if vae else 'code'}.",
        "latent_scatter": f"The validation images' {points}{drawn}, coloured by class.",
        "samples": "Decoded from draws from the prior, N(0, I)."
        if vae
        else "Decoded from draws from N(0, I), which the autoencoder was not trained for.",
        "interpolation": "Linear interpolation between the latents of two validation images, "
        "decoded.",
        "traversal": "One image's latent with one dimension moved at a time, decoded; the "
        f"dimensions with the most {'KL' if vae else 'variance'} first.",
        "manifold": f"{plane}, decoded on a grid of {grid}.",
        "diagnosis": "On fixed images: the KL of each dimension, and what kind it is by the "
        "variances of its posterior (Bonheme & Grzes 2021); KL = mutual information + total "
        "correlation + dimension-wise KL (Hoffman & Johnson 2016; Chen et al. 2018), the first at "
        "most the logarithm of the number of images, and what it lacks then is in the others; the "
        "aggregated posterior; how far Adam's last "
        "step moved each layer; the same weights on training and validation images."
        if vae
        else "On fixed images: the codes against N(0, 1); how far Adam's last step moved each "
        "layer; the same weights on training and validation images.",
        "rate_distortion": "The run's trail of KL and reconstruction on the validation images, "
        "lines of equal −ELBO, and the slope −β (Alemi et al. 2018).",
        "kl_heatmap": "The KL of each latent dimension at each evaluation.",
        "film": "Over the training, from left to right: the same validation images reconstructed, "
        "and the same draws from N(0, I) decoded.",
    }
    return captions[name]


def _comparison_picture(pictures: Pictures) -> Markup:
    if not pictures.comparison:
        return Markup()
    caption = (
        "Curves, numbers, and what each run makes of the same validation images, of draws from "
        "N(0, I) and of draws from a mixture of Gaussians fitted to the training images' latents "
        "after training (Ghosh et al. 2020)."
    )
    shown = image(pictures.comparison, "comparison of the runs")
    return Markup(f"{shown}\n\n*{caption}*")
