"""The batched experts against the same autoencoder written with torch's own layers."""

import pytest
import torch
import torch.nn.functional as F
from textbook import autoencoder
from torch import nn

from moaplus.mixture.architectures.cae import CAE
from moaplus.mixture.architectures.segnet import SegNet
from moaplus.mixture.architectures.unet import UNet
from moaplus.mixture.layers import max_pool, unpool
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.plan.choices import names


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


@pytest.mark.parametrize("architecture", names("mixture/architectures"))
def test_mixture_reconstructs_by_every_expert_and_has_a_logit_for_each(architecture):
    mixture = MixtureOfAutoencoders(4, architecture, (4, 6), 5)
    reconstructions, logits = mixture(torch.rand(7, 28, 28))
    assert reconstructions.shape == (4, 7, 28, 28)
    assert logits.shape == (7, 4)
    if architecture != "dense":  # its inputs need not be images
        assert ((reconstructions > 0) & (reconstructions < 1)).all()
    (reconstructions.sum() + logits.sum()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in mixture.parameters())


def test_pooling_and_its_gradients_are_torchs():
    torch.set_deterministic_debug_mode("default")  # max_unpool2d is not deterministic
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    x[:, :, :4] = 1.5  # ties: the first pixel of a window wins
    pooled, pixels = max_pool(x)
    expected, indices = F.max_pool2d(x, 2, return_indices=True)
    torch.testing.assert_close(pooled, expected)
    torch.testing.assert_close(unpool(pooled, pixels), F.max_unpool2d(expected, indices, 2))
    x.requires_grad_()
    (ours,) = torch.autograd.grad(max_pool(x)[0].square().sum(), x)
    (theirs,) = torch.autograd.grad(F.max_pool2d(x, 2).square().sum(), x)
    torch.testing.assert_close(ours, theirs)
    expected = expected.detach().requires_grad_()
    (ours,) = torch.autograd.grad(unpool(expected, pixels).pow(3).sum(), expected)
    torch.testing.assert_close(ours, 3 * expected.detach() ** 2)


def test_what_the_decoders_see_past_the_code():
    # With the code's way back cut off, only SegNet's and U-Net's outputs depend on the image.
    torch.manual_seed(0)
    images = torch.rand(4, 28, 28)
    cae, segnet, unet = CAE(1, (4, 6), 5), SegNet((4, 6), 5), UNet((4, 6), 5)
    spread = {}
    for experts, decode in ((cae, cae.decode), (segnet, segnet.code[2]), (unet, unet.code[2])):
        with torch.no_grad():
            decode.weight.zero_()
            outputs = experts(images).view(4, 28, 28)
        spread[experts] = (outputs - outputs[0]).abs().max()
    assert spread[cae] < 1e-6
    assert spread[segnet] > 1e-3
    assert spread[unet] > 1e-2
