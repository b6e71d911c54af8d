"""What an RO-Crate says of a study: JSON-LD of its files, the run, settings, software, people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from causalimg.provenance import canonical_json, sha256_file
from causalimg.study_result import FILES, StudyResult

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [f"{SPECIFICATION}/context", {"sha256": "https://schema.org/sha256"}]
_FORMATS = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".html": "text/html",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
    ".nii": "application/octet-stream",
    ".gz": "application/gzip",
    ".dcm": "application/dicom",
}
_SAYS = {
    "summary": "settings, counts, refusals and notes of the study",
    "cohort": "cases, their image files and what is known of them",
    "table": "features of every case, with a dictionary of the columns",
    "pictures": "a small picture of every case, and the hashes of its files",
    "harmonized": "features with a batch effect taken out",
    "harmonization": "batch effects before and after harmonisation",
    "redundancy": "which feature stands for which near-copies",
    "graph": "causal graph with edge support",
    "evidence": "tests and resamples behind every edge of the graph",
    "effects": "adjusted effects of the treatment on every feature",
    "naive": "plain differences in means, to compare with",
    "propensity": "probability of each treatment level for every case",
    "invariant": "features certified as stable, with the evidence",
    "plan": "training constraints that the graph licenses",
    "truth": "known truth of a simulated cohort",
    "report": "report of the study",
}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_IMAGES = "images and masks, and the cohort file that names them"
_UNSTATED = "No licence is stated: the rights of use are with the authors."


def crate_metadata(
    result: StudyResult,
    files: Mapping[str, Path],
    *,
    authors: Iterable[Mapping[str, Any]] = (),
    license: str | None = None,
) -> dict[str, Any]:
    """Return the JSON-LD document of a crate.

    Parameters
    ----------
    result : StudyResult
    files : mapping of str to path
        Name in the crate -> file.
    authors : iterable of mapping
    license : str, optional
    """
    study = result.config.study
    times = sorted(made.created for made in result.provenance().values() if made.created)
    people = [_person(author) for author in authors]
    software = _software(result)
    settings = _settings(result)
    entries = [_file(name, path) for name, path in files.items()]
    known = {file: key for key, file in FILES.items()}
    for entry in entries:
        key = known.get(entry["@id"])
        entry["description"] = _SAYS.get(key or "", _IMAGES)
    inputs = [name for name in files if name not in known or known[name] == "cohort"]
    outputs = [name for name in files if name not in inputs]
    terms = _license(license)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": study.name,
        "description": study.description or _description(result),
        "datePublished": (times[-1] if times else datetime.now(UTC).isoformat())[:10],
        "license": {"@id": terms["@id"]},
        "conformsTo": {"@id": PROFILE},
        "hasPart": [{"@id": entry["@id"]} for entry in entries],
        "mentions": {"@id": "#run"},
        **({"author": [{"@id": person["@id"]} for person in people]} if people else {}),
        **({"keywords": ", ".join(study.keywords)} if study.keywords else {}),
    }
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of the study {study.name!r}",
        "instrument": {"@id": software[0]["@id"]},
        "object": [{"@id": name} for name in inputs] + [{"@id": s["@id"]} for s in settings],
        "result": [{"@id": name} for name in outputs],
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        **({"startTime": times[0], "endTime": times[-1]} if times else {}),
        **({"agent": {"@id": people[0]["@id"]}} if people else {}),
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": SPECIFICATION},
        "about": {"@id": "./"},
    }
    profile = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate"}
    graph = [descriptor, root, profile, terms, *people, *software, action, *settings, *entries]
    return {"@context": _CONTEXT, "@graph": graph}


def _description(result: StudyResult) -> str:
    return (
        f"Results of a study of imaging features: {len(result.table.frame)} cases,"
        f" {len(result.table.features)} features; stages: {', '.join(result.stages)}"
    )


def _file(name: str, path: Path) -> dict[str, Any]:
    suffix = Path(name).suffix.lower()
    return {
        "@id": name,
        "@type": "File",
        "name": name,
        "encodingFormat": _FORMATS.get(suffix, "application/octet-stream"),
        "contentSize": str(path.stat().st_size),
        "sha256": sha256_file(path),
    }


def _person(author: Mapping[str, Any]) -> dict[str, Any]:
    orcid = author.get("orcid")
    key = str(orcid).rstrip("/").rsplit("/", 1)[-1] if orcid else ""
    name = str(author["name"])
    entry = {
        "@id": f"https://orcid.org/{key}" if key else f"#{re.sub('[^A-Za-z0-9]+', '-', name)}",
        "@type": "Person",
        "name": name,
    }
    if author.get("affiliation"):
        entry["affiliation"] = str(author["affiliation"])
    return entry


def _license(terms: str | None) -> dict[str, Any]:
    if terms is None:
        return {"@id": "#license", "@type": "CreativeWork", "name": _UNSTATED}
    if "://" in terms:
        return {"@id": terms, "@type": "CreativeWork", "name": terms}
    if not _SPDX.fullmatch(terms):
        return {"@id": "#license", "@type": "CreativeWork", "name": terms}
    return {"@id": f"https://spdx.org/licenses/{terms}", "@type": "CreativeWork", "name": terms}


def _software(result: StudyResult) -> list[dict[str, Any]]:
    """Return causalimg first, then what it ran on, with the versions that made the records."""
    versions: dict[str, str] = {}
    for made in result.provenance().values():
        versions |= made.versions
    own = versions.pop("causalimg", "unknown")
    others = [
        {
            "@id": f"#software-{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, version in sorted(versions.items())
    ]
    first = {
        "@id": "#software-causalimg",
        "@type": "SoftwareApplication",
        "name": "causalimg",
        "softwareVersion": own,
        "softwareRequirements": [{"@id": entry["@id"]} for entry in others],
    }
    return [first, *others]


def _settings(result: StudyResult) -> list[dict[str, Any]]:
    """Return the settings of the study file, one value each."""
    return [
        {
            "@id": f"#{section}-{key}",
            "@type": "PropertyValue",
            "name": f"[{section}] {key}",
            "value": canonical_json(value),
        }
        for section, content in result.config.to_dict().items()
        if isinstance(content, dict)
        for key, value in content.items()
        if (section, key) not in (("study", "authors"), ("study", "n_jobs")) and value is not None
    ]
