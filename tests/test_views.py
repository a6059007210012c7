"""Views of images, and the gate that is trained on two of each."""

import math

import pytest
import torch
from scipy import ndimage
from torch import nn

from moaplus.mixture.fit import State, fit, start
from moaplus.mixture.gates import deep, tabular
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.objectives.moa_plus_views import moa_plus_views
from moaplus.mixture.schedules.constant import constant
from moaplus.mixture.view_training import LATE_STRENGTH, SPLIT_NOISE, TwoViews
from moaplus.mixture.views import CROP, SHIFT, random_views
from moaplus.plan.choices import names
from moaplus.plan.choices import views as views_of

ALL = ("affine", "elastic", "thickness")


def blobs(n: int) -> torch.Tensor:
    """Smooth images, (n, 1, 28, 28)."""
    noise = torch.rand(n, 1, 28, 28).numpy()
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 0, 3, 3), mode="constant"))


def test_without_deformations_a_view_is_the_image():
    images = blobs(5)
    torch.testing.assert_close(random_views(images, ()), images)
    torch.testing.assert_close(random_views(images, ALL, strength=0), images)
    coloured = blobs(6).view(2, 3, 28, 28)
    torch.testing.assert_close(random_views(coloured, deep.VIEWS, strength=0), coloured)


@pytest.mark.parametrize("deformation", sorted(set(deep.VIEWS) - {"flip", "colour", "rotation"}))
def test_each_deformation_changes_every_image_in_its_own_way_and_the_stronger_the_more(deformation):
    images = blobs(1).expand(50, -1, -1, -1)
    changes = []
    for strength in (0.2, 1):
        torch.manual_seed(0)
        views = random_views(images, (deformation,), strength)
        assert len(views.flatten(1).unique(dim=0)) > 30  # a part that is erased may have no pixel
        changes.append((views - images).square().mean())
    assert changes[0] < 0.5 * changes[1]


def test_an_affine_view_is_scipys(monkeypatch):
    image = blobs(1)
    uniform = torch.tensor([[0.3, -0.5, 0.7, 0.2, 0.4, -0.6, 0.0]])
    monkeypatch.setattr(torch, "rand", lambda *shape: (uniform + 1) / 2)
    view = random_views(image, ("affine",))[0, 0].numpy()
    angle, across, down, shear = math.radians(15) * 0.3, 0.25 * -0.5, 0.25 * 0.7, 0.3 * 0.2
    # Rows of the matrix are y and x, as scipy has them; the centre of an image is (13.5, 13.5).
    rotation = torch.tensor(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    ).double()
    stretched = torch.tensor([[math.exp(down), 0.0], [shear, math.exp(across)]]).double()
    matrix = (rotation @ stretched).numpy()
    shift = SHIFT * 14 * torch.tensor([-0.6, 0.4]).double().numpy()
    centre = torch.tensor([13.5, 13.5]).double().numpy()
    offset = centre + shift - matrix @ centre
    expected = ndimage.affine_transform(
        image[0, 0].numpy(), matrix, offset, order=1, mode="nearest"
    )
    assert view == pytest.approx(expected, abs=1e-5)


def test_thickness_takes_each_pixel_towards_the_largest_or_least_beside_it(monkeypatch):
    image = blobs(1)
    cross = ndimage.generate_binary_structure(2, 1)
    for amount, extreme in ((0.6, ndimage.grey_dilation), (-0.6, ndimage.grey_erosion)):
        uniform = torch.tensor([[0.0] * 6 + [amount]])
        monkeypatch.setattr(torch, "rand", lambda *shape, u=uniform: (u + 1) / 2)
        (view,) = random_views(image, ("thickness",))[0].numpy()
        plain = image[0, 0].numpy()
        target = extreme(plain, footprint=cross, mode="nearest")
        assert view == pytest.approx(plain + 0.6 * (target - plain), abs=1e-6)


def test_a_flipped_view_is_the_image_or_its_mirror_image():
    images = blobs(1).expand(40, -1, -1, -1)
    views = random_views(images, ("flip",))
    flipped = (views - images).abs().amax((1, 2, 3)) > 1e-3
    assert 5 < flipped.sum() < 35
    torch.testing.assert_close(views[flipped], images[flipped].flip(3), rtol=0, atol=1e-5)


def test_a_rotated_view_is_scipys(monkeypatch):
    image = blobs(1)
    draws = {(1, 7): torch.full((1, 7), 0.5), (1, 1): torch.tensor([[0.7]])}
    monkeypatch.setattr(torch, "rand", lambda *shape: draws[shape])
    view = random_views(image, ("rotation",))[0, 0].numpy()
    expected = ndimage.rotate(
        image[0, 0].numpy(), 180 * 0.4, reshape=False, order=1, mode="nearest"
    )
    assert view == pytest.approx(expected, abs=1e-5)


def test_a_crop_is_an_enlarged_part_of_the_image():
    ramp = torch.linspace(0, 1, 28).expand(50, 1, 28, 28)
    views = random_views(ramp, ("crop",))
    widths = views[..., -1] - views[..., 0]
    torch.testing.assert_close(widths.amax(2), widths.amin(2))
    assert 1 - CROP - 0.02 < widths.min() < 0.8 < widths.max() < 1.01
    assert views.min() >= 0
    assert views.max() <= 1


def test_a_view_in_colour_keeps_the_grey_part():
    images = blobs(60).view(20, 3, 28, 28) / 4 + 0.35
    views = random_views(images, ("colour",))
    torch.testing.assert_close(views.mean(dim=1), images.mean(dim=1), rtol=0, atol=1e-4)
    assert ((views - images).abs().amax((1, 2, 3)) > 1e-3).all()
    grey = images[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(random_views(grey, ("colour",)), grey)
    see_through = torch.cat([images, images[:, :1]], dim=1)
    torch.testing.assert_close(random_views(see_through, ("colour",))[:, 3], images[:, 0])


def test_values_of_pixels_stay_in_their_range():
    views = random_views(torch.rand(50, 3, 28, 28), ("colour", "brightness", "contrast", "noise"))
    assert views.min() >= 0
    assert views.max() <= 1


def test_an_erased_part_is_a_rectangle_of_the_images_mean():
    images = blobs(30)
    views = random_views(images, ("erase",))
    for image, view in zip(images[:, 0], views[:, 0], strict=True):
        changed = (view - image).abs() > 1e-6
        rows, columns = changed.any(dim=1), changed.any(dim=0)
        inside = rows[:, None] & columns
        assert view[inside].numpy() == pytest.approx(image.mean().item())
        assert max(rows.sum(), columns.sum()) <= 14


@pytest.mark.parametrize("view", tabular.VIEWS)
def test_each_view_of_features_changes_them_the_stronger_the_more(view):
    inputs = torch.randn(200, 6)
    assert torch.equal(tabular.random_views(inputs, (view,), 0), inputs)
    weak, strong = (
        (tabular.random_views(inputs, (view,), s) - inputs).square().mean() for s in (0.2, 1)
    )
    assert 0 < weak < 0.5 * strong


def training(M: int = 3, n: int = 40, gate: str = "deep") -> tuple[State, torch.Tensor]:
    torch.manual_seed(0)
    state = start(MixtureOfAutoencoders(M, "cae", (4, 6), 5, gate), 0, views=ALL)
    return state, blobs(n)[:, 0]


def run(state: State, images: torch.Tensor, epochs: int = 4) -> None:
    fit(
        state, images, moa_plus_views, epochs=epochs, batch_size=16, learning_rate=1e-2,
        schedule=constant, ridge=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("gate", names("mixture/gates"))
def test_every_gate_gives_logits_for_each_expert(gate):
    mixture = MixtureOfAutoencoders(4, "cae", (4, 6), 5, gate)
    reconstructions, logits = mixture(torch.rand(7, 28, 28))
    assert reconstructions.shape == (4, 7, 28, 28)
    assert logits.shape == (7, 4)
    assert isinstance(mixture.flat(), TwoViews) == bool(views_of(gate))


def test_the_order_of_channels_in_memory_changes_no_value():
    torch.manual_seed(0)
    gate = MixtureOfAutoencoders(3, "cae", (4, 8), 2, "deep").double().gate
    images = torch.rand(6, 28, 28, dtype=torch.float64)

    def made(gate: nn.Module) -> list[torch.Tensor]:
        logits = gate.by_head(images)
        return [logits, *torch.autograd.grad(logits.square().sum(), list(gate.parameters()))]

    ours = made(gate)
    gate.trunk[2].__class__, gate.trunk[11].__class__ = nn.Conv2d, nn.Flatten
    torch.testing.assert_close(ours, made(gate))


def test_batches_of_views_are_of_one_size():
    state, _ = training()
    assert [len(batch) for batch in state.network.batches(torch.arange(33), 16)] == [11, 11, 11]


def test_a_batch_may_be_of_one_image():
    state, images = training(n=5)
    fit(
        state, images, moa_plus_views, epochs=2, batch_size=1, learning_rate=1e-3,
        schedule=constant, ridge=1e-3,
    )  # fmt: skip
    assert len(state.rows) == 2


def test_a_batch_gives_views_of_all_images_by_every_head_and_errors_of_some():
    state, images = training(M=3)
    products, logits, views = state.network(images[10:26])
    assert views.shape == (2, 5, 16, 3)
    assert products.shape == (6, 3, 3)
    P, Q = views[:, 0, :6].softmax(dim=2)
    torch.testing.assert_close(logits.softmax(dim=1), (P + Q) / 2)
    state.network.mixture.eval()
    _, clean = state.network(images[10:26])
    torch.testing.assert_close(clean, state.network.mixture.gate(images[10:26]))


def test_views_are_weaker_in_the_second_half():
    state, images = training()
    plain, strengths = state.network.view, []

    def watched(images, strength):
        strengths.append(strength)
        return plain(images, strength=strength)

    state.network.view = watched
    run(state, images, epochs=4)
    assert strengths == 6 * [1] + 6 * [LATE_STRENGTH]


def test_a_dead_component_takes_half_of_the_largest_until_the_head_is_chosen():
    torch.manual_seed(0)
    mixture = MixtureOfAutoencoders(4, "cae", (4, 8), 2, "deep")
    network = TwoViews(mixture, ALL)
    images = blobs(60).squeeze(1)
    weight = mixture.gate.heads.weight.detach().unflatten(0, (-1, 4))
    bias = mixture.gate.heads.bias.detach().unflatten(0, (-1, 4))
    bias[1] = torch.tensor([-30.0, 3.0, 0.0, 0.0])
    before = weight.clone()

    def loads() -> torch.Tensor:
        return mixture.gate.by_head(images).softmax(dim=2).mean(dim=1).detach()

    network.on_epoch_start(0.5, images)
    torch.testing.assert_close(weight, before, rtol=0, atol=0)
    assert loads()[1, 0] < 1e-6
    largest = loads()[1, 1]
    network.on_epoch_start(0.4, images)
    others = [head for head in range(len(before)) if head != 1]
    torch.testing.assert_close(weight[others], before[others], rtol=0, atol=0)
    torch.testing.assert_close(weight[1, 1:], before[1, 1:], rtol=0, atol=0)
    changed = weight[1, 0] - weight[1, 1]
    assert changed.std() == pytest.approx(SPLIT_NOISE * float(before[1, 1].std()), rel=0.3)
    assert loads()[1, :2].sum() == pytest.approx(2 * loads()[1, 0], rel=0.5)
    assert loads()[1, 1] < 0.8 * largest


def test_half_way_the_best_head_comes_first_with_all_that_the_optimizer_knows_of_it():
    state, images = training()
    run(state, images, epochs=1)
    gate, moments = state.network.mixture.gate, list(state.optimizer.moments.values())
    with torch.no_grad():
        logits = gate.eval().by_head(images)
    before = [vector.clone() for vector in moments]
    state.network.on_midpoint(torch.tensor([3.0, 2, -1, 5, 0]), *moments)
    with torch.no_grad():
        torch.testing.assert_close(gate.by_head(images), logits[[2, 1, 0, 3, 4]])
    for ours, theirs in zip(moments, before, strict=True):
        ours, theirs = (
            state.network.views(vector)["gate.heads.weight"].view(5, 3, -1)
            for vector in (ours, theirs)
        )
        torch.testing.assert_close(ours, theirs[[2, 1, 0, 3, 4]])


def test_the_head_is_chosen_once_by_the_row_of_the_epoch_that_ends_at_half():
    state, images = training()
    chosen_by = []
    state.network.on_midpoint = lambda by_head, *vectors: chosen_by.append(by_head.tolist())
    run(state, images, epochs=5)
    assert chosen_by == [[state.rows[2][f"objective_head_{head}"] for head in range(5)]]


def test_after_training_it_normalises_by_the_images():
    state, images = training()
    run(state, images)
    gate = state.network.mixture.gate
    convolution, norm = gate.trunk[2:4]
    outputs = convolution(images[:, None])
    torch.testing.assert_close(norm.running_mean, outputs.mean(dim=(0, 2, 3)))
    variance = outputs.transpose(0, 1).flatten(1).var(dim=1)
    torch.testing.assert_close(norm.running_var, variance)


@pytest.mark.parametrize("gate", ["small", "deep", "one_head", "tabular"])
@pytest.mark.parametrize("architecture", ["cae", "dense"])
def test_images_may_have_colours(gate, architecture):
    mixture = MixtureOfAutoencoders(3, architecture, (4, 6), 5, gate, shape=(2, 28, 28))
    images = torch.rand(7, 2, 28, 28)
    reconstructions, logits = mixture(images)
    assert reconstructions.shape == (3, 7, 2, 28, 28)
    assert logits.shape == (7, 3)
    state = start(mixture, 0, views=views_of(gate))
    run(state, images, epochs=2)
    assert [row["epoch"] for row in state.rows] == [1, 2]


def test_features_may_be_of_any_number():
    mixture = MixtureOfAutoencoders(3, "dense", (4, 6), 2, "tabular", shape=(5,))
    state = start(mixture, 0, views=views_of("tabular"))
    run(state, torch.randn(50, 5), epochs=2)
    reconstructions, logits = mixture.eval()(torch.randn(4, 5))
    assert reconstructions.shape == (3, 4, 5)
    assert logits.shape == (4, 3)
