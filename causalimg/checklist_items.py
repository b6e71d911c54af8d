"""The items of two checklists, in our own short words, and which recorded fact answers each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Parameters
    ----------
    number : int
    section : str
    topic : str
        What it is about, in our words; the published checklist has the wording that counts.
    facts : tuple of str
        Names of recorded facts that answer it, in full or in part.
    authors : str
        What is left for the authors to state; empty if nothing.
    """

    number: int
    section: str
    topic: str
    facts: tuple[str, ...] = ()
    authors: str = ""


@dataclass(frozen=True)
class Form:
    """A checklist: its name, its source and its items."""

    name: str
    citation: str
    doi: str
    items: tuple[Item, ...]


_MODEL = "this study trains no predictive model; state it for any model that you report"

CLEAR = Form(
    "CLEAR",
    "Kocak B et al. CheckList for EvaluAtion of Radiomics research. Insights into Imaging 2023",
    "10.1186/s13244-023-01415-8",
    (
        Item(1, "Title", "title names the approach", authors="the title"),
        Item(2, "Abstract", "structured summary", authors="the abstract"),
        Item(3, "Keywords", "keywords", ("keywords",), "keywords that fit the journal"),
        Item(4, "Introduction", "background of the question", authors="the clinical background"),
        Item(5, "Introduction", "why radiomics", authors="why radiomics is used"),
        Item(6, "Introduction", "objectives", ("question",), "the objectives of the paper"),
        Item(7, "Study design", "guidelines followed", ("this_form",), "which others were used"),
        Item(8, "Study design", "ethics", authors="approval, consent, data protection"),
        Item(9, "Study design", "sample size", ("cases",), "how the number was arrived at"),
        Item(10, "Study design", "nature of the study", authors="prospective or not, registration"),
        Item(11, "Study design", "eligibility", authors="inclusion and exclusion criteria"),
        Item(12, "Study design", "pipeline chart", ("stages",), "the figure"),
        Item(13, "Data", "source of the data", authors="public or private, with references"),
        Item(14, "Data", "overlap with earlier papers", authors="overlap with published data"),
        Item(15, "Data", "how data were split", ("split",), "the split of any model you report"),
        Item(16, "Data", "imaging protocol", ("acquisition",), "the protocol in full"),
        Item(17, "Data", "other predictors", ("covariates",), "how each was measured"),
        Item(18, "Data", "reference standard", ("outcomes",), "how it was defined and by whom"),
        Item(19, "Segmentation", "strategy", ("masks",), "how the regions were drawn"),
        Item(20, "Segmentation", "operators", authors="readers, experience, blinding"),
        Item(21, "Pre-processing", "image preparation", ("preparation",)),
        Item(22, "Pre-processing", "resampling", ("resampling",)),
        Item(23, "Pre-processing", "discretisation", ("discretisation",)),
        Item(24, "Pre-processing", "image types", ("image_types",)),
        Item(25, "Feature extraction", "software", ("software", "standard")),
        Item(26, "Feature extraction", "feature classes", ("classes",)),
        Item(27, "Feature extraction", "number of features", ("n_features",)),
        Item(28, "Feature extraction", "all other parameters", ("parameters",)),
        Item(29, "Data preparation", "missing data", ("missing", "failures")),
        Item(30, "Data preparation", "class imbalance", ("balance_of_outcomes",), "its handling"),
        Item(31, "Data preparation", "segmentation reliability", authors="repeat segmentations"),
        Item(32, "Data preparation", "scaling, harmonisation", ("scaling", "harmonisation")),
        Item(33, "Data preparation", "dimension reduction", ("reduction", "stability")),
        Item(34, "Modelling", "algorithms", ("graph", "estimator"), _MODEL),
        Item(35, "Modelling", "training and tuning", authors=_MODEL),
        Item(36, "Modelling", "confounders", ("adjustment", "comparability", "graph")),
        Item(37, "Modelling", "model selection", authors=_MODEL),
        Item(38, "Evaluation", "internal or external testing", authors=_MODEL),
        Item(39, "Evaluation", "performance metrics", authors=_MODEL),
        Item(40, "Evaluation", "uncertainty", ("uncertainty", "support")),
        Item(41, "Evaluation", "statistics of comparisons", ("multiplicity",), _MODEL),
        Item(42, "Evaluation", "against non-radiomic methods", authors=_MODEL),
        Item(43, "Evaluation", "interpretability", ("graph_result",), _MODEL),
        Item(44, "Results", "baseline characteristics", ("baseline",), "the table by data set"),
        Item(45, "Results", "eligibility chart", ("cases", "failures"), "exclusions before this"),
        Item(46, "Results", "feature statistics", ("reduction", "stability_result")),
        Item(47, "Results", "model performance", authors=_MODEL),
        Item(48, "Results", "radiomic against other models", authors=_MODEL),
        Item(49, "Discussion", "main findings", ("effects_result",), "the text"),
        Item(50, "Discussion", "earlier work", authors="comparison with published studies"),
        Item(51, "Discussion", "practical meaning", authors="what it means in practice"),
        Item(52, "Discussion", "strengths, limits", ("refusals", "assumptions"), "the text"),
        Item(53, "Open science", "images and masks", ("license",), "where they are shared"),
        Item(54, "Open science", "feature data", ("feature_file",), "where it is shared"),
        Item(55, "Open science", "settings of extraction", ("settings_file",), "where shared"),
        Item(56, "Open science", "code of the analysis", ("code",), "where yours is shared"),
        Item(57, "Open science", "model files", authors=_MODEL),
        Item(58, "Open science", "usable system", authors=_MODEL),
    ),
)

METRICS = Form(
    "METRICS",
    "Kocak B et al. METhodological RadiomICs Score. Insights into Imaging 2024",
    "10.1186/s13244-023-01572-w",
    (
        Item(1, "Study design", "checklists followed", ("this_form",), "which others were used"),
        Item(2, "Study design", "eligibility", authors="criteria, and whom they represent"),
        Item(3, "Study design", "reference standard", ("outcomes",), "its quality and definition"),
        Item(4, "Imaging data", "several centres", ("sites",), "which institutions they are"),
        Item(5, "Imaging data", "imaging as in practice", authors="agreement with guidelines"),
        Item(6, "Imaging data", "acquisition parameters", ("acquisition",), "the protocol in full"),
        Item(7, "Imaging data", "time to reference standard", authors="the interval"),
        Item(8, "Segmentation", "method of segmentation", ("masks",), "how regions were drawn"),
        Item(9, "Segmentation", "test of automation", authors="only if fully automated"),
        Item(10, "Segmentation", "masks of the test set", authors="who drew them"),
        Item(11, "Processing", "image preparation", ("preparation", "resampling")),
        Item(12, "Processing", "standard software", ("software", "standard")),
        Item(13, "Processing", "extraction parameters", ("discretisation", "parameters")),
        Item(14, "Features", "features that are not robust", ("stability", "stability_result")),
        Item(15, "Features", "redundant features", ("reduction",)),
        Item(16, "Features", "features against cases", ("dimension",)),
        Item(17, "Features", "end-to-end networks", ("no_network",)),
        Item(18, "Modelling", "partition of the data", ("split",), "that of any model you report"),
        Item(19, "Modelling", "confounders", ("adjustment", "comparability", "graph")),
        Item(20, "Metrics", "metrics of performance", authors=_MODEL),
        Item(21, "Metrics", "uncertainty", ("uncertainty", "multiplicity")),
        Item(22, "Metrics", "calibration", authors=_MODEL),
        Item(23, "Metrics", "one modality or several", authors="whether one modality suffices"),
        Item(24, "Metrics", "against non-radiomic methods", authors=_MODEL),
        Item(25, "Metrics", "against simple models", authors=_MODEL),
        Item(26, "Testing", "internal", authors=_MODEL),
        Item(27, "Testing", "external", authors=_MODEL),
        Item(28, "Open science", "data", ("feature_file", "license"), "where they are shared"),
        Item(29, "Open science", "code", ("code",), "where yours is shared"),
        Item(30, "Open science", "model", authors=_MODEL),
    ),
)
FORMS = {"clear": CLEAR, "metrics": METRICS}
