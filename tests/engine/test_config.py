import json
from pathlib import Path

import pytest

from engine.config import PRESETS, RunConfig, absolute_data
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
        ("beta", float("nan"), "must be a finite number"),
        ("beta", "1", "must be a number"),
        ("kl_warmup", -1.0, "must be 0 or more epochs"),
        ("lr", 0.0, "must be above 0"),
        ("lr", float("inf"), "must be a finite number"),
        ("validation_share", 1.0, "must be between 0 and 1"),
        ("device", "tpu", "must be auto, cpu, mps, cuda or cuda:N"),
        ("device", "cuda:x", "must be auto, cpu"),
        ("threads", -1, "must be 0 to"),
        ("data", 3, "must be str, not 3"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(
    field: str, value: object, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**{field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} {expected}")


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="momentum is not a setting"):
        RunConfig.from_dict({"momentum": 0.9})


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
