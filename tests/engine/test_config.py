import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import PRESETS, RunConfig, TrainingPlan, absolute_data, differing_settings
from engine.errors import ConfigError


def test_settings_survive_json() -> None:
    config = RunConfig(hidden=(300, 100), beta=0.5, device="cuda:1")
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_report_preset_is_the_plain_setting_of_the_course_report() -> None:
    report = PRESETS["report"]
    assert (report.hidden, report.latent_dim, report.activation) == ((400,), 20, "relu")
    assert (report.lr, report.lr_schedule, report.batch_size) == (1e-3, "constant", 128)
    assert (report.beta, report.kl_warmup) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("model", "gan", "must be one of vae, ae, not 'gan'"),
        ("hidden", (), "must be one or more widths"),
        ("hidden", (0,), "must be one or more widths"),
        ("hidden", "512", "must be whole numbers"),
        ("hidden", (1.5,), "must be whole numbers"),
        ("latent_dim", 0, "must be 1 to 4,096, not 0"),
        ("latent_dim", True, "must be a whole number"),
        ("batch_size", 0, "must be 1 to 1,000,000, not 0"),
        ("epochs", 0, "must be 1 to"),
        ("epochs", 1.5, "must be a whole number, not 1.5"),
        ("seed", -1, "must be 0 to"),
        ("seed", 2**32, "must be 0 to"),
        ("beta", -0.1, "must be 0 or more, not -0.1"),
        ("beta", 1e38, "must be at most 1,000,000 (float32 holds no larger gradients), not 1e+38"),
        ("beta", float("nan"), "must be a finite number"),
        ("beta", "1", "must be a number"),
        ("kl_warmup", -1.0, "must be 0 or more epochs"),
        ("kl_schedule", "cosine", "must be one of linear, cyclical, not 'cosine'"),
        ("kl_cycles", 0, "must be 1 to 1,000, not 0"),
        ("lr", 0.0, "must be above 0"),
        ("free_bits", -0.1, "must be 0 to 10,000 nats, not -0.1"),
        ("capacity", 10_001.0, "must be 0 to 10,000 nats, not 10001.0"),
        ("capacity_warmup", -1.0, "must be 0 or more epochs"),
        ("tc_weight", -1.0, "must be 0 to 10,000, not -1.0"),
        ("ema", 1.0, "must be 0 or more and below 1, not 1.0"),
        ("grad_clip", -1.0, "must be 0 or more, not -1.0"),
        ("grad_clip", float("inf"), "must be a finite number"),
        ("lr", float("inf"), "must be a finite number"),
        ("validation_share", 1.0, "must be between 0 and 1"),
        ("device", "tpu", "must be auto, cpu, mps, cuda or cuda:N"),
        ("device", "cuda:x", "must be auto, cpu"),
        ("threads", -1, "must be 0 to"),
        ("data", 3, "must be str, not 3"),
        ("data", "a\0b", r"must be a path, not 'a\x00b'"),
        ("data", json.loads('"\\ud800"'), r"must be a path, not '\ud800'"),
        ("beta", True, "must be a number, not True"),
        ("beta", 1e999, "must be a finite number, not inf"),
        pytest.param("lr", 10**400, "must be a finite number, not 10,000", id="huge-lr"),
        pytest.param("epochs", 10**400, "must be 1 to 1,000,000, not 10,000", id="huge-epochs"),
        ("model", ["vae"], "must be one of vae, ae, not ['vae']"),
        ("device", "cpu\n", r"must be auto, cpu, mps, cuda or cuda:N, not 'cpu\n'"),
        pytest.param("activation", "g" * 10**6, "must be one of relu, ", id="long-activation"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(
    field: str, value: object, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**{field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} {expected}")
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"free_bits": 0.5, "capacity": 20.0}, "capacity can't be 20 while free_bits is 0.5"),
        ({"free_bits": 0.5, "tc_weight": 2.0}, "tc_weight can't be 2 while free_bits is 0.5"),
        ({"capacity": 9.0, "tc_weight": 0.0}, "tc_weight can't be 0 while capacity is 9"),
    ],
)
def test_two_objectives_at_once_are_refused_in_a_sentence(
    settings: dict[str, float], refused: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(refused)
    for name in settings:  # each by itself is fine
        RunConfig(**{name: settings[name]})  # type: ignore[arg-type]


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="momentum is not a setting"):
        RunConfig.from_dict({"momentum": 0.9})
    with pytest.raises(ConfigError, match=r"\\x1b\[2Jx+… is not a setting"):
        RunConfig.from_dict({"\x1b[2J" + "x" * 1000: 0.9})


def test_data_is_kept_as_an_absolute_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/homes/me")
    assert absolute_data("fm") == f"{tmp_path}/fm"
    assert absolute_data("~/fm") == "/homes/me/fm"
    assert absolute_data("/data/m\udcfcller") == "/data/m\udcfcller"
    assert absolute_data("") == ""  # the bundled data set


def test_data_that_is_no_path_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="data ~no-such-user/fm names a home") as caught:
        absolute_data("~no-such-user/fm")
    assert caught.value.field == "data"


# Settings that differ, and as flags.


def test_flags_are_of_the_settings_that_are_not_the_defaults() -> None:
    assert RunConfig().to_flags() == []
    config = RunConfig(model="ae", hidden=(8, 4), kl_warmup=0.0, data="/a b")
    assert config.changed_settings() == ("model", "hidden", "kl_warmup", "data")
    flags = ["--model", "ae", "--hidden", "8", "4", "--kl-warmup", "0.0", "--data", "/a b"]
    assert config.to_flags() == flags
    assert TrainingPlan(model="both").to_flags() == ["--model", "both"]


def test_settings_asked_for_by_name_become_flags_though_they_are_the_defaults() -> None:
    flags = RunConfig(epochs=7, beta=2.0).to_flags("epochs", "precision")
    assert flags == ["--epochs", "7", "--precision", "float32"]


def test_settings_that_differ_are_named_in_their_order() -> None:
    vae, ae = RunConfig(), RunConfig(model="ae")
    assert differing_settings([]) == differing_settings([vae, vae]) == ()
    other = replace(vae, beta=4.0, latent_dim=3, epochs=77)
    assert differing_settings([vae, other]) == ("latent_dim", "beta", "epochs")
    assert differing_settings([vae, ae, other]) == ("model", "latent_dim", "beta", "epochs")


def test_a_setting_that_a_model_does_not_have_makes_no_difference() -> None:
    vae, ae = RunConfig(beta=2.0), RunConfig(model="ae", kl_warmup=9.0)
    assert differing_settings([vae, ae]) == ("model",)
    assert differing_settings([vae, ae, replace(ae, beta=4.0)]) == ("model",)


def test_a_setting_of_another_schedule_does_nothing() -> None:
    linear, cyclical = RunConfig(), RunConfig(kl_schedule="cyclical")
    assert linear.has("kl_warmup")
    assert cyclical.has("kl_cycles")
    assert not linear.has("kl_cycles")
    assert not cyclical.has("kl_warmup")
    others = [replace(linear, kl_cycles=9), replace(cyclical, kl_warmup=9.0)]
    assert differing_settings([linear, cyclical, *others]) == ("kl_schedule",)


def test_beta_is_what_it_was_set_to_from_an_epoch_on() -> None:
    assert RunConfig(kl_warmup=3.0).full_beta_epoch == 3.0
    assert RunConfig(kl_schedule="cyclical", kl_cycles=3, epochs=6).full_beta_epoch == 5.0
    assert RunConfig(model="ae", kl_schedule="cyclical").full_beta_epoch == 0.0


def test_what_keeps_a_run_from_being_resumed_is_the_first_setting_that_differs() -> None:
    config = RunConfig()
    config.check_same_model(replace(config, epochs=99, threads=3, precision="bf16", data="/x"))
    with pytest.raises(ValueError, match=r"^latent_dim was 20$"):
        config.check_same_model(replace(config, seed=9, lr=math.e / 100, latent_dim=2))
