from engine.config import RunConfig
from engine.run_settings import model_name, setting_text, settings_line, short_setting_text


def test_the_models_name_has_the_encoders_widths() -> None:
    assert model_name(RunConfig()) == "VAE 784-512-256-20"
    assert model_name(RunConfig(model="ae", hidden=(400,), latent_dim=2)) == "AE 784-400-2"


def test_beta_is_told_of_a_vae_only() -> None:
    vae = RunConfig(hidden=(400,), activation="relu", beta=0.5, seed=3)
    assert settings_line(vae) == "VAE 784-400-20 · relu · β 0.5 · seed 3"
    assert "β 4 ·" in settings_line(RunConfig(beta=4.0))
    ae = RunConfig(model="ae", hidden=(400,), activation="relu", beta=0.5, seed=3)
    assert settings_line(ae) == "AE 784-400-20 · relu · seed 3"


def test_a_setting_is_written_in_few_letters_and_harmless_ones() -> None:
    config = RunConfig(hidden=(512, 256), lr=1e-5, data="/data/two\nlines-of-images/")
    assert setting_text(config, "hidden") == short_setting_text(config, "hidden") == "512-256"
    assert setting_text(config, "lr") == "1e-05"
    assert setting_text(config, "data") == r"/data/two\nlines-of-images/"
    assert short_setting_text(config, "data") == "…s-of-images"
    assert setting_text(RunConfig(), "data") == short_setting_text(RunConfig(), "data") == "bundled"
