"""k-means on the codes of one autoencoder: an expert of ours, trained alone at MoA's budget."""

import torch

from moaplus.mixture.fit import fit, start
from moaplus.mixture.history import NotFiniteError
from moaplus.mixture.layers import SIDE
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.objectives.moa import moa
from moaplus.runs.model import DIVERGED_REMEDY, DivergedError, prepare_device
from moaplus.runs.references.kmeans import clusterer as clusterer
from moaplus.runs.training import fit_kwargs, start_kwargs


def embed(images, seed, settings):
    """Return the codes of a CAE, trained as standard MoA with M = 1."""
    prepare_device("cpu", threads=1)
    torch.manual_seed(seed)
    network, training = settings.network, settings.training
    mixture = MixtureOfAutoencoders(1, "cae", network.channels, network.latent)
    state = start(mixture, seed, **start_kwargs(training))
    try:
        fit(state, _squares(images), moa, **fit_kwargs(training))
    except NotFiniteError as error:
        raise DivergedError(f"ae_kmeans, seed {seed}: {error}; {DIVERGED_REMEDY}") from error

    @torch.no_grad()
    def codes(images):
        return mixture.experts.codes(_squares(images))[0].numpy()

    return codes


def _squares(images):
    return torch.from_numpy(images).view(-1, SIDE, SIDE)
