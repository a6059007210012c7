"""The same mixture as a textbook script writes it: torch's own layers, a loop over experts."""

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from moaplus.data.fetch import torchvision_datasets
from moaplus.mixture.gates.small import SmallGate
from moaplus.mixture.layers import LEAK


def autoencoder(channels: tuple[int, int], latent: int) -> nn.Sequential:
    """Return an autoencoder, (n, 28, 28) -> (n, 28, 28)."""
    c1, c2 = channels
    return nn.Sequential(
        nn.Unflatten(1, (1, 28)),
        nn.Conv2d(1, c1, 3, stride=2, padding=1),
        nn.LeakyReLU(LEAK),
        nn.Conv2d(c1, c2, 3, stride=2, padding=1),
        nn.LeakyReLU(LEAK),
        nn.Flatten(),
        nn.Linear(7 * 7 * c2, latent),
        nn.Linear(latent, 7 * 7 * c2),
        nn.LeakyReLU(LEAK),
        nn.Unflatten(1, (c2, 7, 7)),
        nn.ConvTranspose2d(c2, c1, 2, stride=2),
        nn.LeakyReLU(LEAK),
        nn.ConvTranspose2d(c1, 1, 2, stride=2),
        nn.Sigmoid(),
        nn.Flatten(1, 2),
    )


class TextbookMixture(nn.Module):
    """Stands in for MixtureOfAutoencoders."""

    def __init__(self, experts: int, channels: tuple[int, int], latent: int):
        super().__init__()
        self.experts = nn.ModuleList(autoencoder(channels, latent) for _ in range(experts))
        self.gate = SmallGate(experts, channels, (28, 28))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([expert(images) for expert in self.experts]), self.gate(images)


class ImageDataset(Dataset):
    """Images one at a time, each through PIL and ToTensor, as torchvision's MNIST gives them."""

    def __init__(self, images: Tensor):
        torchvision_datasets()
        from torchvision.transforms import ToTensor

        self.images, self.transform = images, ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[index].numpy()))[0]


def loader(images: Tensor, batch_size: int) -> DataLoader:
    """Return shuffled batches of uint8 images (n, 28, 28)."""
    return DataLoader(ImageDataset(images), batch_size, shuffle=True)
