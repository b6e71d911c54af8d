"""Image problems with a known cue: coloured digits, decoy digits, and organs of another contrast.

Coloured digits: scikit-learn's 8 x 8 digits, under five or not with 25 % label noise; a colour
channel agrees with the noisy label with 0.9 and 0.8 in training, and with 0.9, 0.5 and 0.1 at test.
The settings of each way were chosen by the accuracy in the worst test environment of two draws that
are not reported; ``--tune`` scores four for each there. So they are chosen with knowledge of the
shift, as those of the published IRM figures for coloured MNIST were; chosen by the accuracy in the
training environments, every way keeps the colour. A network that trains on learns its noisy labels
by heart; then the risks are alike everywhere and no penalty on risks binds, so the number of steps
matters.
Decoy digits: a corner pixel gives the class away in training and is random at test; the input
gradient there is penalised. Organs: ellipses drawn with one look in training; at test the contrast
is changed (mid) and inverted (target); random looks (GIN) and blends of two (IPA) in training.

    python benchmarks/image_shortcuts.py [--seeds 5] [--only organs]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from causalimg.graph.core import CausalGraph
from causalimg.training.alignment import MMD
from causalimg.training.augmentation import pair_consistency
from causalimg.training.penalty import Batch
from causalimg.training.plan import ConstraintPlan
from causalimg.training.risk import IRM, VREx
from causalimg.training.structure import InputGradient
from causalimg.training.tabular import ConstrainedClassifier
from causalimg.training.transforms import GIN, IPA

Row = dict[str, object]
Settings = dict[str, Any]
TUNED_ON = (100, 101)


def digit_plan() -> ConstraintPlan:
    """Return the plan of: the label causes the colour, whose rate differs by environment."""
    nodes = ("label", "site", "colour", "image", "content")
    edges = {("content", "label"), ("label", "colour"), ("site", "colour")}
    edges |= {("content", "image"), ("colour", "image")}
    matrix = [[int((a, b) in edges) for b in nodes] for a in nodes]
    graph = CausalGraph.from_directed(nodes, matrix)
    return ConstraintPlan.from_graph(
        graph, outcome="label", environment="site", attributes=["colour"], content="content"
    )


def coloured(x: np.ndarray, label: np.ndarray, share: float, rng: np.random.Generator):
    """Return two-channel images whose filled channel agrees with the label, and that colour."""
    colour = np.where(rng.random(len(label)) < share, label, 1 - label)
    image = np.zeros((len(x), 2, 64))
    image[np.arange(len(x)), colour] = x / 16.0
    return image.reshape(len(x), -1), colour


@dataclass(frozen=True)
class Digits:
    """Coloured digits of one draw: training rows, and test images by association."""

    x: np.ndarray
    variables: pd.DataFrame
    tests: dict[str, np.ndarray]
    y: np.ndarray


def draw_digits(seed: int) -> Digits:
    """Draw label noise, colours and the split; each training image is shown in both sites."""
    rng = np.random.default_rng(seed)
    x, digit = load_digits(return_X_y=True)
    clean = (digit >= 5).astype(int)
    noisy = np.where(rng.random(len(clean)) < 0.25, 1 - clean, clean)
    train, test = train_test_split(np.arange(len(x)), test_size=0.28, random_state=seed)
    parts, frames = [], []
    for site, share in enumerate((0.9, 0.8)):
        image, colour = coloured(x[train], noisy[train], share, rng)
        parts.append(image)
        frames.append(pd.DataFrame({"site": site, "colour": colour, "label": noisy[train]}))
    tests = {f"{s:g}": coloured(x[test], noisy[test], s, rng)[0] for s in (0.9, 0.5, 0.1)}
    return Digits(np.vstack(parts), pd.concat(frames, ignore_index=True), tests, noisy[test])


def digit_ways(plan: ConstraintPlan) -> dict[str, list[Settings]]:
    """Return for each way to train the settings to choose among; the first are the chosen ones."""
    grid = list(product((False, True), (150, 500)))
    plain = [{"standardize": standardize, "n_steps": n} for standardize, n in grid]
    full = {"batch_size": 0, "learning_rate": 5e-3, "weight_decay": 2e-3, "standardize": False}
    full |= {"schedule": "switch", "reset": True, "ramp": 100}
    risks = [{**full, "n_steps": n, "weight": w} for n, w in product((200, 400), (1e4, 1e3))]
    half = {"batch_size": 512, "n_steps": 300, "ramp": 100, "learning_rate": 5e-3}
    half |= {"standardize": False, "weight_decay": 1e-3}
    kernels = [
        {**half, "weight": w, "scale": s} for s, w in product((1.0, None), (10.0, 3.0))
    ]  # the scale of the kernel in log-odds, or that of the batch
    derived = f"derived: {plan.verdicts['colour'].statement}"
    return {
        "oracle (no colour)": plain,
        "none": plain,
        "derived, as weights": plain,
        "IRM": risks,
        "V-REx": risks,
        "marginal MMD (wrong)": kernels,
        derived: kernels,
    }


def digit_scores(way: str, settings: Settings, data: Digits, plan: ConstraintPlan, seed: int):
    """Train one way on one draw; return the accuracy by association."""
    more = {k: v for k, v in settings.items() if k not in ("weight", "scale")}
    weight, scale = settings.get("weight", 0.0), settings.get("scale")
    if way == "IRM":
        more["penalties"] = [(weight, IRM("site", split=False))]
    elif way == "V-REx":
        more["penalties"] = [(weight, VREx("site"))]
    elif way.startswith("marginal"):
        more["penalties"] = [(weight, MMD("colour", on="logits", scale=scale))]
    elif way.startswith("derived:"):
        penalty = plan.penalty("colour", "conditional_mmd", on="logits", settings={"scale": scale})
        more |= {"penalties": [(weight, penalty)]}
    base = {"n_steps": 500, "learning_rate": 0.003, "weight_decay": 1e-2, "hidden": (64,)}
    grey = way.startswith("oracle")

    def shown(image: np.ndarray) -> np.ndarray:
        return image.reshape(len(image), 2, 64).sum(axis=1) if grey else image

    weights = plan.weights(data.variables, "colour") if way.endswith("weights") else None
    model = ConstrainedClassifier(random_state=seed, **{**base, **more})
    variables = data.variables
    model.fit(shown(data.x), variables["label"], variables=variables, sample_weight=weights)
    return {name: model.score(shown(image), data.y) for name, image in data.tests.items()}


def coloured_digits(seed: int) -> list[Row]:
    """Return the accuracy of each way to train in each test environment."""
    plan, data, rows = digit_plan(), draw_digits(seed), []
    for way, choices in digit_ways(plan).items():
        start = time.process_time()
        scores = digit_scores(way, choices[0], data, plan, seed)
        rows.append(_row("coloured digits", way, seed, scores, start))
    return rows


def tune(seeds: tuple[int, ...]) -> list[dict[str, object]]:
    """Score every choice of settings on draws that are not reported.

    ``worst``: accuracy in the worst of the test environments, by which the settings are chosen.
    ``training``: accuracy at the association of training (0.9), which would choose the colour.
    """
    plan, rows = digit_plan(), []
    for way, choices in digit_ways(plan).items():
        for settings in choices:
            found = [digit_scores(way, settings, draw_digits(s), plan, s) for s in seeds]
            table = pd.DataFrame(found)
            names = ("weight", "scale", "n_steps", "standardize")
            chosen = {k: settings.get(k) for k in names}
            worst = table.min(axis=1).mean()
            rows.append({"way": way, **chosen, "worst": worst, "training": table["0.9"].mean()})
            print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False, header=False), flush=True)
    return rows


def decoy_digits(seed: int) -> list[Row]:
    """Return the accuracy on random decoys with and without the input-gradient penalty."""
    rng = np.random.default_rng(seed)
    x, digit = load_digits(return_X_y=True)
    train, test = train_test_split(np.arange(len(x)), test_size=0.3, random_state=seed)
    x = x / 16.0
    for rows, told in ((train, digit), (test, rng.integers(0, 10, len(digit)))):
        x[np.ix_(rows, [0, 63])] = (1.0 - told[rows] / 10.0)[:, None]
    forbidden = np.zeros(64, dtype=bool)
    forbidden[[0, 63]] = True
    out = []
    for strength in (0.0, 0.1, 1.0):
        start = time.process_time()
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        penalty = InputGradient(forbidden)
        step_by = torch.optim.Adam(net.parameters(), lr=0.003)
        data = torch.tensor(x[train], dtype=torch.float32)
        labels = torch.tensor(digit[train])
        for _ in range(400):
            inputs = data.clone().requires_grad_(True)
            logits = net(inputs)
            loss = nn.functional.cross_entropy(logits, labels)
            if strength:
                loss = loss + strength * penalty(Batch(logits, logits, labels, inputs=inputs))
            step_by.zero_grad()
            loss.backward()
            step_by.step()
        with torch.no_grad():
            guessed = net(torch.tensor(x[test], dtype=torch.float32)).argmax(1).numpy()
        score = {"random decoy": float((guessed == digit[test]).mean())}
        out.append(_row("decoy digits", f"input gradient x {strength:g}", seed, score, start))
    return out


def organs(n: int, look: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw 32 x 32 images of one bright or dark ellipse in a body, and the ellipse's mask."""
    y, x = np.mgrid[:32, :32]
    images, masks = [], []
    for _ in range(n):
        cy, cx = rng.uniform(11, 21, 2)
        ry, rx = rng.uniform(4, 8, 2)
        mask = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        body = ((y - 16) / 14.5) ** 2 + ((x - 16) / 14.5) ** 2 < 1
        values = {"source": (0.1, 0.4, 0.8), "mid": (0.3, 0.4, 0.6), "target": (0.9, 0.6, 0.2)}[
            look
        ]
        image = np.where(mask, values[2], np.where(body, values[1], values[0]))
        image = image + rng.normal(0, 0.04, image.shape)
        images.append((image - image.mean()) / image.std())
        masks.append(mask)
    shape = (n, 1, 32, 32)
    return (
        torch.tensor(np.array(images), dtype=torch.float32).reshape(shape),
        torch.tensor(np.array(masks)).float().reshape(shape),
    )


class SmallUNet(nn.Module):
    """One level down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = _block(1, 12)
        self.deep = _block(12, 24)
        self.up = _block(36, 12)
        self.last = nn.Conv2d(12, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the mask."""
        first = self.down(x)
        deep = self.deep(nn.functional.max_pool2d(first, 2))
        wide = nn.functional.interpolate(deep, scale_factor=2.0)
        return self.last(self.up(torch.cat([first, wide], dim=1)))


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.GroupNorm(4, after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.GroupNorm(4, after),
        nn.ReLU(),
    )


def dice(net: nn.Module, images: Tensor, masks: Tensor) -> float:
    """Return the mean Dice coefficient."""
    with torch.no_grad():
        guessed = (net(images) > 0).float()
    overlap = (guessed * masks).sum((1, 2, 3))
    return float(
        (2 * overlap / (guessed.sum((1, 2, 3)) + masks.sum((1, 2, 3))).clamp_min(1)).mean()
    )


def organ_styles(seed: int) -> list[Row]:
    """Return the Dice on each look for training with one look, GIN, and GIN with IPA."""
    rng = np.random.default_rng(seed)
    images, masks = organs(200, "source", rng)
    tests = {look: organs(100, look, rng) for look in ("source", "mid", "target")}
    out = []
    for way in ("none", "GIN", "GIN + IPA"):
        start = time.process_time()
        torch.manual_seed(seed)
        net = SmallUNet()
        gin = GIN(random_state=seed)
        ipa = IPA(gin, spacing=12)
        step_by = torch.optim.Adam(net.parameters(), lr=3e-3)
        for _ in range(250):
            rows = torch.randint(0, len(images), (16,))
            x, y = images[rows], masks[rows]
            if way == "none":
                loss = nn.functional.binary_cross_entropy_with_logits(net(x), y)
            else:
                first, second = (gin(x), gin(x)) if way == "GIN" else ipa(x)
                seen, again = net(first), net(second)
                loss = nn.functional.binary_cross_entropy_with_logits(seen, y)
                loss = loss + nn.functional.binary_cross_entropy_with_logits(again, y)
                pair = [torch.cat([torch.zeros_like(v), v], dim=1) for v in (seen, again)]
                loss = loss + pair_consistency(*pair)
            step_by.zero_grad()
            loss.backward()
            step_by.step()
        scores = {look: dice(net, *test) for look, test in tests.items()}
        out.append(_row("organs (Dice)", way, seed, scores, start))
    return out


def _row(problem: str, way: str, seed: int, scores: dict[str, float], start: float) -> Row:
    return {
        "problem": problem,
        "way": way,
        "seed": seed,
        "worst": min(scores.values()),
        "scores": scores,
        "cpu_s": time.process_time() - start,
    }


PARTS = {"coloured": coloured_digits, "decoy": decoy_digits, "organs": organ_styles}


def main() -> None:
    """Print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--tune", action="store_true", help="choose the settings of the digits")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/image_shortcuts.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    if chosen.tune:
        chosen.out.write_text(json.dumps(tune(TUNED_ON), indent=1) + "\n")
        return
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    rows = [row for part in chosen.only for seed in seeds for row in PARTS[part](seed)]
    table = pd.DataFrame(rows)
    for (problem, way), group in table.groupby(["problem", "way"], sort=False):
        each = pd.DataFrame(group["scores"].tolist()).mean()
        shown = " / ".join(f"{k}: {v:.3f}" for k, v in each.items())
        worst = group["worst"]
        print(
            f"{problem:16s} {way:34s} worst {worst.mean():.3f} ± {worst.std():.3f}   {shown}"
            f"   {group['cpu_s'].mean():.1f} s"
        )
    chosen.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
