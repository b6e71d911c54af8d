"""A simulated cohort on disk: images, masks, manifest, and the world that made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.atomic import write_text
from causalimg.errors import FileReadError, InvalidInputError, UnknownNameError, nearest
from causalimg.imaging.phantom import OBSERVED, simulate_patients, true_graph
from causalimg.imaging.phantom_model import PhantomModel
from causalimg.imaging.phantom_render import Patient, render
from causalimg.imaging.volume import ImageMask
from causalimg.imaging.write import write_volume
from causalimg.parallel import ordered_map
from causalimg.provenance import Provenance, digest, plain
from causalimg.schemas import read_document, validate
from causalimg.tables.cohort import Cohort

SCHEMA_ID = "https://causalimg.org/schemas/phantom/1.0.0"
WORLD_FILE = "phantom.json"
GRAPH_FILE = "true_graph.json"
ROLES = {
    "age": "covariate",
    "sex": "covariate",
    "site": "context",
    "scanner": "context",
    "protocol": "context",
    "malignant": "outcome",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class PhantomWorld:
    """All that a simulated cohort is made of: model, seed, patients, interventions.

    Parameters
    ----------
    model : PhantomModel
    entropy : int
        Seed of the cohort; every patient's noise comes from it and the patient's index.
    do : dict of str to str
        Interventions under which this cohort was rendered; empty for a factual one.
    patients : pandas.DataFrame
        ``case_id``, ``index`` and every node of the true graph, the latent ones included.

    Examples
    --------
    >>> import tempfile
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> world = PhantomWorld.of(cohort).under({"scanner": "B"})
    >>> world.patients["scanner"].tolist(), world.render(0).image.shape
    (['B', 'B'], (8, 16, 16))
    """

    model: PhantomModel
    entropy: int
    do: dict[str, str]
    patients: pd.DataFrame

    @classmethod
    def of(cls, cohort: Cohort) -> PhantomWorld:
        """Read the world that lies beside a simulated cohort.

        Raises
        ------
        FileReadError
            If there is none: the cohort was not simulated.
        """
        path = cohort.folder / WORLD_FILE
        if not path.is_file():
            raise FileReadError(
                f"there is no {WORLD_FILE} beside the cohort (in {cohort.folder.name or '.'}/): "
                "counterfactuals and true effects exist only for a cohort of phantom_cohort()"
            )
        document = read_document(path, "phantom")
        patients = pd.DataFrame(document["patients"])
        lost = sorted(set(cohort.frame["case_id"]) - set(patients["case_id"]))
        if lost:
            raise UnknownNameError(
                f"{WORLD_FILE} has no patient {lost[0]!r}{nearest(lost[0], patients['case_id'])}"
            )
        wanted = patients.set_index("case_id").loc[list(cohort.frame["case_id"])].reset_index()
        model = PhantomModel.from_dict(document["model"])
        return cls(model, int(document["entropy"]), dict(document["do"]), wanted)

    def under(self, do: Mapping[str, str]) -> PhantomWorld:
        """Return the same patients under an intervention.

        Raises
        ------
        UnknownNameError
            Naming the nearest variable or level.
        """
        checked = self.model.check_do(do)
        if not checked:
            raise InvalidInputError("do={}: set scanner or protocol, such as do={'scanner': 'B'}")
        return PhantomWorld(
            self.model, self.entropy, {**self.do, **checked}, self.patients.assign(**checked)
        )

    def render(self, position: int) -> ImageMask:
        """Render the patient in one row."""
        row = {str(key): value for key, value in self.patients.iloc[position].items()}
        patient = Patient.of(row, entropy=self.entropy, index=int(row["index"]))
        return render(
            patient,
            scanner=str(row["scanner"]),
            protocol=str(row["protocol"]),
            model=self.model,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document of schema ``phantom``."""
        return {
            "$schema": SCHEMA_ID,
            "entropy": self.entropy,
            "do": dict(self.do),
            "model": plain(self.model.to_dict()),
            "patients": plain(self.patients.to_dict(orient="records")),
        }


def phantom_cohort(
    folder: str | Path,
    *,
    n_patients: int = 200,
    random_state: int | None = 0,
    scanners: Sequence[str] = ("A", "B"),
    size: int = 28,
    model: PhantomModel | None = None,
    compress: bool = False,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Cohort:
    """Simulate a cohort of scans whose causes are known, and write it.

    Writes ``images/`` and ``masks/`` (NIfTI), ``cohort.csv`` with what a hospital would know,
    and what only the simulation knows: ``phantom.json`` with the model and every patient's hidden
    variables, ``true_graph.json`` with the graph (`phantom_truth` gives it with the features).
    The scanner a patient meets depends on site and age, age moves the biology of the lesion, and
    biology moves the image: the scanner effect is confounded, and adjusting for age and site
    removes the confounding.

    Parameters
    ----------
    folder : path
    n_patients : int
    random_state : int, optional
        None draws one; it is recorded.
    scanners : sequence of str
        Standard scanners ``A``, ``B``, ``C``; the first is the reference.
    size : int
        Edge of the imaged cube [mm] and number of voxels in plane.
    model : PhantomModel, optional
        In place of ``scanners`` and ``size``.
    compress : bool
        Write ``.nii.gz``, which is smaller and slower.
    n_jobs : int
        The images do not depend on it.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    Cohort

    Examples
    --------
    >>> import tempfile
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> cohort.roles["scanner"], cohort.image_path("P0001").name
    ('context', 'P0001.nii')
    """
    world = PhantomModel.of(scanners, size=size) if model is None else model
    if random_state is None:
        drawn = np.random.SeedSequence().generate_state(1, np.uint64)[0]
        random_state = int(drawn >> np.uint64(11))
    patients = simulate_patients(n_patients, model=world, random_state=random_state)
    patients.insert(1, "index", np.arange(n_patients))
    made = PhantomWorld(world, int(random_state), {}, patients)
    return _write(
        made, Path(folder).absolute(), compress=compress, n_jobs=n_jobs, progress=progress
    )


def counterfactual(
    cohort: Cohort,
    *,
    do: Mapping[str, str],
    folder: str | Path,
    compress: bool = False,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Cohort:
    """Render the same patients as they would have been scanned under an intervention.

    Every noise term is the patient's own, so a patient who had that scanner and protocol anyway
    gets the same image, byte for byte.

    Parameters
    ----------
    cohort : Cohort
        Made by `phantom_cohort` or by this function; a subset of its cases will do.
    do : mapping
        ``scanner`` and ``protocol``, or one of them, to the level everybody gets.
    folder : path
        Another folder than the cohort's own.
    compress, n_jobs, progress
        As in `phantom_cohort`.

    Raises
    ------
    UnknownNameError
        Naming the nearest variable or level.
    FileReadError
        If the cohort was not simulated.

    Examples
    --------
    >>> import tempfile
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> other = counterfactual(cohort, do={"scanner": "B"}, folder=tempfile.mkdtemp())
    >>> other.frame["scanner"].tolist()
    ['B', 'B']
    """
    world = PhantomWorld.of(cohort).under(do)
    target = Path(folder).absolute()
    if target.resolve() == cohort.folder.resolve():
        raise InvalidInputError(
            f"folder={target.name!r} is the cohort's own; its images would be overwritten"
        )
    return _write(world, target, compress=compress, n_jobs=n_jobs, progress=progress)


def _write(
    world: PhantomWorld, folder: Path, *, compress: bool, n_jobs: int, progress: Progress | None
) -> Cohort:
    suffix = ".nii.gz" if compress else ".nii"
    case_ids = list(world.patients["case_id"])
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    ordered_map(
        partial(_write_case, world, folder, suffix),
        range(len(case_ids)),
        n_jobs=n_jobs,
        labels=case_ids,
        progress=progress,
        catch=(),
    )
    document = world.to_dict()
    validate(document, "phantom")
    write_text(folder / WORLD_FILE, json.dumps(document, indent=1, allow_nan=False) + "\n")
    frame = pd.DataFrame(
        {
            "case_id": case_ids,
            "image": [f"images/{case_id}{suffix}" for case_id in case_ids],
            "mask": [f"masks/{case_id}{suffix}" for case_id in case_ids],
            **{name: world.patients[name].to_numpy() for name in OBSERVED},
        }
    )
    true_graph().save(folder / GRAPH_FILE)
    provenance = Provenance.of(
        "phantom",
        settings={"do": world.do, "n_patients": len(case_ids), "size": world.model.size},
        inputs={"model": digest(document["model"])},
        seed=world.entropy,
    )
    cohort = Cohort(frame, dict(ROLES), folder, provenance)
    cohort.save(folder / "cohort.csv")
    return cohort


def _write_case(world: PhantomWorld, folder: Path, suffix: str, position: int) -> None:
    scan = world.render(position)
    for name, array in (("images", scan.image), ("masks", scan.mask)):
        write_volume(
            folder / name / f"{scan.case_id}{suffix}", array, scan.spacing, origin=scan.origin
        )
