import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tyro

from engine.analysis import jobs
from engine.analysis.jobs import Progress
from engine.config import ModelName, RunConfig
from engine.errors import FigureError
from engine.figures.catalog import FIGURES
from engine.figures.options import FigureOptions
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.views import Interpolation, LatentMap, PriorSamples, Reconstructions, Traversal
from tui.cli.arguments import ExportArgs
from tui.cli.export import figure_options
from tui.cli.main import main
from tui.cli.progress import progress_bar

pytestmark = pytest.mark.slow

CONFIG = RunConfig(latent_dim=8)


def options(*flags: str, config: RunConfig = CONFIG) -> FigureOptions:
    return figure_options(tyro.cli(ExportArgs, args=["run", *flags]), config)


def test_without_flags_the_figures_are_the_plain_ones() -> None:
    assert options() == FigureOptions()


def test_every_flag_reaches_its_figure() -> None:
    assert options("--projection", "tsne", "--split", "test") == FigureOptions(
        projection="tsne", latent_map=LatentMap("test")
    )
    # z₁ is the first for a person, dimension 0 for the engine.
    assert options("--dims", "8", "1").latent_map == LatentMap("validation", (7, 0))
    assert options("--seed", "4", "--temperature", "0.5").samples == PriorSamples(
        seed=4, temperature=0.5
    )
    paged = options("--page", "3", "--between", "prior", "--image", "17")
    assert paged.reconstructions == Reconstructions(page=3)
    assert paged.interpolation == Interpolation("prior", page=3)
    assert paged.traversal == Traversal(image=17)
    ends = options("--ends", "5", "2", "--ends", "0", "9").interpolation
    assert ends == Interpolation(pairs=((5, 2), (0, 9)))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--dims 0 1", "--dims must be 1 to 8, not 0"),
        ("--dims 1 9", "--dims must be 1 to 8, not 9"),
        ("--dims 3 3", "--dims must be two dimensions, not 3 twice"),
        ("--dims 1 2 --projection umap", "--dims and --projection umap exclude each other"),
        ("--seed -1", "--seed must be 0 to 4,294,967,295, not -1"),
        ("--page -1", "--page must be"),
        ("--image 4294967296", "--image must be"),
        ("--temperature -0.1", "--temperature must be a number of 0 or more, not -0.1"),
        ("--temperature nan", "--temperature must be a number of 0 or more, not nan"),
        ("--temperature inf", "--temperature must be"),
        ("--ends -1 2", "--ends must be 0 to 4,294,967,295, not -1"),
        ("--ends 1 10000 --between prior", "--ends must be 0 to 9,999, not 10,000"),
    ],
)
def test_a_flag_out_of_range_is_one_sentence(flags: str, said: str) -> None:
    with pytest.raises(FigureError) as caught:
        options(*flags.split())
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_the_help_names_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").split()
    assert {figure.name for figure in FIGURES} <= set(words)


@pytest.fixture(scope="module")
def checkpoints(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short runs, and one on another split."""
    folder = tmp_path_factory.mktemp("checkpoints")
    models: list[tuple[str, ModelName, int]] = [("v", "vae", 0), ("a", "ae", 0), ("w", "vae", 1)]
    for name, model, split_seed in models:
        config = RunConfig(
            model=model,
            hidden=(16,),
            latent_dim=3,
            epochs=1,
            device="cpu",
            threads=1,
            split_seed=split_seed,
            data=str(small_data),
        )
        run = TrainingRun(config, NewRun(folder, name))
        run.start()
        while run.snapshot.phase.is_active:
            run.join(0.01)
        run.close()
        assert run.join(30)
    return folder


@pytest.fixture
def export(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    def run(*arguments: str) -> tuple[int, list[str], list[str]]:
        flags = ["--checkpoints", str(checkpoints), "--exports", str(tmp_path / "x")]
        code = main(["export", *arguments, *flags])
        told = capsys.readouterr()
        names = [line.removeprefix(f"{tmp_path}/x/") for line in told.out.splitlines()]
        return code, names, told.err.splitlines()

    return run


def test_the_comparison_is_written_to_the_first_runs_directory(export: Any, tmp_path: Path) -> None:
    assert export("v", "--figure", "comparison", "--with", "a") == (0, ["v/comparison.png"], [])
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["v"]


def test_several_figures_are_written_in_the_order_asked_for(export: Any) -> None:
    figures = ["--figure", "film", "--figure", "comparison", "--figure", "manifold"]
    code, names, told = export("a", *figures, "--with", "v", "--dims", "2", "3")
    assert (code, told) == (0, [])
    films = ["a/ae_film.gif", "a/ae_film.png", "a/ae_film_strip.png"]
    assert names == [*films, "a/comparison.png", "a/manifold.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("v --figure comparison", "--figure comparison needs the other run: --with RUN"),
        ("v --figure samples --with a", "--with goes with --figure comparison"),
        ("v --figure comparison --with gone", "no run 'gone'"),
        ("v --figure comparison --with w", "runs v and w can't be compared"),
        ("v --figure picture", "there is no figure 'picture'"),
        ("v --dims 1 4", "--dims must be 1 to 3, not 4"),
        ("v --temperature -1", "--temperature must be"),
    ],
)
def test_unusable_input_is_one_sentence_and_exit_code_2(
    export: Any, arguments: str, said: str, tmp_path: Path
) -> None:
    code, names, told = export(*arguments.split())
    assert (code, names) == (2, [])
    (sentence,) = told
    assert sentence.startswith(f"fmnist-vae-tui: {said}")
    assert not (tmp_path / "x").exists()


def test_a_job_without_a_result_is_one_sentence(
    export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_latents: object) -> None:
        raise jobs.JobError("Some latents are not finite numbers: the training has diverged.")

    monkeypatch.setattr(jobs, "_check", fail)
    code, _, told = export("v", "--figure", "latent_scatter", "--projection", "tsne")
    assert code == 2
    assert told == [
        "fmnist-vae-tui: Some latents are not finite numbers: the training has diverged."
    ]


def test_tsne_is_drawn_of_the_wanted_split(export: Any, tmp_path: Path) -> None:
    from PIL import Image

    flags = ["--figure", "latent_scatter", "--projection", "tsne", "--split", "test"]
    code, names, told = export("v", *flags)
    assert (code, told) == (0, [])
    with Image.open(tmp_path / "x" / names[0]) as image:
        title = image.info["Title"]
    assert title == "VAE posterior means μ of 100 test images (t-SNE)"


def test_progress_is_shown_on_a_terminal_only_and_only_once_something_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with progress_bar("v · ") as progress:
            progress(0.5, "t-SNE: 250 of 750 iterations")

    work()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    work()
    out, err = capsys.readouterr()
    assert out == ""
    assert "v · t-SNE: 250 of 750 iterations" in err
    with progress_bar("v · "):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_slow_figure_shows_its_progress(export: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    @contextmanager
    def listening(prefix: str = "") -> Iterator[Progress]:
        yield lambda _, activity: told.append(prefix + activity)

    monkeypatch.setattr("tui.cli.progress.progress_bar", listening)
    code, names, _ = export("v", "--figure", "latent_scatter", "--projection", "tsne")
    assert (code, len(names)) == (0, 1)
    assert told[0] == "v · t-SNE: finding neighbours"
    assert told[-1] == "v · t-SNE: 750 of 750 iterations"
