"""report.md and report.html: whole, self-contained, and harmless whatever the names are."""

import base64
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from engine.parent import Parent
from engine.report import html, tables, text
from engine.report.comparing import comparison_findings
from engine.report.facts import RunFacts
from engine.report.findings import findings
from engine.report.markup import code, escape, image, link, number_table
from engine.report.text import Pictures
from engine.report.write import write_report
from engine.runs.stored_run import StoredRun
from engine.steering import SteeringChange
from tests.support.report_facts import ae, vae

pytestmark = pytest.mark.slow

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


class Page(HTMLParser):
    """Checks that elements are closed in order; collects text, attributes and headings."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.shown = ""
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag not in VOID
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if not {"style", "title"} & set(self.open):
            self.shown += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def no_pictures(*runs: RunFacts) -> Pictures:
    return Pictures({run.name: {} for run in runs}, "", "pca")


def markdown(*runs: RunFacts) -> str:
    return text.markdown(runs, no_pictures(*runs), [])


def page(*runs: RunFacts) -> Page:
    return Page(html.page(markdown(*runs), text.title(runs), {}))


# A whole report of real runs.


@pytest.fixture(scope="module")
def written(stored_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("exports") / "vae-run"
    told: list[str] = []
    runs = [StoredRun(stored_runs["vae"]), StoredRun(stored_runs["ae"])]
    paths = write_report(runs, directory, "pca", ["--weights", "best"], told.append)
    assert paths == (directory / "report.md", directory / "report.html")
    assert "vae-run: drawing samples" in told
    return directory


def linked(content: str) -> list[str]:
    return [unquote(path) for path in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", content)]


def test_every_picture_lies_beside_the_markdown(written: Path) -> None:
    paths = linked((written / "report.md").read_text())
    assert paths
    assert all((written / path).is_file() for path in paths)
    files = {path.relative_to(written).as_posix() for path in written.rglob("*.png")}
    assert set(paths) == files
    assert len(paths) == len(set(paths))
    for name in ("samples", "latent_scatter", "recon_val", "train_loss", "val_loss"):
        assert f"vae_{name}.png" in paths
        assert f"2-ae-run/ae_{name}.png" in paths
    assert {"comparison.png", "interpolation.png", "traversal.png", "manifold.png"} <= set(paths)
    assert "vae_film_strip.png" in paths


def test_the_page_is_well_formed_and_fetches_nothing(written: Path) -> None:
    content = (written / "report.html").read_text()
    found = Page(content)
    assert content.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "iframe", "object", "base"} & {name for name, _ in found.elements}
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "srcset", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,"))
    assert "url(" not in content
    assert "@import" not in content
    assert "http" not in re.sub(r"http-equiv|base64,[A-Za-z0-9+/=]+", "", content)


def test_the_page_holds_the_very_files_that_the_markdown_links_to(written: Path) -> None:
    images = Page((written / "report.html").read_text()).of("img")
    embedded = [base64.b64decode((i["src"] or "").split(",", 1)[1]) for i in images]
    paths = linked((written / "report.md").read_text())
    assert embedded == [(written / path).read_bytes() for path in paths]
    assert all(attributes["alt"] for attributes in images)


def test_contents_lead_to_headings(written: Path) -> None:
    found = Page((written / "report.html").read_text())
    targets = [a["href"] for a in found.of("a")]
    ids = {f"#{heading['id']}" for heading in found.of("h1") + found.of("h2")}
    assert len(targets) >= 8
    assert set(targets) <= ids


def test_the_page_suits_phones_dark_screens_and_paper(written: Path) -> None:
    content = (written / "report.html").read_text()
    assert '<meta name="viewport" content="width=device-width' in content
    assert "prefers-color-scheme: dark" in content
    assert "@media print" in content
    assert "max-width: 100%" in content


def test_both_files_say_the_same(written: Path) -> None:
    shown = " ".join(Page((written / "report.html").read_text()).shown.split())
    for sentence in (
        "are different quantities and not compared here",
        "fmnist-vae-tui report vae-run ae-run --weights best",
        "z = μ(x) + σ(x) ⊙ ε, ε ~ N(0, I)",
    ):
        assert sentence in shown
        assert sentence in " ".join((written / "report.md").read_text().split())


@pytest.fixture(scope="module")
def alone(stored_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the autoencoder only."""
    directory = tmp_path_factory.mktemp("alone")
    write_report([StoredRun(stored_runs["ae"])], directory, "pca", [], lambda _: None)
    return directory


def test_a_second_report_says_the_same_to_the_byte(
    alone: Path, stored_runs: dict[str, Path], tmp_path: Path
) -> None:
    write_report([StoredRun(stored_runs["ae"])], tmp_path, "pca", [], lambda _: None)
    for name in ("report.md", "report.html"):
        assert (tmp_path / name).read_bytes() == (alone / name).read_bytes()


def test_an_autoencoder_alone_has_no_section_on_a_bound(alone: Path) -> None:
    content = (alone / "report.md").read_text()
    assert "**ELBO.**" not in content
    assert "Comparison" not in content
    assert "## 7 How to reproduce" in content
    assert "nan" not in content.split()
    assert (alone / "ae_samples.png").is_file()


def test_a_run_without_curves_has_a_report_without_them(
    stored_runs: dict[str, Path], tmp_path: Path
) -> None:
    copied = tmp_path / "bare"
    shutil.copytree(stored_runs["vae"], copied)
    for name in ("metrics.csv", "steps.csv", "best.pt"):
        (copied / name).unlink()
    shutil.rmtree(copied / "frames")
    paths = write_report([StoredRun(copied)], tmp_path / "x", "pca", [], lambda _: None)
    content = paths[0].read_text()
    assert "vae_train_loss.png" not in content
    assert "film" not in content
    assert "vae_samples.png" in content
    assert "No evaluation was kept" in content
    assert "The best weights have no scores:" in content
    Page(paths[1].read_text())


def test_runs_of_one_name_are_told_apart(stored_runs: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "vae-run"
    shutil.copytree(stored_runs["vae"], other)
    runs = [StoredRun(stored_runs["vae"]), StoredRun(other)]
    paths = write_report(runs, tmp_path / "x", "pca", [], lambda _: None)
    content = paths[0].read_text()
    assert "### Results of vae-run (VAE)" in content
    assert "### Results of vae-run (2) (VAE)" in content
    assert (tmp_path / "x" / "2-vae-run" / "vae_samples.png").is_file()


# The words, of facts that were made up.


def test_other_facts_make_other_words() -> None:
    assert "244.99" not in markdown(vae())
    assert "first" in markdown(vae())
    assert "third" in markdown(vae(name="third"))
    config = replace(vae().config, beta=4.0, kl_warmup=3.0)
    assert "βₜ = 4 · min(1, t / T) with T = 3 epochs" in markdown(vae(config=config))
    assert "βₜ = 1 throughout" in markdown(vae())
    config = replace(config, kl_schedule="cyclical", kl_cycles=2, epochs=6)
    text = markdown(vae(config=config))
    assert "βₜ runs through 2 cycles in 6 epochs" in text
    assert "| 2 cycles, β rising over the first half of each |" in text
    assert "Fu et al. 2019: Cyclical" in text
    assert "Sønderby" not in text


def test_what_a_run_began_with_and_how_it_was_steered_is_told() -> None:
    run = vae()
    training = replace(
        run.training,
        parent=Parent("first", "early", 15, 1.5),
        steering=(SteeringChange(5, "beta", 20.0, 1.0), SteeringChange(10, "lr", 1e-3, 1e-4)),
        planned_steps=40,
    )
    config = replace(run.config, beta=1.0, lr=1e-4, epochs=4)
    text = markdown(replace(run, training=training, config=config))
    name = run.name
    assert f"{name} began with the kept state early of run first (epoch 1.50)" in text
    changes = "β 20 → 1 at epoch 0.50; lr 0.001 → 0.0001 at epoch 1"
    assert f"steered while it was trained: {changes}" in text
    assert "--branch first --branch-from early" in text
    assert "--beta 20.0" in text, "it is repeated from the settings that it began with"
    assert "began with" not in markdown(run)


@pytest.mark.parametrize(
    ("settings", "loss", "sentence", "reference"),
    [
        (
            {"free_bits": 0.25},
            "reconstruction + β · Σ_j max(0.25, KL_j)",
            "Instead of the KL, βₜ weighs Σ_j max(0.25, KL_j)",
            "Kingma et al. 2016: ",
        ),
        (
            {"capacity": 20.0, "capacity_warmup": 3.0},
            "reconstruction + β · |KL − 20|",
            "Cₜ = 20 nats · min(1, t / T) with T = 3 epochs",
            "Burgess et al. 2018: ",
        ),
        (
            {"tc_weight": 6.0},
            "reconstruction + β · (I + 6 · TC + dimension-wise KL)",
            "has the weight 6, estimated by minibatch-weighted sampling",
            "Chen et al. 2018: ",
        ),
    ],
)
def test_what_the_loss_has_instead_of_the_kl_is_told(
    settings: dict[str, float], loss: str, sentence: str, reference: str
) -> None:
    config = replace(vae().config, **settings)  # type: ignore[arg-type]
    text = markdown(vae(config=config))
    shown = Page(html.page(text, "t", {})).shown
    assert all(words in shown for words in (loss, sentence, reference))
    assert vae(config=config).minimised.startswith("loss (β = 1, ")
    assert vae().minimised == "−ELBO"
    assert reference not in markdown(vae())
    assert "reconstruction + β · KL" in markdown(vae())


def test_every_finding_and_every_point_is_an_item_of_a_list() -> None:
    runs = [vae(), ae()]
    content = html.page(markdown(*runs), "t", {})
    told = [f.title for run in runs for f in findings(run)]
    told += [f.title for f in comparison_findings(runs)]
    points = ["Source:", "Normalisation:", "Split:", "Floor:"]
    items = re.findall(r"<li><strong>(.*?)</strong>", content)
    assert items == ["first", "second", *points, *(f"{title}." for title in told)]
    # One table for tasks, settings, data, training and comparison, three for each run.
    assert content.count("<table>") == 5 + 3 * 2


def test_one_run_has_no_headings_of_runs() -> None:
    assert "###" not in markdown(vae())
    assert markdown(vae(), ae()).count("### Findings on ") == 2


def test_without_test_images_no_test_score_is_shown() -> None:
    data = replace(vae().data, test=None, test_problem="shoes has no test file.")
    content = markdown(vae(data=data, scores=vae().scores[:2]))
    assert "There are no test images, so there can be no test score: shoes has no" in content
    assert "| test |" not in content
    assert "validation −ELBO 242.00" in content


def test_data_of_several_runs_is_told_once_if_it_is_the_same() -> None:
    assert markdown(vae(), ae()).count("SHA-256") == 1
    other = ae(data=replace(ae().data, fingerprint="cd" * 32))
    content = markdown(vae(), other)
    assert content.count("SHA-256") == 2
    assert "### Data of second" in content
    assert "were trained on different data" in content


NASTY = (
    "<script>alert(1)</script>",
    "a|b",
    "**bold** _it_ `code`",
    "[x](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "&lt;b&gt; & &#60;",
    "{{ 7 * 7 }} {% for %}",
    "# head",
    "~~gone~~ $x$",
    "back\\slash\\",
    "quote\" onload='x'",
)


@pytest.mark.parametrize("nasty", NASTY)
def test_names_from_outside_are_shown_as_they_are_and_do_nothing(nasty: str) -> None:
    names = (nasty, "Hat", "Sock")
    run = vae(
        name=nasty,
        data=replace(vae().data, class_names=names, source=f"/data/{nasty}"),
        classes=(replace(vae().classes[0], name=nasty), *vae().classes[1:]),
        training=replace(vae().training, device=nasty, versions=((nasty, nasty),), created=nasty),
        missing_weights=nasty,
    )
    plain, found = page(vae(), ae()), page(run, ae())
    assert [name for name, _ in found.elements] == [name for name, _ in plain.elements]
    shown = " ".join(found.shown.split())
    assert f"{nasty} (VAE)" in shown
    assert f"Source: /data/{nasty}." in shown
    assert f"have no scores: {nasty}." in shown
    targets = [a.get(name) for _, a in found.elements for name in ("href", "src")]
    assert all(target is None or target.startswith("#") for target in targets)


def test_a_table_keeps_its_columns() -> None:
    rows = [["a|b", "`c|d`"], ["\\", "x\n| y |"]]
    found = Page(html.page(str(number_table(rows)), "t", {}))
    assert len(found.of("th")) == 2
    assert len(found.of("td")) == 2
    assert "x\\n| y |" in found.shown
    assert "`c|d`" in found.shown


def test_nothing_that_steers_a_terminal_or_ends_a_line_is_in_text_or_code() -> None:
    assert escape("a\x02b\udcffc\nd") == r"a\\x02b\\udcffc\\nd"
    assert code("a \x1b[31m\udcff\u2028\nb") == "```\na \\x1b[31m\\udcff\\u2028\nb\n```"


def test_code_is_shown_as_it_is_whatever_is_in_it() -> None:
    commands = "a\n```\n<b>&amp;</b>\n````\n| x |"
    found = Page(html.page(f"x\n\n{code(commands)}\n\ny", "t", {}))
    assert commands in found.shown
    assert len(found.of("pre")) == 1
    assert not found.of("b")


def test_a_picture_of_any_path_is_found() -> None:
    for path in ("2-a b/x.png", "2-(a)/x.png", "2-ä]%20/x.png", "2-'\"/x.png"):
        found = Page(html.page(image(path, 'a "b" <c>'), "t", {link(path): PIXEL}))
        [attributes] = found.of("img")
        assert (attributes["src"] or "").startswith("data:image/png;base64,")
        assert attributes["alt"] == 'a "b" <c>'


def test_a_link_has_no_character_that_ends_it() -> None:
    assert link("2-a b/(x)>.png") == "2-a%20b/%28x%29%3E.png"


def test_a_title_is_escaped() -> None:
    content = html.page("x", "</title><script>", {})
    assert "<script>" not in content


def test_a_title_with_a_name_of_any_bytes_can_be_written() -> None:
    content = html.page("x", "Report on r\udcff\x1b", {}).encode()
    assert rb"<title>Report on r\udcff\x1b</title>" in content


def test_where_it_was_trained_tells_threads_and_a_precision_that_is_not_the_usual_one() -> None:
    run = vae()
    coarse = replace(run, config=replace(run.config, precision="bf16"))
    nowhere = replace(coarse, training=replace(run.training, device="", threads=None))
    rows = {row[0]: row[1:] for row in tables.setting([run, coarse, nowhere])}
    assert rows["Device"] == [
        "CPU, 2 threads",
        "CPU, 2 threads, products in bf16",
        "products in bf16",
    ]
