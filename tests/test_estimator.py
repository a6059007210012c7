"""MoA+ as a clusterer of scikit-learn."""

import copy
import pickle
import sys
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import booleans, floats
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import moaplus
from moaplus.clusterer.estimator import MoAPlus
from moaplus.clusterer.kinds import OF_IMAGES
from moaplus.clusterer.scale import Resampled, Scale, Seen
from moaplus.clusterer.training import MIN_EPOCHS
from moaplus.storage.files import UserError

# Few epochs and single blobs are warned of.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks(
    [MoAPlus(epochs=10, n_init=1)],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "weights are drawn, repeated inputs not",
        "check_sample_weight_equivalence_on_sparse_data": "weights are drawn, repeated inputs not",
    },
)
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """300 images of zeros and ones, (300, 8, 8), values from 0 to 16."""
    images = load_digits(n_class=2).data
    return images.reshape(-1, 8, 8)[:300]


@pytest.fixture(scope="module")
def fitted(digits) -> MoAPlus:
    return MoAPlus(2, epochs=20, random_state=0).fit(digits)


def test_it_is_a_public_name_that_is_imported_when_needed():
    assert moaplus.MoAPlus is MoAPlus
    with pytest.raises(AttributeError, match=r"moaplus.*MoaPlus"):
        moaplus.MoaPlus  # noqa: B018


def test_it_tells_zeros_from_ones(digits, fitted):
    labels = load_digits(n_class=2).target[:300]
    assert adjusted_rand_score(labels, fitted.labels_) > 0.9


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8])
def test_images_may_stay_on_the_disk(digits, tmp_path, kind):
    path = tmp_path / "images.npy"
    np.save(path, digits.astype(kind))
    mapped = np.load(path, mmap_mode="r")
    in_memory = np.array(mapped)
    first, second = (MoAPlus(2, epochs=2, random_state=0).fit(X) for X in (mapped, in_memory))
    np.testing.assert_array_equal(first.concentrations_, second.concentrations_)
    seen = first.scale_.forward(mapped)  # all at once, and each by itself
    assert torch.equal(seen, torch.cat([first.scale_.forward(X[None]) for X in mapped]))


def test_what_it_gives(digits, fitted):
    P = fitted.predict_proba(digits)
    assert P.shape == (300, 2)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(P, fitted.concentrations_)
    np.testing.assert_array_equal(P.argmax(axis=1), fitted.labels_)
    np.testing.assert_array_equal(fitted.predict(digits), fitted.labels_)
    assert fitted.n_features_in_ == 64
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 20
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    features = fitted.transform(digits)
    assert features.shape == (300, len(fitted.get_feature_names_out()))


def test_reconstructions_have_the_shape_and_the_units_of_images(digits, fitted):
    again = fitted.reconstruct(digits)
    assert again.shape == digits.shape
    assert np.square(again - digits).mean() < 0.7 * digits.var()
    shifted = MoAPlus(2, epochs=20, random_state=0).fit(-3 * digits + 7)
    errors, others = -fitted.score_samples(digits), -shifted.score_samples(-3 * digits + 7)
    np.testing.assert_allclose(others.mean(), errors.mean(), atol=0.05)
    seen = fitted.scale_.forward(digits)
    np.testing.assert_allclose(
        errors, ((fitted.scale_.forward(again) - seen) ** 2).mean((1, 2)), atol=0.02
    )


def test_a_seed_gives_the_same_result_and_leaves_torchs_own_state_alone(digits, fitted):
    before = torch.get_rng_state()
    again = MoAPlus(2, epochs=20, random_state=0).fit(digits)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(again.concentrations_, fitted.concentrations_)
    other = MoAPlus(2, epochs=20, random_state=1).fit(digits)
    assert not np.array_equal(other.concentrations_, fitted.concentrations_)


def test_a_saved_model_predicts_as_before(digits, fitted, tmp_path):
    fitted.save(tmp_path / "model.safetensors")
    read = MoAPlus.load(tmp_path / "model.safetensors")
    for method in ("predict_proba", "transform", "reconstruct"):
        np.testing.assert_array_equal(
            getattr(read, method)(digits), getattr(fitted, method)(digits)
        )
    assert read.get_params() == fitted.get_params() | {"random_state": None}
    assert vars(read).keys() - {"notes_"} == vars(fitted).keys()
    for name in ("labels_", "concentrations_", "loss_curve_", "n_iter_", "n_features_in_"):
        np.testing.assert_array_equal(getattr(read, name), getattr(fitted, name))
    unpickled = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(unpickled.predict_proba(digits), fitted.concentrations_)


def test_a_file_that_is_no_model_is_refused_in_a_line(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    whole = path.read_bytes()
    for content in (b"", whole[:-9], whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"model\.safetensors: no model of MoAPlus"):
            MoAPlus.load(path)
    with pytest.raises(UserError, match="no model of MoAPlus"):
        MoAPlus.load(tmp_path / "other.safetensors")


def test_what_is_not_fitted_says_so(digits, tmp_path):
    fresh, failed = MoAPlus(2), MoAPlus(2, epochs=1)
    with pytest.raises(ValueError, match="Found array with 1 sample"):
        failed.fit(digits[:1])
    for model in (fresh, failed):
        for call in (
            lambda model=model: model.save(tmp_path / "model.safetensors"),
            lambda model=model: model.predict(digits),
            lambda model=model: model.reconstruct(digits),
        ):
            with pytest.raises(NotFittedError):
                call()
    assert not list(tmp_path.iterdir())


def test_it_works_in_a_pipeline_and_as_a_clone(digits, fitted):
    X, _ = make_blobs(60, random_state=0)
    pipeline = make_pipeline(StandardScaler(), MoAPlus(3, epochs=3, random_state=0))
    assert clone(pipeline).fit_predict(X).shape == (60,)
    assert not hasattr(clone(fitted), "labels_")


@pytest.mark.parametrize("shape", [(28, 28), (40, 20), (9, 9, 3), (5,)])
def test_shapes_of_inputs(shape):
    X = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(np.uint8)
    model = MoAPlus(3, epochs=2).fit(X)
    assert model.reconstruct(X).shape == X.shape
    assert model.predict(X[:2]).shape == (2,)


@pytest.mark.parametrize("objective", ["moa", "moa_plus", "moa_plus_exact"])
def test_the_published_objectives_with_the_published_gate(digits, objective):
    model = MoAPlus(2, objective=objective, gate="small", epochs=2, random_state=0)
    assert model.fit_predict(digits).shape == (300,)
    assert model.transform(digits).shape == (300, len(model.get_feature_names_out()))


@pytest.mark.parametrize(("n", "batch_size", "epochs"), [(300, 256, 600), (300, 3, MIN_EPOCHS)])
def test_by_default_it_takes_enough_steps(digits, n, batch_size, epochs):
    told = []

    def stop(info: dict) -> bool:
        told.append(info)
        return True

    model = MoAPlus(2, batch_size=batch_size, callback=stop).fit(digits)
    assert [info["epochs"] for info in told] == [epochs]
    assert model.n_iter_ == 1
    assert epochs * -(-n // batch_size) >= OF_IMAGES.min_steps


@pytest.mark.parametrize(
    ("X", "settings", "words"),
    [
        (np.full((9, 4, 4), np.nan), {}, "NaN"),
        (np.full((9, 4, 4), np.inf), {}, "infinity"),
        (np.ones((1, 4, 4)), {}, "1 sample"),
        (np.random.rand(9, 4, 4), {"n_clusters": 10}, "n_samples=9 should be >= n_clusters=10"),
        (np.random.rand(9, 4, 4), {"n_clusters": 0}, "n_clusters"),
        (np.random.rand(9, 4, 4), {"objective": "mao"}, "objective"),
        (np.random.rand(9, 4, 4), {"device": "gpu"}, "device='gpu': torch cannot use it here"),
        (np.random.rand(9, 4, 4), {"device": "cuda:99"}, "device='cuda:99': torch cannot use"),
        (np.random.rand(9, 2, 2, 2, 2), {}, "5 dimensions"),
        (np.random.rand(9, 3, 8, 8), {}, r"8 colours; use X\.transpose\(0, 2, 3, 1\)"),
        (np.random.rand(9, 8, 8, 7), {}, "7 colours; allowed: 1, 3 or 4"),
        (np.random.rand(9, 8, 0), {}, "without pixels"),
        (np.random.rand(0, 8, 8), {}, r"0 sample\(s\)"),
        ([], {}, "1D array"),
        (np.random.rand(9, 5), {"gate": "deep"}, "gate='deep' needs images .*'tabular' or"),
        (
            np.random.rand(9, 5),
            {"views": ["flip"]},
            "'flip' is no augmentation of f",
        ),
        (
            np.random.rand(9, 4, 4),
            {"views": ["flop"]},
            "'flop' is no augmentation of i",
        ),
        (np.random.rand(9, 4, 4), {"views": "flip"}, "views"),
        (np.random.rand(9, 4, 4), {"views": ["colour"]}, "'colour' needs images"),
        (np.random.rand(9, 4, 4), {"views": ["flip"], "gate": "small"}, "'small' sees none"),
        (
            np.random.rand(9, 4, 4),
            {"views": lambda x: x[:, :, 1:]},
            "the function returned a t",
        ),
        (np.random.rand(9, 4, 4), {"views": lambda x: None}, "returned NoneType"),
        (np.random.rand(9, 4, 4), {"max_time": 0}, "max_time"),
        (np.random.rand(9, 4, 4), {"n_init": 0}, "n_init"),
        (np.array([["a", "b"]] * 9), {}, "numeric"),
        (
            pd.DataFrame({"a": [1, 2], "kind": pd.Categorical(["x", "y"])}),
            {},
            "column 'kind': .*'x'; MoAPlus takes numbers: encode categories",
        ),
    ],
)
def test_bad_input_gets_one_line(X, settings, words):
    with pytest.raises(ValueError, match=words):
        MoAPlus(**{"n_clusters": 2} | settings).fit(X)


def test_images_may_come_in_a_list(digits):
    model = MoAPlus(2, epochs=1, random_state=0)
    np.testing.assert_array_equal(model.fit_predict(list(digits)), model.fit_predict(digits))


def test_new_inputs_of_another_shape_are_refused(digits, fitted):
    for other, words in (
        (digits.reshape(-1, 4, 16), "images of 4×16"),
        (digits[:, :4], "images of 4×8"),
        (digits.reshape(-1, 64), "64 features"),
        (digits[:0], r"0 sample\(s\)"),
    ):
        with pytest.raises(ValueError, match=words):
            fitted.predict(other)


def test_a_single_cluster_is_warned_of(digits):
    with pytest.warns(UserWarning, match="one cluster"):
        assert (MoAPlus(1, epochs=1).fit_predict(digits) == 0).all()


def test_verbose_shows_progress_on_a_terminal_alone(digits, capsys, monkeypatch):
    for on_a_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=on_a_terminal: answer)
        MoAPlus(2, epochs=2, verbose=1).fit(digits)
        assert ("objective=" in capsys.readouterr().err) == on_a_terminal


BLOBS = 10 * np.array([[1, 0], [0, 1], [0, 0]])


def blobs(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = make_blobs(sizes, n_features=2, centers=BLOBS[: len(sizes)], random_state=0)
    return X, y


def agreement(X: np.ndarray, y: np.ndarray) -> float:
    return adjusted_rand_score(y, MoAPlus(2, epochs=40, random_state=0).fit_predict(X))


def one_extreme_row(X):
    X[0] = 1e6
    return X


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X + 1.7e9,
        lambda X: X * 1e40,
        lambda X: X * 1e-40,
        lambda X: (X * 1000).astype(np.float16),
        lambda X: np.c_[X, np.full(len(X), 7.0)],
        one_extreme_row,
    ],
    ids=["far from 0", "large", "tiny", "half precision", "a constant feature", "an extreme row"],
)
def test_numbers_of_any_size_are_clustered(change):
    X, y = blobs(150, 150)
    assert agreement(change(X.copy()), y) > 0.97


def test_a_hot_pixel_does_not_squeeze_all_others(digits):
    labels = load_digits(n_class=2).target[:300]
    hot = digits.copy()
    hot[0, 0, 0] = 65_535
    model = MoAPlus(2, epochs=20, random_state=0).fit(hot)
    assert adjusted_rand_score(labels, model.labels_) > 0.9
    assert model.scale_.high < 50


@given(
    arrays(np.float64, (12, 3), elements=floats(-1e300, 1e300)),
    booleans(),
)
def test_what_a_mixture_sees_is_finite_and_of_usual_size(X, images):
    X = X.reshape(3, 4, 3) if images else X
    seen = Scale.of(X).forward(X)
    assert torch.isfinite(seen).all()
    assert seen.abs().max() <= (1 + 1e-6 if images else 12)


def test_inputs_unlike_those_it_was_fitted_on_are_warned_of(digits, fitted):
    for other in (digits * 4096, digits / 4096):
        with pytest.warns(UserWarning, match=r"X is not like .* its range"):
            fitted.predict(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.predict(digits[:5])
        fitted.predict(digits[:1])


@pytest.mark.parametrize("shape", [(20, 4, 4), (20, 5)])
def test_inputs_that_are_all_the_same_are_warned_of(shape):
    with pytest.warns(ConvergenceWarning, match="1 distinct inputs, fewer than n_clusters=2"):
        labels = MoAPlus(2, epochs=1, random_state=0).fit_predict(np.ones(shape))
    assert len(set(labels)) == 1


def test_an_empty_cluster_is_warned_of(digits):
    with pytest.warns(ConvergenceWarning, match="1 of 2 clusters are empty"):
        MoAPlus(2, objective="moa", gate="small", epochs=1, random_state=0).fit(digits)


def test_what_was_fitted_is_saved_whatever_was_set_later(digits, fitted, tmp_path):
    model = MoAPlus(2, epochs=2, random_state=0).fit(digits)
    before = model.predict_proba(digits)
    model.set_params(n_clusters=7, gate="small", latent=3)
    model.save(tmp_path / "model.safetensors", {"from": "a test"})
    read = MoAPlus.load(tmp_path / "model.safetensors")
    assert (read.n_clusters, read.gate, read.latent) == (2, "auto", 32)
    assert read.notes_ == {"from": "a test"}
    np.testing.assert_array_equal(read.predict_proba(digits), before)


def test_names_of_features_are_saved(tmp_path):
    X, _ = blobs(30, 30)
    frame = pd.DataFrame(X, columns=["length", "width"])
    MoAPlus(2, epochs=1, random_state=0).fit(frame).save(tmp_path / "model.safetensors")
    read = MoAPlus.load(tmp_path / "model.safetensors")
    assert list(read.feature_names_in_) == ["length", "width"]
    with pytest.raises(ValueError, match="feature names"):
        read.predict(frame.rename(columns={"width": "weight"}))


def test_a_folder_and_a_list_of_paths_are_inputs(digits, tmp_path):
    paths = [tmp_path / f"{index:03}.png" for index in range(40)]
    images = np.uint8(15 * digits[:40])
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    model = MoAPlus(2, epochs=2, random_state=0).fit(images)
    for source in (tmp_path, str(tmp_path), paths, [str(path) for path in paths]):
        again = MoAPlus(2, epochs=2, random_state=0).fit(source)
        np.testing.assert_array_equal(again.concentrations_, model.concentrations_)
        np.testing.assert_array_equal(again.predict(source), model.labels_)


def test_views_may_be_a_function_of_a_batch(digits, tmp_path):
    shapes = set()

    def shifted(batch: torch.Tensor) -> torch.Tensor:
        shapes.add(batch.shape[1:])
        steps = torch.randint(-2, 3, (2,)).tolist()
        return batch.roll(steps, dims=(2, 3)) + 0.1 * torch.randn_like(batch)

    def fit() -> MoAPlus:
        return MoAPlus(2, views=shifted, epochs=20, random_state=0).fit(digits)

    model = fit()
    labels = load_digits(n_class=2).target[:300]
    assert shapes == {(1, 28, 28)}
    assert adjusted_rand_score(labels, model.labels_) > 0.9
    np.testing.assert_array_equal(fit().concentrations_, model.concentrations_)
    assert isinstance(model.score(digits), float)
    model.save(tmp_path / "model.safetensors")
    assert MoAPlus.load(tmp_path / "model.safetensors").views == "auto"


@pytest.mark.parametrize("views", [["noise"], ("dropout", "scale"), []])
def test_features_have_views_of_their_own(views):
    X, y = blobs(100, 100)
    labels = MoAPlus(2, views=views, epochs=40, random_state=0).fit_predict(X)
    assert adjusted_rand_score(y, labels) > 0.97 or not views


def test_views_make_the_clusters():
    """Of squares of two sizes in two colours, what views change is not what clusters are by."""
    draw = np.random.default_rng(0)
    images = np.zeros((200, 28, 28, 3), np.uint8)
    large, red = (np.arange(200) % 2 == 0), (np.arange(200) // 2 % 2 == 0)
    for image, side, channel in zip(
        images, np.where(large, 16, 6), np.where(red, 0, 2), strict=True
    ):
        x, y = draw.integers(0, 28 - side, 2)
        image[y : y + side, x : x + side, channel] = 255

    def of_any_size(batch: torch.Tensor) -> torch.Tensor:
        sides, corners = (
            torch.randint(6, 17, (len(batch), 1)),
            torch.randint(0, 12, (len(batch), 2)),
        )
        inside = [
            (torch.arange(28) >= corner[:, None]) & (torch.arange(28) < corner[:, None] + sides)
            for corner in corners.T
        ]
        return batch.amax(dim=(2, 3), keepdim=True) * (
            inside[0][:, None, :, None] & inside[1][:, None, None, :]
        )

    for views, factor in ((("affine", "colour"), large), (of_any_size, red)):
        labels = MoAPlus(2, views=views, epochs=100, random_state=0).fit_predict(images)
        assert adjusted_rand_score(factor, labels) > 0.6


def test_of_several_starts_the_one_of_the_least_loss_is_kept():
    X, _ = blobs(95, 5)
    told = []
    model = MoAPlus(2, n_init=3, epochs=5, callback=told.append, random_state=0).fit(X)
    assert [(info["start"], info["epoch"]) for info in told] == [
        (start, epoch) for start in range(3) for epoch in range(1, 6)
    ]
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3)
    first = MoAPlus(2, n_init=1, epochs=5, random_state=0).fit(X)
    assert seeds[0] == np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    curves = np.reshape([info["loss"] for info in told], (3, 5))
    assert np.ptp(curves[:, 0]) > 0
    assert first.n_iter_ == model.n_iter_ == 5


def test_a_small_cluster_is_found():
    X, y = blobs(475, 25)
    for seed in range(2):
        labels = MoAPlus(2, random_state=seed).fit_predict(X)
        assert adjusted_rand_score(y, labels) > 0.97


def test_a_limit_of_time_leaves_fewer_epochs(digits, monkeypatch):
    clock = iter(np.arange(0.0, 1e6, 0.25))
    monkeypatch.setattr("moaplus.clusterer.training.time.monotonic", lambda: next(clock))
    model = MoAPlus(2, max_time=4, random_state=0).fit(digits)
    # A twentieth of 4 s is over after an epoch; the readings before and after it make 0.5 s.
    assert model.n_iter_ == int(3.5 / 0.5)


def test_a_warm_start_goes_on(digits):
    model = MoAPlus(2, epochs=10, warm_start=True, random_state=0).fit(digits)
    first = model.loss_curve_
    scale, weights = model.scale_, copy.deepcopy(model.mixture_.state_dict())
    model.set_params(learning_rate=1e-9).fit(digits)
    assert model.scale_ is scale
    assert model.loss_curve_[0] < first[0]
    for name, _ in model.mixture_.named_parameters():
        torch.testing.assert_close(
            model.mixture_.state_dict()[name], weights[name], rtol=0, atol=1e-6
        )
    with pytest.raises(ValueError, match="n_clusters=3: it was fitted with 2"):
        model.set_params(n_clusters=3).fit(digits)


@pytest.mark.parametrize("images", [True, False])
def test_parts_of_the_inputs_may_come_one_after_the_other(digits, images):
    labels = load_digits(n_class=2).target[:300]
    X, y = (digits, labels) if images else blobs(200, 100)
    model = MoAPlus(2, learning_rate=1e-3, batch_size=50, random_state=0)
    order = np.random.default_rng(0).permutation(300)
    for part in 10 * np.array_split(order, 3):
        assert model.partial_fit(X[part]) is model
    assert adjusted_rand_score(y, model.predict(X)) > 0.9
    assert model.labels_.shape == (100,)
    assert model.n_iter_ == 30
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))
    copied.partial_fit(X)
    assert adjusted_rand_score(y, copied.predict(X)) > 0.9
    with pytest.raises(ValueError, match="n_clusters=5: it was fitted with 2"):
        model.set_params(n_clusters=5).partial_fit(X)


def test_weights_say_how_often_an_input_is_seen():
    weights = np.array([1.0, 0.5, 2.5, 4.0])
    X = np.arange(8.0).reshape(4, 2)
    inputs = Resampled(Seen(X, Scale.of(X)), weights)
    values = Scale.of(X).forward(X)[:, 0].tolist()
    torch.manual_seed(0)
    epochs = [inputs.index_select(0, torch.randperm(4))[:, 0].tolist() for _ in range(4000)]
    for value, weight in zip(values, weights, strict=True):
        seen = [epoch.count(value) for epoch in epochs]
        assert np.mean(seen) == pytest.approx(weight / 2, abs=0.03)
    even = Resampled(Seen(X, Scale.of(X)), np.ones(4))
    assert even.index_select(0, torch.tensor([2, 0, 3, 1]))[:, 0].tolist() == [
        values[index] for index in (2, 0, 3, 1)
    ]


def test_weights_of_inputs(digits):
    def fitted(X, sample_weight=None) -> MoAPlus:
        return MoAPlus(2, epochs=3, random_state=0).fit(X, sample_weight=sample_weight)

    plain = fitted(digits)
    np.testing.assert_array_equal(
        fitted(digits, np.ones(300)).concentrations_, plain.concentrations_
    )
    half = np.arange(300) < 150
    without = fitted(digits, half.astype(float))
    assert without.labels_.shape == (300,)
    np.testing.assert_array_equal(
        without.concentrations_[:150], fitted(digits[:150]).concentrations_
    )
    for wrong, words in (
        (np.zeros(300), "non-zero|n_samples=0"),
        (-np.ones(300), "egative"),
        (np.ones(3), "shape"),
    ):
        with pytest.raises(ValueError, match=words):
            fitted(digits, wrong)


def test_a_strange_input_is_reconstructed_worse(digits, fitted):
    flat = np.random.default_rng(0).permuted(digits.reshape(300, 64), axis=1)
    strange = fitted.score_samples(flat.reshape(digits.shape))
    values = np.r_[fitted.score_samples(digits), strange]
    assert roc_auc_score(np.repeat([1, 0], 300), values) > 0.95


def test_public_names_are_complete():
    assert dir(moaplus) == sorted(moaplus.__all__)
    for name in moaplus.__all__:
        assert getattr(moaplus, name)
    assert moaplus.__version__ == version("moaplus")


@pytest.mark.parametrize(("centres", "clusters"), [(1, 2), (3, 4)])
def test_a_forced_cluster_is_warned_of(centres, clusters):
    X, _ = blobs(*[150] * centres)
    with pytest.warns(ConvergenceWarning, match=r"cluster \d is forced: a fresh view keeps"):
        MoAPlus(clusters, epochs=100, random_state=0).fit(X)


def test_clusters_that_are_there_are_not_warned_of(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MoAPlus(2, epochs=100, random_state=0).fit(digits)
        MoAPlus(3, epochs=100, random_state=0).fit(blobs(150, 100, 150)[0])


def test_the_score_is_largest_at_the_number_of_clusters():
    X, _ = blobs(150, 150, 150)
    scores = [MoAPlus(M, epochs=100, random_state=0).fit(X).score(X) for M in (2, 3, 4)]
    assert np.argmax(scores) == 1
    assert scores[1] == pytest.approx(np.log(3), abs=0.02)
