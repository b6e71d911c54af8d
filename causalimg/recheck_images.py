"""Checks of a feature table against the images it came from, and against its store of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.errors import CausalImgError
from causalimg.provenance import canonical_json, digest
from causalimg.radiomics.case import hash_source
from causalimg.radiomics.store import CaseStore
from causalimg.recheck import DIFFERS, SAME, UNCHECKED, Check, extractor_of
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable

_SHOWN = 3


class _ReadOnly(CaseStore):
    """A store that is asked and never written to."""

    def put(self, key: str, features: object) -> None:
        """Write nothing."""


def check_cohort(item: str, table: FeatureTable, cohort: Cohort) -> Check:
    """Compare what the table says of each case with the cohort."""
    rows = cohort.frame.set_index("case_id")
    here = table.frame.set_index("case_id")
    strange = [str(name) for name in here.index if name not in rows.index]
    if strange:
        return Check(item, "cohort", DIFFERS, f"case {strange[0]!r} is not in the cohort")
    rows = rows.loc[here.index]
    for name in [name for name in here.columns if name in rows.columns]:
        one, other = here[name].astype(object), rows[name].astype(object)
        off = (one != other) & ~(one.isna() & other.isna())
        if off.any():
            case = off.index[off.to_numpy()][0]
            said = f"case {case!r}, {name}: {one[case]!r} here, {other[case]!r} in the cohort"
            return Check(item, "cohort", DIFFERS, said)
    return Check(item, "cohort", SAME)


def check_images(
    item: str, table: FeatureTable, cohort: Cohort, known: pd.DataFrame | None
) -> Check:
    """Compare the bytes of every image and mask with those that the features were made from.

    Parameters
    ----------
    item : str
    table : FeatureTable
        Its provenance holds one hash over all files.
    cohort : Cohort
    known : pandas.DataFrame, optional
        ``case_id, image_sha256, mask_sha256``, to name the files that changed.
    """
    made = table.provenance
    recorded = None if made is None else made.inputs.get("images")
    if recorded is None:
        return Check(item, "images", UNCHECKED, "the record holds no hash of images")
    wanted = set(map(str, table.frame["case_id"]))
    rows = cohort.frame[cohort.frame["case_id"].isin(wanted)]
    gone = [
        f"case {case_id!r}: {path}"
        for case_id, *paths in rows[["case_id", "image", "mask"]].itertuples(index=False)
        for path in paths
        if not (cohort.folder / str(path)).exists()
    ]
    if gone:
        return Check(item, "images", DIFFERS, f"{len(gone)} files are gone: {_first(gone)}")
    now = [
        [
            str(row["case_id"]),
            hash_source(cohort.folder / str(row["image"]), _text(row.get("series_uid"))),
            hash_source(cohort.folder / str(row["mask"])),
        ]
        for row in rows.to_dict(orient="records")
    ]
    if digest(now) == recorded:
        return Check(item, "images", SAME, f"{2 * len(rows)} files of {len(rows)} cases")
    then = {} if known is None else known.set_index("case_id").to_dict(orient="index")
    paths: dict[Any, Any] = rows.set_index("case_id").to_dict(orient="index")
    changed = [
        f"case {case_id!r}, {part} {paths[case_id][part]}"
        for case_id, *hashes in now
        if case_id in then
        for part, sha in zip(("image", "mask"), hashes, strict=True)
        if then[case_id][f"{part}_sha256"] != sha
    ]
    said = f"other bytes than those that were read: {_first(changed)}"
    if not changed:
        said = "at least one file has other bytes; one hash covers them all"
    return Check(item, "images", DIFFERS, said)


def _first(items: list[str]) -> str:
    return "; ".join(items[:_SHOWN]) + (" ..." if len(items) > _SHOWN else "")


def check_stored(item: str, table: FeatureTable, cohort: Cohort, folder: Path) -> Check:
    """Compare every value of the table with what was kept for its case when it was computed."""
    made = table.provenance
    if made is None or made.stage != "extract":
        return Check(item, "stored values", UNCHECKED, "it does not say how it was extracted")
    store = _ReadOnly(folder)
    if len(store) < len(table.frame):
        return Check(item, "stored values", UNCHECKED, "there is no store of all its cases")
    try:
        extractor = extractor_of(made.settings)
    except CausalImgError as error:
        return Check(item, "stored values", UNCHECKED, str(error))
    if canonical_json(extractor.settings()) != canonical_json(made.settings):
        said = "its settings or its engine are not those of this version"
        return Check(item, "stored values", UNCHECKED, said)
    part = cohort.frame["case_id"].isin(set(map(str, table.frame["case_id"])))
    kept = Cohort(cohort.frame[part], cohort.roles, cohort.folder)
    frame = extractor.extract(kept, store=store).frame.set_index("case_id")
    frame = frame.reindex(columns=table.features)
    here = table.frame.set_index("case_id")[table.features]
    both = here.index.intersection(frame.index)
    one, other = here.loc[both], frame.loc[both]
    off = (one != other) & ~(one.isna() & other.isna())
    places = [(case, name) for name in table.features for case in both[off[name].to_numpy()]]
    if not places:
        return Check(item, "stored values", SAME, f"{one.size} values")
    said = _first(
        [
            f"case {case!r}, {name}: {one.loc[case, name]:.8g} here,"
            f" {other.loc[case, name]:.8g} stored"
            for case, name in places
        ]
    )
    return Check(item, "stored values", DIFFERS, f"{len(places)} of {one.size} values: {said}")


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) or not str(value).strip() else str(value)
