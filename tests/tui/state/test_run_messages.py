from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.alerts import Alert, Rule
from engine.config import RunConfig
from engine.run import Access
from engine.snapshot import Phase, Snapshot
from tests.support.tui_fakes import evaluation
from tui.state.run_messages import RunMessages


@dataclass
class QuietRun:
    """What RunMessages looks at."""

    access = Access.OWNER

    config: RunConfig = field(default_factory=RunConfig)
    directory: Path | None = Path("checkpoints/vae-test")


@pytest.fixture
def news() -> RunMessages:
    return RunMessages(QuietRun())  # type: ignore[arg-type]


LOADING = Snapshot(run="vae-test", epochs=30)
TRAINING = replace(LOADING, phase=Phase.TRAINING)
ENDED = replace(
    TRAINING, phase=Phase.FINISHED, step=1200, saved_step=1200, epoch=3.0, best=evaluation(2.0)
)


def levels(messages: list[tuple[str, str]]) -> list[str]:
    return [level for _, level in messages]


def test_nothing_is_said_twice(news: RunMessages) -> None:
    assert len(news.since_last(LOADING)) == 1
    assert news.since_last(LOADING) == []
    assert len(news.since_last(TRAINING)) == 1
    assert news.since_last(replace(TRAINING, step=5, epoch=0.1)) == []


def test_the_start_names_the_run_and_its_length(news: RunMessages) -> None:
    news.since_last(LOADING)
    assert news.since_last(TRAINING) == [
        ("training vae-test for 30 epochs; ? for help", "info"),
    ]


def test_a_pause_says_which_key_goes_on_and_the_end_of_it_is_not_a_start(news: RunMessages) -> None:
    news.since_last(TRAINING)
    ((text, level),) = news.since_last(replace(TRAINING, phase=Phase.PAUSED))
    assert "space" in text
    assert level == "warning"
    ((text, _),) = news.since_last(TRAINING)
    assert text.startswith("resumed vae-test; training to epoch")


def test_the_end_says_how_good_it_was_and_where_it_is_kept(news: RunMessages) -> None:
    news.since_last(TRAINING)
    # 229 + 315 e^-18 + 8/e + 12 (1 - e^-40) at epoch 2.
    assert news.since_last(ENDED) == [
        (
            "finished at epoch 3 of 30, best −ELBO 243.94 at epoch 2; "
            "saved in checkpoints/vae-test/",
            "done",
        )
    ]


def test_a_run_stopped_between_epochs_says_where(news: RunMessages) -> None:
    ((text, _),) = news.since_last(replace(ENDED, phase=Phase.STOPPED, epoch=2.37))
    assert text.startswith("stopped at epoch 2.37 of 30, best")


def test_an_autoencoders_best_is_its_reconstruction() -> None:
    run = QuietRun(RunConfig(model="ae"))
    ((text, _),) = RunMessages(run).since_last(  # type: ignore[arg-type]
        replace(ENDED, best=evaluation(2.0, "ae"))
    )
    assert "best reconstruction 231.94 at epoch 2" in text


def test_an_end_without_a_file_says_so(news: RunMessages) -> None:
    ended = replace(LOADING, phase=Phase.STOPPED)
    ((text, _),) = news.since_last(replace(ended, step=7, epoch=0.02))
    assert text == (
        "stopped at epoch 0.02 of 30; nothing is saved in checkpoints/vae-test/: see the alerts"
    )


def test_an_end_that_could_not_be_saved_does_not_deny_the_save_before(news: RunMessages) -> None:
    ((text, _),) = news.since_last(replace(ENDED, saved_step=800))
    assert "nothing was saved" not in text
    assert "checkpoints/vae-test/" in text


def test_a_failure_says_why(news: RunMessages) -> None:
    news.since_last(TRAINING)
    failed = replace(TRAINING, phase=Phase.FAILED, error="the loss stopped being a number")
    assert news.since_last(failed) == [("the run failed: the loss stopped being a number", "error")]


def test_every_alert_is_said_once_oldest_first(news: RunMessages) -> None:
    news.since_last(TRAINING)
    first, second, third = (Alert(1000 * i, f"alert {i}") for i in (1, 2, 3))
    two = news.since_last(replace(TRAINING, alerts=(first, second)))
    assert two == [("step 1,000: alert 1", "warning"), ("step 2,000: alert 2", "warning")]
    three = replace(TRAINING, alerts=(first, second, third))
    assert news.since_last(three) == [("step 3,000: alert 3", "warning")]
    assert news.since_last(three) == []


def test_an_alert_and_the_end_at_once_are_both_told(news: RunMessages) -> None:
    news.since_last(TRAINING)
    messages = news.since_last(replace(ENDED, alerts=(Alert(5, "disk full"),)))
    assert sorted(levels(messages)) == ["done", "warning"]


def test_what_rules_raised_before_anybody_looked_is_no_news_and_a_full_disk_is(
    news: RunMessages,
) -> None:
    past, disk = Alert(400, "plateau", Rule.PLATEAU), Alert(1200, "disk full")
    texts = [t for t, _ in news.since_last(replace(ENDED, elapsed=500.0, alerts=(past, disk)))]
    assert texts[1:] == ["step 1,200: disk full"]
    assert texts[0].startswith("finished")


def test_what_a_rule_raises_in_the_first_moments_is_news(news: RunMessages) -> None:
    early = Alert(64, "KL vanishing", Rule.KL_VANISHING)
    assert ("step 64: KL vanishing", "warning") in news.since_last(
        replace(TRAINING, alerts=(early,))
    )


def test_an_alert_that_comes_before_others_is_told_alone(news: RunMessages) -> None:
    """Those of an attached run are in the order of their steps."""
    news.since_last(TRAINING)
    later, sooner = Alert(9, "later"), Alert(5, "sooner")
    news.since_last(replace(TRAINING, alerts=(later,)))
    assert news.since_last(replace(TRAINING, alerts=(sooner, later))) == [
        ("step 5: sooner", "warning")
    ]
