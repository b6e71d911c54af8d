"""Choosing augmentations by how much they blind a classifier of the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from torch import Tensor
from torch.nn import functional

from causalimg.errors import InvalidInputError, NotEstimableError

Transform = Callable[[Tensor], Tensor]


def select_augmentations(
    candidates: Mapping[str, Transform],
    images: Tensor,
    environment: Tensor,
    *,
    n_folds: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Rank augmentations by how much they hide which environment an image comes from.

    For each candidate a linear classifier of the environment is trained on augmented images and
    tested, cross-validated, on augmented images that it has not seen. An augmentation that lowers
    its accuracy simulates an intervention on what differs between environments.

    Parameters
    ----------
    candidates : mapping of str to callable (images) -> images
        ``none`` is added.
    images : Tensor, shape (n, c, [z,] y, x)
    environment : Tensor, shape (n,)
        Categories.
    n_folds : int
    random_state : int

    Returns
    -------
    pandas.DataFrame
        ``augmentation, accuracy`` (balanced), ``drop`` (against none), the largest drop first.

    Raises
    ------
    NotEstimableError
        If there is one environment only, or one with fewer images than folds.

    References
    ----------
    Ilse M, Tomczak JM, Forré P. Selecting data augmentation for simulating interventions. ICML
    2021. doi:10.48550/arXiv.2005.01856

    Examples
    --------
    >>> import torch
    >>> draw = torch.Generator().manual_seed(0)
    >>> site = torch.arange(40) % 2
    >>> images = torch.randn(40, 1, 4, 4, generator=draw) + 3.0 * site[:, None, None, None]
    >>> centred = lambda x: x - x.mean((1, 2, 3), keepdim=True)
    >>> select_augmentations({"centred": centred}, images, site)["augmentation"].tolist()
    ['centred', 'none']
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = environment.detach().cpu().numpy()
    if len(labels) != len(images):
        raise InvalidInputError(f"{len(images)} images, but {len(labels)} environments")
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < n_folds:
        raise NotEstimableError(
            f"selecting augmentations needs two environments or more with {n_folds} images each;"
            f" there are {counts.tolist()}"
        )
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    rows = []
    for name, transform in {"none": lambda x: x, **candidates}.items():
        flat = transform(images).detach().reshape(len(images), -1).cpu().numpy()
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        guessed = cross_val_predict(model, flat, labels, cv=folds)
        rows.append({"augmentation": name, "accuracy": balanced_accuracy_score(labels, guessed)})
    table = pd.DataFrame(rows)
    table["drop"] = table["accuracy"].iloc[0] - table["accuracy"]
    return table.sort_values("drop", ascending=False, kind="stable").reset_index(drop=True)


def pair_consistency(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean symmetric Kullback-Leibler divergence of two predictions of one patient.

    Parameters
    ----------
    first, second : Tensor, shape (n, n_classes, ...)
        Logits of the image and of its counterfactual (or of two augmentations); classes on axis 1.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[1.0, 2.0]])
    >>> float(pair_consistency(logits, logits))
    0.0
    """
    p, q = functional.log_softmax(first, dim=1), functional.log_softmax(second, dim=1)
    divergence = ((p.exp() - q.exp()) * (p - q)).sum(dim=1)
    return 0.5 * divergence.mean()
