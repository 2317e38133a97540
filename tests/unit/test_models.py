"""Models: shapes, and the references that they must agree with."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA as SklearnPCA
from torch import nn

from aelib import losses, metrics, models, training

shapes = st.sampled_from([(1, 4, 4), (3, 2, 5), (6,), (1, 3, 2)])


def correlated(n=200, d=12, seed=0):
    """Points whose variance falls off clearly from one direction to the next."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.linalg.qr(torch.randn(d, d, generator=generator)).Q
    scales = 0.7 ** torch.arange(d)
    return torch.randn(n, d, generator=generator) * scales @ mixing.T + 0.5


# ----------------------------------------------------------------------------------------- nets
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 4))
def test_mlp_has_the_widths_and_no_activation_at_the_end(widths, n):
    net = models.mlp(widths, nn.Tanh)
    assert isinstance(net, nn.Sequential)
    assert net(torch.zeros(n, widths[0])).shape == (n, widths[-1])
    linear = [m for m in net if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == list(pairwise(widths))
    assert [type(m) for m in net[1::2]] == [nn.Tanh] * (len(widths) - 2)
    assert isinstance(net[-1], nn.Linear)


@given(shapes, st.lists(st.integers(1, 9), max_size=3), st.integers(1, 5), st.integers(1, 3))
def test_autoencoder_shapes(shape, hidden, code, n):
    model = models.Autoencoder(hidden=hidden, code=code, shape=shape)
    x = torch.rand(n, *shape)
    z = model.encode(x)
    x_hat = model.decode(z)
    assert z.shape == (n, code)
    assert x_hat.shape == x.shape
    assert ((x_hat >= 0) & (x_hat <= 1)).all()
    torch.testing.assert_close(model(x), x_hat)
    torch.testing.assert_close(model.encoder(x), z)
    torch.testing.assert_close(model.decoder(z), x_hat)


def test_the_default_is_the_network_of_2006():
    model = models.Autoencoder()
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    widths = [m.in_features for m in linear] + [linear[-1].out_features]
    assert widths == [784, 1000, 500, 250, 2, 250, 500, 1000, 784]
    weights = sum(a * b + b for a, b in pairwise(widths))
    assert sum(p.numel() for p in model.parameters()) == weights
    assert model(torch.zeros(1, 1, 28, 28)).shape == (1, 1, 28, 28)


@pytest.mark.parametrize("kind", [models.LinearAutoencoder, models.LogisticPCA])
def test_one_linear_layer_each_side(kind):
    model = kind(3, (1, 4, 5))
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(20, 3), (3, 20)]
    x = torch.randn(6, 1, 4, 5)
    by_hand = linear[1](linear[0](x.flatten(1)))
    by_hand = by_hand.sigmoid() if kind is models.LogisticPCA else by_hand
    torch.testing.assert_close(model(x), by_hand.view_as(x))


def test_the_same_seed_gives_the_same_network():
    def weights(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in models.Autoencoder((5,), 2, (1, 3, 3)).parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_batch_does_not_mix():
    model = models.Autoencoder(hidden=(7,), code=2, shape=(1, 3, 3)).double()
    x = torch.rand(5, 1, 3, 3, dtype=torch.float64)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(model(x[order]), model(x)[order])
    torch.testing.assert_close(model(x[:1]), model(x)[:1])


# -------------------------------------------------------------------------------------- dropout
@given(st.floats(0, 0.99), st.integers(0, 2**31))
def test_dropout_keeps_or_drops_each_number(rate, seed):
    """As torch's own: each number is 0 or scaled by 1 / (1 - rate), and the gradient is the mask."""
    torch.manual_seed(seed)
    x = (torch.rand(7, 11) + 0.5).requires_grad_()
    y = models.Dropout(rate).train()(x)
    scaled = x / (1 - rate)
    assert (torch.isclose(y, scaled) | (y == 0)).all()
    y.sum().backward()
    mask = (y != 0).float()
    torch.testing.assert_close(x.grad, mask / (1 - rate))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_has_the_statistics_of_torchs(rate):
    n, tolerance = 400_000, 5 / 400_000**0.5  # five standard errors
    torch.manual_seed(0)
    x = torch.ones(n)
    ours, theirs = models.Dropout(rate).train()(x), nn.Dropout(rate).train()(x)
    spread = (rate / (1 - rate)) ** 0.5  # the standard deviation of a scaled mask
    for y in (ours, theirs):
        assert abs((y == 0).float().mean() - rate) <= tolerance * (rate * (1 - rate)) ** 0.5
        assert abs(y.mean() - 1) <= tolerance * spread + 1e-6
        assert abs(y.var() - spread**2) <= 0.02 * spread**2
    torch.testing.assert_close(ours.unique(), theirs.unique())
    neighbours = torch.stack([ours[:-1], ours[1:]])
    if rate:
        assert abs(torch.corrcoef(neighbours)[0, 1]) <= tolerance  # one coin for each number


def test_dropout_does_nothing_in_evaluation_and_at_rate_0():
    x = torch.rand(5, 3)
    assert torch.equal(models.Dropout(0.9).eval()(x), x)
    assert torch.equal(models.Dropout(0.0).train()(x), x)
    assert models.Dropout(0.5).eval()(x) is x
    before = x.clone()
    models.Dropout(0.5).train()(x)
    assert torch.equal(x, before)


def test_dropout_close_to_1_leaves_little_and_stays_finite():
    torch.manual_seed(0)
    y = models.Dropout(0.9999).train()(torch.ones(10_000))
    assert y.isfinite().all()
    assert (y != 0).sum() < 20
    assert models.Dropout(0.5).double().train()(torch.ones(3, dtype=torch.float64)).dtype == (
        torch.float64
    )


@given(shapes, st.lists(st.integers(1, 9), max_size=2), st.integers(1, 5), st.integers(1, 3))
def test_dropout_autoencoder_without_dropout(shape, hidden, code, n):
    """With rates of 0, or in evaluation, it is an autoencoder whose code is activated."""
    model = models.DropoutAutoencoder(hidden, code, shape, 0.3, 0.3, 0.3, activation=nn.Tanh)
    bare = models.DropoutAutoencoder(hidden, code, shape, activation=nn.Tanh)
    plain = models.Autoencoder(hidden, code, shape, activation=nn.Tanh)
    for other in (bare, plain):
        others = dict(zip(other.state_dict(), model.state_dict().values(), strict=True))
        other.load_state_dict(others)
    x = torch.rand(n, *shape)
    z = plain.encode(x).tanh()
    for other in (model.eval(), bare.train()):
        torch.testing.assert_close(other.encode(x), z)
        torch.testing.assert_close(other.decode(z), plain.decode(z))
        torch.testing.assert_close(other(x), plain.decode(z))


def test_dropout_autoencoder_drops_where_it_says():
    x = torch.rand(6, 1, 5, 5)

    def differs(**rates):
        """Whether a second pass differs: in the code, and in what is decoded from one code."""
        torch.manual_seed(0)
        model = models.DropoutAutoencoder((40,), 30, (1, 5, 5), activation=nn.Tanh, **rates).train()
        z = model.encode(x)
        return (
            not torch.equal(model.encode(x), model.encode(x)),
            not torch.equal(model.decode(z), model.decode(z)),
        )

    assert differs() == (False, False)
    assert differs(on_input=0.5) == (True, False)
    assert differs(on_hidden=0.5) == (True, True)
    assert differs(on_code=0.5) == (False, True)


def test_dropping_the_code_costs_what_the_formula_says():
    """A linear decoder: the mean over all masks is a penalty on the terms of the sum."""
    torch.manual_seed(0)
    z, weight, x = torch.rand(1, 8), torch.randn(5, 8), torch.rand(1, 5)
    rate = 0.3
    masks = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 8)
    chance = ((1 - rate) ** masks * rate ** (1 - masks)).prod(1)
    errors = losses.squared_error((z * masks / (1 - rate)) @ weight.T, x.expand(256, 5))
    penalty = rate / (1 - rate) * (z.square() @ weight.square().sum(0)).item()
    exact = losses.squared_error(z @ weight.T, x).item() + penalty
    assert chance @ errors == pytest.approx(exact, rel=1e-5)
    dropout = models.Dropout(rate).train()
    many = dropout(z.expand(200_000, 8)) @ weight.T
    drawn = losses.squared_error(many, x.expand(200_000, 5)).mean().item()
    assert drawn == pytest.approx(exact, rel=0.02)


# ------------------------------------------------------------------------------------------ PCA
@pytest.mark.parametrize("code", [1, 3, 12])
def test_pca_against_scikit_learn(code):
    x = correlated()
    ours, theirs = models.PCA(code, (12,)).fit(x), SklearnPCA(code).fit(x.double().numpy())
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-5)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-5)
    signs = np.sign((ours.components.numpy() * theirs.components_).sum(1))
    np.testing.assert_allclose(
        ours.components.numpy() * signs[:, None], theirs.components_, atol=1e-4
    )
    np.testing.assert_allclose(
        ours.encode(x).numpy() * signs, theirs.transform(x.double().numpy()), atol=1e-4
    )
    reference = theirs.inverse_transform(theirs.transform(x.double().numpy()))
    np.testing.assert_allclose(ours(x), reference, atol=1e-4)


@given(st.integers(0, 1000), st.integers(1, 6), st.sampled_from([(1, 2, 3), (6,), (2, 3, 1)]))
def test_pca_laws(seed, code, shape):
    x = correlated(n=50, d=6, seed=seed).unflatten(1, shape)
    model = models.PCA(code, shape)
    assert model.fit(x) is model
    assert model.mean.shape == (6,)
    assert model.components.shape == (code, 6)
    assert model.variances.shape == (code,)
    torch.testing.assert_close(model.components @ model.components.T, torch.eye(code))
    assert (model.variances.diff() <= 1e-6).all()
    z = model.encode(x)
    assert z.shape == (50, code)
    torch.testing.assert_close(z.mean(0), torch.zeros(code), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.T.cov().reshape(code, code).diagonal(), model.variances)
    x_hat = model.decode(z)
    assert x_hat.shape == x.shape
    torch.testing.assert_close(model.encode(x_hat), z, atol=1e-5, rtol=1e-5)  # a projection
    lost = losses.squared_error(x_hat, x).sum() / 49
    whole = x.flatten(1).T.cov().trace()
    torch.testing.assert_close(lost + model.variances.sum(), whole, rtol=1e-4, atol=1e-6)


def test_principal_components_is_what_pca_fits():
    x = correlated()
    mean, directions, variances = models.principal_components(x, 3)
    model = models.PCA(3, (12,)).fit(x)
    assert torch.equal(mean, model.mean)
    assert torch.equal(directions, model.components)
    assert torch.equal(variances, model.variances)
    whole = models.principal_components(x, 12)
    assert torch.equal(whole[1][:3], directions)
    covariance = whole[1].T @ whole[2].diag() @ whole[1]
    torch.testing.assert_close(covariance, x.T.cov(), atol=1e-5, rtol=1e-4)


def test_pca_keeps_everything_with_all_components():
    x = correlated()
    torch.testing.assert_close(models.PCA(12, (12,)).fit(x)(x), x, atol=1e-5, rtol=1e-5)


def test_pca_does_not_depend_on_the_order_of_images_nor_change_them():
    x = correlated()
    before = x.clone()
    a, b = models.PCA(3, (12,)).fit(x), models.PCA(3, (12,)).fit(x.flip(0))
    assert torch.equal(x, before)
    assert metrics.principal_angles(a.components, b.components).max() < 0.05
    torch.testing.assert_close(a.variances, b.variances)


def test_pca_is_stored_with_its_state():
    """Buffers, not plain attributes: a state dict, a device and a copy all carry the fit."""
    fitted = models.PCA(3, (12,)).fit(correlated())
    fresh = models.PCA(3, (12,))
    fresh.load_state_dict(fitted.state_dict())
    x = correlated(seed=1)
    assert torch.equal(fresh(x), fitted(x))
    assert not list(fitted.parameters())


def test_pca_with_fewer_images_than_components():
    """Two images span one direction; the others must still be orthonormal and hold no variance."""
    model = models.PCA(3, (12,)).fit(correlated(n=2))
    torch.testing.assert_close(model.components @ model.components.T, torch.eye(3))
    assert model.variances[0] > 0
    torch.testing.assert_close(model.variances[1:], torch.zeros(2), atol=1e-6, rtol=0)


# --------------------------------------------------------------- a linear autoencoder finds PCA
def test_linear_autoencoder_finds_the_subspace_of_pca():
    """Baldi & Hornik (1989): the same subspace (principal angles), the same error."""
    generator = torch.Generator().manual_seed(0)
    turned = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q
    scales = torch.tensor([1.0, 0.8, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    x = torch.randn(512, 8, generator=generator) * scales @ turned + 0.5
    pca = models.PCA(2, (8,)).fit(x)
    torch.manual_seed(0)
    model = models.LinearAutoencoder(2, (8,))
    before = metrics.principal_angles(model.decoder[0].weight.detach().T, pca.components)
    training.fit(
        model,
        lambda model, batch: losses.squared_error(model(batch.x), batch.x).mean(),
        x,
        epochs=60,
        batch_size=64,
        lr=0.1,
        schedule=training.warmup_cosine(),
        progress=False,
    )
    after = metrics.principal_angles(model.decoder[0].weight.detach().T, pca.components)
    assert before.max() > 20
    assert after.max() < 0.5
    error, least = (losses.squared_error(m(x), x).mean().item() for m in (model, pca))
    assert 0.9999 * least <= error <= 1.001 * least
    shallow = models.PCA(1, (8,)).fit(x)
    assert losses.squared_error(shallow(x), x).mean().item() > 1.5 * error


# ------------------------------------------------------------------------- variational
@given(shapes, st.lists(st.integers(1, 9), max_size=3), st.integers(1, 5), st.integers(1, 3))
def test_vae_shapes(shape, hidden, code, n):
    model = models.VAE(hidden=hidden, code=code, shape=shape)
    x = torch.rand(n, *shape)
    mean, log_variance = model.posterior(x)
    assert mean.shape == log_variance.shape == (n, code)
    torch.testing.assert_close(model.encode(x), mean)
    x_hat = model.decode(mean)
    assert x_hat.shape == x.shape
    assert ((x_hat >= 0) & (x_hat <= 1)).all()
    torch.testing.assert_close(model(x), x_hat)
    state = torch.get_rng_state()
    assert torch.equal(model(x), model(x)), "a reconstruction draws nothing"
    assert torch.equal(torch.get_rng_state(), state)


def test_mean_and_log_variance_are_two_halves_of_one_layer():
    model = models.VAE(hidden=(), code=2, shape=(3,))
    layer = model.encoder[1]
    with torch.no_grad():
        layer.weight[2:] = 0
        layer.bias[2:] = torch.tensor([5.0, -5.0])
    mean, log_variance = model.posterior(torch.rand(4, 3))
    torch.testing.assert_close(log_variance, torch.tensor([5.0, -5.0]).expand(4, 2))
    assert mean.unique(dim=0).shape == (4, 2)


def test_reparameterised_draws_have_the_moments_and_pass_gradients():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9)]])
    torch.manual_seed(0)
    z = models.reparameterise(mean.expand(100_000, 2), log_variance.expand(100_000, 2))
    torch.testing.assert_close(z.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 3.0]), atol=0.05, rtol=0)
    assert abs(z.T.corrcoef()[0, 1]) < 0.02
    mean.requires_grad_(), log_variance.requires_grad_()
    torch.manual_seed(1)
    noise = torch.randn(1, 2)
    torch.manual_seed(1)
    models.reparameterise(mean, log_variance).sum().backward()
    assert torch.equal(mean.grad, torch.ones(1, 2))
    torch.testing.assert_close(log_variance.grad, noise * torch.tensor([[0.5, 1.5]]))


# ------------------------------------------------------------------------- adversarial
@given(shapes, st.integers(1, 5), st.integers(0, 3), st.integers(1, 3))
def test_adversarial_autoencoder_shapes(shape, code, labels, n):
    model = models.AdversarialAutoencoder((4,), code, (5, 3), labels, shape=shape)
    x = torch.rand(n, *shape)
    z = model.encode(x)
    assert z.shape == (n, code)
    assert model(x).shape == x.shape
    logits = model.discriminate(z, torch.rand(n, labels)) if labels else model.discriminate(z)
    assert logits.shape == (n,)


def test_the_discriminator_is_a_third_network_beside_an_autoencoder():
    torch.manual_seed(0)
    plain = models.Autoencoder((4,), 2, (3,), nn.SiLU, nn.Identity)
    torch.manual_seed(0)
    model = models.AdversarialAutoencoder(
        (4,), 2, (5,), activation=nn.SiLU, shape=(3,), output=nn.Identity
    )
    x = torch.rand(6, 3)
    torch.testing.assert_close(model(x), plain(x))
    names = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert names == {"encoder", "decoder", "discriminator"}
    model(x).sum().backward()
    assert all(p.grad is None for p in model.discriminator.parameters())


def test_a_discriminator_judges_code_and_label_together():
    model = models.AdversarialAutoencoder((4,), 1, (), labels=1, shape=(3,))
    with torch.no_grad():
        model.discriminator[0].weight[:] = torch.tensor([[1.0, 10.0]])
        model.discriminator[0].bias[:] = 0.5
    logits = model.discriminate(torch.tensor([[2.0], [3.0]]), torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(logits, torch.tensor([2.5, 13.5]))


# --------------------------------------------------------------------------------- convolutions
@pytest.mark.parametrize(("side", "halvings"), [(8, 1), (16, 2), (32, 3), (64, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_halve_down_to_4_and_double_back(side, halvings, channels):
    shape = (channels, side, side)
    down, up = models.shrinking(shape, 2, 5), models.growing(5, 2, shape)
    convolutions = [m for m in down if isinstance(m, nn.Conv2d)]
    transposed = [m for m in up if isinstance(m, nn.ConvTranspose2d)]
    assert len(convolutions) == len(transposed) == halvings
    assert [m.out_channels for m in convolutions] == [2 * 2**i for i in range(halvings)]
    assert [m.in_channels for m in transposed] == [m.out_channels for m in convolutions][::-1]
    x = torch.rand(3, *shape)
    assert down(x).shape == (3, 5)
    images = up(torch.randn(3, 5))
    assert images.shape == x.shape
    assert ((images > 0) & (images < 1)).all()
    assert next(m for m in down if isinstance(m, nn.Flatten))(x).shape == (3, channels * side**2)


def test_convolutional_vae_is_a_vae_on_other_layers():
    torch.manual_seed(0)
    model = models.ConvolutionalVAE(5, 2, (3, 16, 16)).eval()
    assert isinstance(model, models.VAE)
    x = torch.rand(4, 3, 16, 16)
    mean, log_variance = model.posterior(x)
    assert mean.shape == log_variance.shape == (4, 5)
    torch.testing.assert_close(torch.cat([mean, log_variance], 1), model.encoder(x))
    torch.testing.assert_close(model.encode(x), mean)
    torch.testing.assert_close(model(x), model.decode(mean))
    torch.testing.assert_close(model(x[[2, 0]]), model(x)[[2, 0]])  # the batch does not mix
    assert model(x).shape == x.shape
    default = models.ConvolutionalVAE()
    assert default.encode(torch.rand(1, 3, 32, 32)).shape == (1, 64) or default.training
    assert sum(p.numel() for p in default.parameters()) == 727_299


def test_generator_and_decoder_are_the_same_network():
    """So that what differs between a VAE's and a GAN's pictures is how they were trained."""
    vae, gan = models.ConvolutionalVAE(5, 2, (3, 16, 16)), models.GAN(5, 2, (3, 16, 16))
    for a, b in ((vae.decoder, gan.generator), (vae.encoder[:-1], gan.discriminator[:-1])):
        shapes = [[tuple(v.shape) for v in net.state_dict().values()] for net in (a, b)]
        assert shapes[0] == shapes[1]
    assert gan.discriminator[-1].out_features == 1


def test_the_average_follows_the_generator():
    torch.manual_seed(0)
    model = models.GAN(5, 2, (1, 8, 8))
    fast, slow = model.generator.state_dict(), model.average.state_dict()
    assert all(torch.equal(fast[name], slow[name]) for name in fast)
    assert not any(p.requires_grad for p in model.average.parameters())
    with torch.no_grad():
        for p in model.generator.parameters():
            p.add_(1.0)
    model.generator.train()(torch.randn(8, 5))  # moves the means of batch normalisation
    before = {name: numbers.clone() for name, numbers in model.average.state_dict().items()}
    model.follow(0.25)
    for name, numbers in model.average.state_dict().items():
        target = model.generator.state_dict()[name]
        if numbers.is_floating_point():
            torch.testing.assert_close(numbers, 0.75 * before[name] + 0.25 * target)
    for _ in range(2000):
        model.follow()  # 0.995 to the power of 2000 leaves nothing of the start
    z = torch.randn(6, 5)
    torch.testing.assert_close(model.generate(z), model.generator.eval()(z), atol=1e-4, rtol=0)


def test_generating_changes_nothing_even_while_training():
    model = models.GAN(5, 2, (1, 8, 8)).train()
    before = {name: numbers.clone() for name, numbers in model.state_dict().items()}
    z = torch.randn(6, 5)
    images = model.generate(z)
    torch.testing.assert_close(model.generate(z[:2]), images[:2])  # the batch does not mix
    assert all(torch.equal(before[name], numbers) for name, numbers in model.state_dict().items())
    assert model.generator.training
    assert model.discriminate(images).shape == (6,)


def test_a_gan_learns_a_simple_picture():
    """Images that are all dark: the generator must leave grey, and both players must move."""
    x = torch.full((256, 1, 8, 8), 0.1) + 0.05 * torch.rand(256, 1, 8, 8)
    torch.manual_seed(0)
    model = models.GAN(4, 4, (1, 8, 8))
    z = torch.randn(64, 4)
    start = model.generate(z).mean().item()

    def discriminator(model, batch):
        with torch.no_grad():
            fake = model.generator(torch.randn(len(batch.x), model.code))
        real, fake = model.discriminate(batch.x), model.discriminate(fake)
        return losses.discriminator_loss(real, fake).mean()

    def generator(model, batch):
        model.follow(0.1)
        fake = model.generator(torch.randn(len(batch.x), model.code))
        return losses.generator_loss(model.discriminate(fake)).mean()

    players = [
        training.Player("discriminator", discriminator, lambda m: m.discriminator.parameters()),
        training.Player("generator", generator, lambda m: m.generator.parameters()),
    ]
    training.fit(model, players, x, epochs=15, batch_size=32, lr=2e-3, progress=False)
    assert start == pytest.approx(0.5, abs=0.1)
    assert model.generate(z).mean().item() < 0.3


def test_attribute_network_reads_all_attributes_from_its_features():
    torch.manual_seed(0)
    model = models.AttributeNetwork({"hair": 3, "skin": 2}, 4, 2, (3, 16, 24)).eval()
    x = torch.rand(5, 3, 16, 24)
    features = model.features(x)
    assert features.shape == (5, 4)
    assert (features >= 0).all()
    logits = model(x)
    assert {name: tuple(v.shape) for name, v in logits.items()} == {"hair": (5, 3), "skin": (5, 2)}
    for name, head in model.heads.items():
        torch.testing.assert_close(logits[name], head(features))
    torch.testing.assert_close(model.features(x[[3, 1]]), features[[3, 1]])
