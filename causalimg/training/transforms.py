"""Interventions on the look of images: random nets, amplitude and statistics swaps; 2-D and 3-D."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from causalimg.errors import InvalidInputError


def _check_images(x: Tensor) -> int:
    """Return the number of spatial axes of a batch of images (n, c, [z,] y, x)."""
    if x.ndim not in (4, 5) or not x.is_floating_point():
        raise InvalidInputError(
            f"images must be floats of shape (n, channels, y, x) or (n, channels, z, y, x), not"
            f" {x.dtype} of {tuple(x.shape)}"
        )
    return x.ndim - 2


class GIN:
    """Global intensity non-linearity: a random shallow net changes every image's look.

    For images standardised to mean 0. Per image, convolutions with random normal weights and
    kernels of 1 or 3 voxels, leaky ReLU between; the result is mixed with the image by a random
    share and given its norm back. Edges stay where they are, contrast and texture do not.

    Parameters
    ----------
    n_layers : int
    hidden : int
        Channels of the hidden layers.
    random_state : int, optional

    References
    ----------
    Ouyang C, et al. Causality-inspired single-source domain generalization for medical image
    segmentation. IEEE TMI 2023;42:1095-1106. doi:10.1109/TMI.2022.3224067

    Examples
    --------
    >>> GIN(random_state=0)(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 1, 8, 8])
    """

    def __init__(
        self, *, n_layers: int = 4, hidden: int = 2, random_state: int | None = None
    ) -> None:
        if n_layers < 1 or hidden < 1:
            raise InvalidInputError(f"n_layers={n_layers} and hidden={hidden} must be at least 1")
        self.n_layers, self.hidden = n_layers, hidden
        self.generator = torch.Generator()
        if random_state is not None:
            self.generator.manual_seed(random_state)

    def _normal(self, *shape: int, like: Tensor) -> Tensor:
        drawn = torch.randn(*shape, generator=self.generator, dtype=torch.float64)
        return drawn.to(like.dtype).to(like.device)

    def __call__(self, x: Tensor) -> Tensor:
        """Return images of the same shape and per-image norm, each with a look of its own."""
        axes = _check_images(x)
        n, channels = x.shape[:2]
        convolve = functional.conv2d if axes == 2 else functional.conv3d
        out = x.reshape(1, n * channels, *x.shape[2:])
        sizes = [channels, *([self.hidden] * (self.n_layers - 1)), channels]
        for layer in range(self.n_layers):
            kernel = 1 + 2 * int(torch.randint(0, 2, (1,), generator=self.generator))
            weight = self._normal(n * sizes[layer + 1], sizes[layer], *([kernel] * axes), like=x)
            shift = self._normal(n * sizes[layer + 1], like=x)
            out = convolve(out, weight, shift, padding=kernel // 2, groups=n)
            if layer + 1 < self.n_layers:
                out = functional.leaky_relu(out)
        out = out.reshape(x.shape)
        share = torch.rand(n, generator=self.generator, dtype=torch.float64).to(x)
        share = share.reshape(n, *([1] * (x.ndim - 1)))
        mixed = share * out + (1 - share) * x
        scaled: Tensor = mixed * (_norm(x) / _norm(mixed).clamp_min(1e-12))
        return scaled


def _norm(x: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms.reshape(len(x), *([1] * (x.ndim - 1)))


class IPA:
    """Interventional pseudo-correlation augmentation: blend two looks by a smooth random map.

    ``T₁ = m·g₁(x) + (1 - m)·g₂(x)`` and ``T₂ = (1 - m)·g₁(x) + m·g₂(x)``: what shares a look with
    an organ by chance no longer does everywhere. No labels are used.

    Parameters
    ----------
    look : GIN, optional
        Makes g₁ and g₂.
    spacing : int
        Distance of the control points of the map [pixel].
    random_state : int, optional

    References
    ----------
    Ouyang C, et al. IEEE TMI 2023;42:1095-1106. doi:10.1109/TMI.2022.3224067

    Examples
    --------
    >>> x = torch.rand(2, 1, 8, 8)
    >>> first, second = IPA(spacing=4, random_state=0)(x)
    >>> first.shape, bool((first != second).any())
    (torch.Size([2, 1, 8, 8]), True)
    """

    def __init__(
        self, look: GIN | None = None, *, spacing: int = 16, random_state: int | None = None
    ) -> None:
        if spacing < 2:
            raise InvalidInputError(f"spacing={spacing} must be at least 2 pixels")
        self.look = look if look is not None else GIN(random_state=random_state)
        self.spacing = spacing

    def blend_map(self, x: Tensor) -> Tensor:
        """Return one smooth map per image with values from 0 to 1, shape (n, 1, [z,] y, x)."""
        axes = _check_images(x)
        grid = [max(2, math.ceil(size / self.spacing) + 1) for size in x.shape[2:]]
        points = torch.randn(len(x), 1, *grid, generator=self.look.generator, dtype=torch.float64)
        mode = "bicubic" if axes == 2 else "trilinear"
        smooth = functional.interpolate(points, x.shape[2:], mode=mode, align_corners=True)
        smooth = torch.exp(smooth)
        flat = smooth.flatten(1)
        low = flat.min(dim=1).values.reshape(-1, *([1] * (axes + 1)))
        high = flat.max(dim=1).values.reshape(-1, *([1] * (axes + 1)))
        return ((smooth - low) / (high - low).clamp_min(1e-12)).to(x)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return two images of the same content and complementary looks."""
        share = self.blend_map(x)
        first, second = self.look(x), self.look(x)
        return share * first + (1 - share) * second, (1 - share) * first + share * second


def fourier_style_swap(x: Tensor, style: Tensor, *, beta: float = 0.05) -> Tensor:
    """Return images with the low-frequency amplitudes of others, and their own phase.

    Parameters
    ----------
    x, style : Tensor, shape (n, c, [z,] y, x)
    beta : float
        Half width of the window around zero frequency, as a share of the smallest side; 0 is the
        identity.

    References
    ----------
    Yang Y, Soatto S. FDA: Fourier domain adaptation for semantic segmentation. CVPR 2020.
    doi:10.1109/CVPR42600.2020.00414

    Examples
    --------
    >>> x, style = torch.ones(1, 1, 8, 8), torch.full((1, 1, 8, 8), 5.0)
    >>> fourier_style_swap(x, style, beta=0.2).mean().item()
    5.0
    """
    axes = _check_images(x)
    if style.shape != x.shape:
        raise InvalidInputError(
            f"style images must have the shape of the images: {tuple(style.shape)} against"
            f" {tuple(x.shape)}"
        )
    if not 0 <= beta <= 0.5:
        raise InvalidInputError(f"beta={beta!r} must lie in [0, 0.5]")
    half = math.floor(beta * min(x.shape[2:]))
    if half == 0:
        return x.clone()
    dims = tuple(range(2, 2 + axes))
    own, other = torch.fft.fftn(x, dim=dims), torch.fft.fftn(style, dim=dims)
    inside = torch.ones(x.shape[2:], dtype=torch.bool, device=x.device)
    for axis, size in enumerate(x.shape[2:]):
        frequency = torch.fft.fftfreq(size, device=x.device) * size
        shape = [1] * axes
        shape[axis] = size
        inside = inside & (frequency.abs() < half).reshape(shape)
    amplitude = torch.where(inside, other.abs(), own.abs())
    mixed = torch.polar(amplitude, own.angle())
    back: Tensor = torch.fft.ifftn(mixed, dim=dims).real
    return back


def statistics_swap(x: Tensor, style: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Return images or feature maps with the channel means and SDs of others.

    Parameters
    ----------
    x, style : Tensor, shape (n, c, [z,] y, x)
    eps : float
        Added to the variance of ``x``.

    References
    ----------
    Huang X, Belongie S. Arbitrary style transfer in real-time with adaptive instance
    normalization. ICCV 2017. doi:10.1109/ICCV.2017.167. Zhou K, Yang Y, Qiao Y, Xiang T. Domain
    generalization with MixStyle. ICLR 2021. doi:10.48550/arXiv.2104.02008

    Examples
    --------
    >>> x, style = torch.rand(1, 1, 8, 8), 3 + 2 * torch.rand(1, 1, 8, 8)
    >>> torch.allclose(statistics_swap(x, style).mean(), style.mean(), atol=1e-4)
    True
    """
    _check_images(x)
    dims = tuple(range(2, x.ndim))
    own_mean, own_var = x.mean(dims, keepdim=True), x.var(dims, keepdim=True, unbiased=False)
    mean, var = style.mean(dims, keepdim=True), style.var(dims, keepdim=True, unbiased=False)
    return (x - own_mean) / (own_var + eps).sqrt() * var.sqrt() + mean
