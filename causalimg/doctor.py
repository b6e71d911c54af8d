"""What is installed, which engines work when they are tried, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError

_CORE = ("numpy", "pandas", "scipy", "scikit-learn", "networkx", "pyarrow", "numba", "SimpleITK")
_EXTRAS = (
    ("pyradiomics", "radiomics", "extraction, to compare", "engines"),
    ("causal-learn", "causallearn", "discovery, to compare", "engines"),
    ("dowhy", "dowhy", "effects, to compare", "engines"),
    ("econml", "econml", "effects, to compare", "engines"),
    ("torch", "torch", "training constraints", "torch"),
    ("lightning", "lightning", "training hooks", "lightning"),
    ("monai", "monai", "training hooks", "monai"),
    ("cupy", "cupy", "GPU kernels", "cuda12"),
    ("pydicom", "pydicom", "DICOM", "dicom"),
    ("highdicom", "highdicom", "DICOM SEG", "dicom"),
    ("dask", "dask", "clusters", "cluster"),
    ("anywidget", "anywidget", "graphs in notebooks", "notebooks"),
)
_DISTRIBUTIONS = {
    "radiomics": ("pyradiomics-bhklab", "pyradiomics", "pyradiomics-cuda"),
    "cupy": ("cupy-cuda13x", "cupy-cuda12x", "cupy"),
}
Row = tuple[str, str, str, str]


def examine(*, tried: bool = True) -> pd.DataFrame:
    """Look at the installation, and try every engine on something small.

    Parameters
    ----------
    tried : bool
        False leaves the attempts out, which take some seconds.

    Returns
    -------
    pandas.DataFrame
        ``what, version, state, advice``; ``state`` is ``ok``, ``missing`` (optional) or
        ``broken`` (needed, or installed and does not work).
    """
    python = platform.python_version_tuple()
    fine = (int(python[0]), int(python[1])) >= (3, 11)
    advice = "" if fine else "use Python 3.11 or newer"
    rows: list[Row] = [("python", platform.python_version(), "ok" if fine else "broken", advice)]
    for name in ("causalimg", *_CORE):
        try:
            rows.append((name, metadata.version(name), "ok", ""))
        except metadata.PackageNotFoundError:
            rows.append((name, "", "broken", "pip install causalimg"))
    rows += [_optional(*extra) for extra in _EXTRAS]
    rows += _registered()
    have = {row[0] for row in rows if row[2] == "ok"}
    for name, needs, attempt in _ATTEMPTS if tried else ():
        if needs is None or needs in have:
            rows.append(_tried(name, attempt))
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    advice = "" if compiler else "only to install pyradiomics: apt-get install gcc python3-dev"
    rows.append(
        ("C compiler", "found" if compiler else "", "ok" if compiler else "missing", advice)
    )
    rows.append(("cores", str(os.cpu_count() or 1), "ok", ""))
    return pd.DataFrame(rows, columns=["what", "version", "state", "advice"])


def _optional(name: str, module: str, purpose: str, extra: str) -> Row:
    install = f'pip install "causalimg[{extra}]"'
    if name == "cupy":
        install += ' or "causalimg[cuda13]", as the driver says'
    version = ""
    for distribution in _DISTRIBUTIONS.get(module, (name,)):
        try:
            version = metadata.version(distribution)
            break
        except metadata.PackageNotFoundError:
            continue
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module:
            return name, "", "missing", f"for {purpose}: {install}"
        return name, version, "broken", f"installed, but cannot be imported: {error}"
    except (ImportError, RuntimeError, OSError) as error:
        return name, version, "broken", f"installed, but cannot be imported: {error}"
    return name, version, "ok", ""


def _registered() -> list[Row]:
    """Load every plug-in; one line for each group, and one for each that cannot be loaded."""
    from causalimg.registry import GROUPS, load, names

    rows: list[Row] = []
    for group in GROUPS:
        found, short = names(group), group.removeprefix("causalimg.")
        if not found:
            advice = "registered on installation: pip install -e . in the source folder"
            rows.append((f"{short} registered", "", "broken", advice))
            continue
        for name in found:
            try:
                load(group, name)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                rows.append((f"{short} {name}", "", "broken", f"cannot be loaded: {said}"))
        rows.append((f"{short} registered", str(len(found)), "ok", ""))
    return rows


def _tried(name: str, attempt: Callable[[], str]) -> Row:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of other packages about one another
            said = attempt()
    except Exception as error:
        # whatever an engine throws is what this command is asked about
        return name, "tried", "broken", f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return name, "tried", "missing" if said else "ok", said


# ---- what is tried ---------------------------------------------------------------------------


def _ball() -> Any:
    from causalimg.imaging.volume import ImageMask

    grid = np.indices((12, 12, 12)) - 5.5
    mask = (grid**2).sum(axis=0) < 16
    image = np.random.default_rng(0).normal(100.0, 30.0, mask.shape)
    return ImageMask(image, mask, (1.0, 1.0, 1.0))


def _extract(engine: str) -> str:
    from causalimg.radiomics.extractor import RadiomicsExtractor

    values = RadiomicsExtractor(engine=engine).extract_arrays(_ball())
    if len(values) != 107 or not np.isfinite(values["firstorder_mean"]):
        raise CausalImgError(f"{len(values)} features instead of 107")
    return ""


def _images() -> str:
    from causalimg.imaging.read import read_image_mask
    from causalimg.imaging.write import write_volume

    scan = _ball()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.nii.gz" for name in ("image", "mask")]
        for path, voxels in zip(paths, (scan.image, scan.mask.astype(np.uint8)), strict=True):
            write_volume(path, voxels, scan.spacing)
        again = read_image_mask(*paths, case_id="ball")
    if again.mask.sum() != scan.mask.sum():
        raise CausalImgError("a mask is not read as it was written")
    return ""


def _table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    frame = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=300)})
    return frame.assign(t=np.where(rng.random(300) < 1 / (1 + np.exp(-a)), "A", "B"))


def _discover(engine: str) -> str:
    from causalimg.discovery.pc import PC

    graph = PC(engine=engine).fit(_table()[["a", "b", "c"]]).graph_
    if graph.parents("c") != ("a", "b"):
        raise CausalImgError(f"the parents of a known collider came out as {graph.parents('c')}")
    return ""


def _effects() -> str:
    from causalimg.effects.estimators import AIPW

    AIPW(treatment="t", adjustment=["a"]).fit(_table(), outcomes=["b", "c"])
    return ""


def _dowhy() -> str:
    from causalimg.effects.dowhy_engine import dowhy_backdoor_sets
    from causalimg.graph.core import CausalGraph

    graph = CausalGraph.from_directed(("a", "t", "c"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    found = dowhy_backdoor_sets(graph, treatment="t", outcome="c")
    if found != (("a",),):
        raise CausalImgError(f"the back-door set of a known graph came out as {found}")
    return ""


def _econml() -> str:
    from causalimg.effects.econml_engine import econml_effects

    econml_effects(_table(), ["c"], treatment="t", adjustment=["a"], modifiers=["a"])
    return ""


def _torch() -> str:
    torch: Any = import_module("torch")
    x = torch.ones(3, requires_grad=True)
    (x * x).sum().backward()
    if x.grad is None or float(x.grad.sum()) != 6.0:
        raise CausalImgError("a known gradient came out wrong")
    return ""


def _cuda() -> str:
    from causalimg.kernels.cuda import fault

    found = fault()
    return "" if found is None else f"the CPU is used: {found}"


_ATTEMPTS: tuple[tuple[str, str | None, Callable[[], str]], ...] = (
    ("images written and read", None, _images),
    ("engine native", None, lambda: _extract("native")),
    ("engine pyradiomics", "pyradiomics", lambda: _extract("pyradiomics")),
    ("discovery", None, lambda: _discover("native")),
    ("discovery by causal-learn", "causal-learn", lambda: _discover("causal-learn")),
    ("effects", None, _effects),
    ("effects by dowhy", "dowhy", _dowhy),
    ("effects by econml", "econml", _econml),
    ("torch gradient", "torch", _torch),
    ("CUDA device", "cupy", _cuda),
)
