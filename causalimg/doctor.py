"""What is installed, which engines work, and what to do about those that do not."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import import_module, metadata

import pandas as pd

_CORE = ("numpy", "pandas", "scipy", "scikit-learn", "networkx", "pyarrow", "SimpleITK")
_ENGINES = (
    ("pyradiomics", "radiomics", "extraction, to compare", 'pip install "causalimg[engines]"'),
    ("causal-learn", "causallearn", "discovery, to compare", 'pip install "causalimg[engines]"'),
    ("dowhy", "dowhy", "effects, to compare", 'pip install "causalimg[engines]"'),
    ("econml", "econml", "effects, to compare", 'pip install "causalimg[engines]"'),
    ("torch", "torch", "training constraints", 'pip install "causalimg[torch]"'),
    ("cupy", "cupy", "GPU kernels", 'pip install "causalimg[cuda12]" or "causalimg[cuda13]"'),
    ("pydicom", "pydicom", "DICOM", 'pip install "causalimg[dicom]"'),
    ("dask", "dask", "clusters", 'pip install "causalimg[cluster]"'),
)
_DISTRIBUTIONS = {"radiomics": ("pyradiomics-bhklab", "pyradiomics", "pyradiomics-cuda")}


def examine() -> pd.DataFrame:
    """Look at the installation.

    Returns
    -------
    pandas.DataFrame
        ``what, version, state, advice``; ``state`` is ``ok``, ``missing`` (optional) or
        ``broken`` (needed, or installed and cannot be imported).
    """
    rows: list[tuple[str, str, str, str]] = []
    python = platform.python_version_tuple()
    fine = (int(python[0]), int(python[1])) >= (3, 11)
    advice = "" if fine else "use Python 3.11 or newer"
    rows.append(("python", platform.python_version(), "ok" if fine else "broken", advice))
    for name in ("causalimg", *_CORE):
        try:
            rows.append((name, metadata.version(name), "ok", ""))
        except metadata.PackageNotFoundError:
            rows.append((name, "", "broken", "pip install causalimg"))
    for name, module, purpose, install in _ENGINES:
        rows.append(_optional(name, module, purpose, install))
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    rows.append(
        ("C compiler", "found" if compiler else "", "ok" if compiler else "missing",
         "" if compiler else "only needed to install pyradiomics: apt-get install gcc python3-dev")
    )  # fmt: skip
    rows.append(("cores", str(os.cpu_count() or 1), "ok", ""))
    return pd.DataFrame(rows, columns=["what", "version", "state", "advice"])


def _optional(name: str, module: str, purpose: str, install: str) -> tuple[str, str, str, str]:
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
