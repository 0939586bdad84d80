import torch

from engine.config import RunConfig
from engine.model.networks import MAX_LOGVAR, VAE, Autoencoder, build_model
from engine.model.objective import gaussian_kl_per_dim


def test_z_is_mu_plus_sigma_times_the_given_noise() -> None:
    model = VAE(RunConfig(hidden=(16,), latent_dim=3))
    x, eps = torch.rand(4, 784), torch.randn(4, 3)
    logits, mu, logvar = model(x, eps)
    assert logits.shape == (4, 784)
    assert mu.shape == logvar.shape == (4, 3)
    torch.testing.assert_close(logits, model.decode(mu + logvar.exp().sqrt() * eps))


def test_gradients_reach_the_encoder_through_the_sample() -> None:
    model = VAE(RunConfig(hidden=(16,), latent_dim=3))
    logits, _, _ = model(torch.rand(4, 784), torch.randn(4, 3))
    logits.sum().backward()
    gradient = model.encoder[-1].weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=1) > 0).all()  # of μ and of log σ²


def test_an_image_that_the_encoder_sends_astray_costs_something_finite_to_learn_from() -> None:
    model = VAE(RunConfig(hidden=(16,), latent_dim=3))
    last = model.encoder[-1]
    with torch.no_grad():
        last.bias[3:] = torch.tensor([MAX_LOGVAR - 1, MAX_LOGVAR + 1, 200.0])
        last.weight[3:] = 0.0
    logits, mu, logvar = model(torch.rand(4, 784), torch.randn(4, 3))
    expected = torch.tensor([MAX_LOGVAR - 1, MAX_LOGVAR, MAX_LOGVAR]).expand(4, 3)
    assert torch.equal(logvar, expected), "below the bound, nothing is changed"
    loss = logits.square().sum() + gaussian_kl_per_dim(mu, logvar).sum()
    loss.backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_the_decoder_mirrors_the_encoder() -> None:
    model = VAE(RunConfig(hidden=(64, 32), latent_dim=5))
    assert [m.out_features for m in model.encoder[::2]] == [64, 32, 10]
    assert [m.out_features for m in model.decoder[::2]] == [32, 64, 784]


def test_an_autoencoder_decodes_its_own_code() -> None:
    model = Autoencoder(RunConfig(model="ae", hidden=(16,), latent_dim=3))
    x = torch.rand(4, 784)
    assert model.embed(x).shape == (4, 3)
    torch.testing.assert_close(model(x), model.decode(model.embed(x)))


def test_weights_come_from_the_seed_alone_and_global_random_state_is_left_alone() -> None:
    config = RunConfig(hidden=(16,))
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = build_model(config, init_seed=3)
    assert torch.equal(torch.rand(1), expected)
    second = build_model(config, init_seed=3)
    other = build_model(config, init_seed=4)
    assert torch.equal(first.decoder[0].weight, second.decoder[0].weight)
    assert not torch.equal(first.decoder[0].weight, other.decoder[0].weight)
