"""The batched experts against the same autoencoder written with torch's own layers."""

import pytest
import torch
from textbook import autoencoder
from torch import nn

from moaplus.networks import CAE, MixtureOfAutoencoders


def textbook_expert(experts: CAE, k: int) -> nn.Sequential:
    """Expert k as a plain Sequential of torch's layers, with the same weights."""
    c1, c2 = experts.channels
    latent = experts.encode.weight.shape[2]
    expert = autoencoder(experts.channels, latent)
    conv1, conv2, encode, decode, up1, up2 = (layer for layer in expert if hasattr(layer, "weight"))
    with torch.no_grad():
        conv1.weight.copy_(experts.conv1.weight[k].T.reshape(c1, 1, 3, 3))
        conv1.bias.copy_(experts.conv1.bias[k, 0])
        conv2.weight.copy_(experts.conv2.weight[k])
        conv2.bias.copy_(experts.conv2.bias[k])
        # Ours flattens (7, 7, c2), torch's Flatten (c2, 7, 7).
        weight = experts.encode.weight[k].reshape(7, 7, c2, latent)
        encode.weight.copy_(weight.permute(3, 2, 0, 1).reshape(latent, -1))
        encode.bias.copy_(experts.encode.bias[k, 0])
        weight = experts.decode.weight[k].reshape(latent, 7, 7, c2)
        decode.weight.copy_(weight.permute(3, 1, 2, 0).reshape(-1, latent))
        decode.bias.copy_(experts.decode.bias[k, 0].reshape(7, 7, c2).permute(2, 0, 1).flatten())
        up1.weight.copy_(experts.up1.weight[k].reshape(c2, 2, 2, c1).permute(0, 3, 1, 2))
        up1.bias.copy_(experts.up1.bias[k, 0])
        up2.weight.copy_(experts.up2.weight[k].reshape(c1, 1, 2, 2))
        up2.bias.copy_(experts.up2.bias[k, 0])
    return expert


@pytest.mark.parametrize("count", [2, 3])
def test_each_expert_is_a_textbook_autoencoder(count):
    torch.manual_seed(0)
    experts = CAE(count, (4, 6), latent=5)
    images = torch.rand(3, 28, 28)
    reconstructions = experts(images)
    assert reconstructions.shape == (count, 3, 28, 28)
    for k in range(count):
        expected = textbook_expert(experts, k)(images)
        torch.testing.assert_close(reconstructions[k], expected, rtol=1e-5, atol=1e-6)


def test_mixture_gives_a_logit_for_every_expert():
    mixture = MixtureOfAutoencoders(4, "cae", (4, 6), 5)
    reconstructions, logits = mixture(torch.rand(7, 28, 28))
    assert reconstructions.shape == (4, 7, 28, 28)
    assert logits.shape == (7, 4)


def test_autocast_leaves_the_gate_in_float32():
    mixture = MixtureOfAutoencoders(2, "cae", (4, 6), 5)
    images = torch.rand(7, 28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        reconstructions, logits = mixture(images)
    assert logits.dtype == reconstructions.dtype == torch.float32
    torch.testing.assert_close(logits, mixture.gate(images))
