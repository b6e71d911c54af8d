"""Torch on one thread for every test of training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra causalimg[torch] is not installed")
torch.set_num_threads(1)
