"""A simulated cohort as a hospital would hand it over: DICOM, and a spreadsheet."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from causalimg.datasets.phantom import PhantomWorld, Progress
from causalimg.errors import InvalidInputError
from causalimg.imaging.dicom_write import write_dicom
from causalimg.parallel import ordered_map
from causalimg.tables.cohort import Cohort

SEGMENT = "lesion"
_DEVICES = {
    "A": {
        "Manufacturer": "SIEMENS", "ManufacturerModelName": "SOMATOM Force",
        "ConvolutionKernel": "Br49", "XRayTubeCurrent": "180",
    },
    "B": {
        "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "Revolution CT",
        "ConvolutionKernel": "STANDARD", "XRayTubeCurrent": "260",
    },
    "C": {
        "Manufacturer": "Philips", "ManufacturerModelName": "IQon",
        "ConvolutionKernel": "B", "XRayTubeCurrent": "210",
    },
}  # fmt: skip


def phantom_dicom(
    cohort: Cohort,
    *,
    folder: str | Path,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Cohort:
    """Write a simulated cohort as DICOM: a CT series and a SEG for each patient.

    The scanner and the protocol are in the headers only, as in a hospital: scanner A, B and C
    appear as three makers with their models, kernels and tube currents, the protocol as the slice
    thickness. The spreadsheet keeps site, age, sex and outcome. `imaging.with_acquisition` brings
    the headers back as columns.

    Parameters
    ----------
    cohort : Cohort
        Made by `phantom_cohort` or `counterfactual`; a subset of its cases will do.
    folder : path
        Gets one folder a patient, and ``cohort.csv``.
    n_jobs : int
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    Cohort
        ``image`` names the folders of the series, ``mask`` the SEG objects, ``roi`` the segment.

    Raises
    ------
    FileReadError
        If the cohort was not simulated.
    MissingDependencyError
        Without pydicom and highdicom.

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> as_dicom = phantom_dicom(cohort, folder=tempfile.mkdtemp())
    >>> as_dicom.frame["mask"].tolist(), "scanner" in as_dicom.frame
    (['P0001/seg.dcm', 'P0002/seg.dcm'], False)
    """
    world = PhantomWorld.of(cohort)
    strange = sorted(set(world.patients["scanner"]) - set(_DEVICES))
    if strange:
        raise InvalidInputError(
            f"scanner {strange[0]!r} has no header to write; the standard scanners A, B and C have"
        )
    target = Path(folder).absolute()
    case_ids = list(world.patients["case_id"])
    ordered_map(
        partial(_write_case, world, target),
        range(len(case_ids)),
        n_jobs=n_jobs,
        labels=case_ids,
        progress=progress,
        catch=(),
    )
    frame = cohort.frame.drop(columns=["scanner", "protocol"])
    frame["image"] = [f"{case_id}/series" for case_id in case_ids]
    frame["mask"] = [f"{case_id}/seg.dcm" for case_id in case_ids]
    frame.insert(3, "roi", SEGMENT)
    roles = {name: role for name, role in cohort.roles.items() if name in frame.columns}
    made = Cohort(frame, roles, target, cohort.provenance)
    made.save(target / "cohort.csv")
    return made


def _write_case(world: PhantomWorld, folder: Path, position: int) -> None:
    row = world.patients.iloc[position]
    header: dict[str, Any] = {
        **_DEVICES[str(row["scanner"])],
        "KVP": "120",
        "PatientSex": str(row["sex"]),
        "PatientAge": f"{min(round(float(row['age'])), 120):03d}Y",
    }
    scan = world.render(position)
    write_dicom(scan, folder / scan.case_id, segment=SEGMENT, header=header)
