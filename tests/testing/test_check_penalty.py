"""The check of penalties: the reference is `causalimg.training.check`, and its error is ours."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from causalimg.errors import CausalImgError, InvalidInputError  # noqa: E402
from causalimg.testing import ConformanceError, check_penalty  # noqa: E402
from causalimg.training.alignment import MMD  # noqa: E402
from causalimg.training.penalty import Batch, Penalty  # noqa: E402


class MeanGap(Penalty):
    """A penalty of one's own: the squared gap between the mean features of two scanners."""

    needs = ("scanner",)

    def __init__(self) -> None:
        super().__init__("mean of content ⊥ site")

    def forward(self, batch: Batch) -> torch.Tensor:
        first = batch.variable("site") == 0
        if first.all() or not first.any():
            return batch.features.sum() * 0.0
        x = batch.flat()
        return ((x[first].mean(dim=0) - x[~first].mean(dim=0)) ** 2).sum()


class Detached(MeanGap):
    def forward(self, batch: Batch) -> torch.Tensor:
        return super().forward(batch).detach() + 0.0 * batch.features.sum()


class Upside(MeanGap):
    def forward(self, batch: Batch) -> torch.Tensor:
        return 1.0 / (1.0 + super().forward(batch))


class Silent(MeanGap):
    def __init__(self) -> None:
        super().__init__()
        self.statement = ""


def test_penalties_that_keep_the_contract() -> None:
    found = check_penalty(MeanGap()).set_index("check")["value"]
    assert found["level when broken"] > 10 * found["null level"]
    assert len(check_penalty(MMD("site"), n_seeds=4)) == len(found)


@pytest.mark.parametrize(
    ("broken", "said"),
    [(Detached, "gradient"), (Upside, "where it is broken"), (Silent, "statement is empty")],
)
def test_a_broken_penalty_is_found_out(broken: type[Penalty], said: str) -> None:
    with pytest.raises(ConformanceError, match=said) as caught:
        check_penalty(broken())  # type: ignore[call-arg]
    assert isinstance(caught.value, CausalImgError)
    assert broken.__name__ in str(caught.value)


def test_a_class_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="give an instance"):
        check_penalty(MMD)
