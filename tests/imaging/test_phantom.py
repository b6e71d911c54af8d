import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.imaging.phantom import EDGES, NODES, simulate_patients, true_graph
from causalimg.imaging.phantom_model import PhantomModel, Protocol


def test_a_patient_does_not_depend_on_the_size_of_the_cohort():
    few, many = simulate_patients(5, random_state=3), simulate_patients(40, random_state=3)
    pd.testing.assert_frame_equal(few, many.head(5))
    assert not few["age"].equals(simulate_patients(5, random_state=4)["age"])


def test_a_patient_keeps_its_biology_when_a_scanner_is_added():
    two = simulate_patients(30, model=PhantomModel.of(("A", "B")), random_state=1)
    three = simulate_patients(30, model=PhantomModel.of(("A", "B", "C")), random_state=1)
    assert set(three["scanner"]) == {"A", "B", "C"}
    same = [column for column in two if column != "scanner"]
    pd.testing.assert_frame_equal(two[same], three[same])


def test_every_node_of_the_graph_is_a_column():
    assert set(NODES) <= set(simulate_patients(3, random_state=0).columns)


def test_the_scanner_is_confounded_and_overlap_holds():
    model = PhantomModel()
    patients = simulate_patients(2000, random_state=0)
    propensity = model.probabilities("scanner", patients["site"], patients["age"])
    assert np.quantile(propensity, [0.01, 0.99]) == pytest.approx([0.15, 0.85], abs=0.05)
    np.testing.assert_allclose(propensity.sum(axis=1), 1.0)
    by = patients.groupby("scanner")[["biology", "age"]].mean()
    assert by.loc["B", "biology"] - by.loc["A", "biology"] > 0.3
    assert by.loc["B", "age"] > by.loc["A", "age"]
    assert np.mean(patients["scanner"] == "B") == pytest.approx(propensity[:, 1].mean(), abs=0.03)


def test_the_structural_equations():
    from sklearn.linear_model import LogisticRegression

    model = PhantomModel()
    patients = simulate_patients(4000, random_state=7)
    decades = (patients["age"] - model.age_mean) / model.age_sd
    slope = np.polyfit(decades, patients["biology"], 1)[0]
    assert slope == pytest.approx(model.biology_age, abs=0.04)
    assert patients["age"].between(40, 80).all()

    design = np.column_stack(
        [
            decades,
            patients["site"] == "S2",
            patients["site"] == "S3",
            patients["protocol"] == "thin",
        ]
    ).astype(float)
    fit = LogisticRegression(C=1e6).fit(design, patients["scanner"] == "B")
    age, second, third, protocol = fit.coef_[0]
    assert age == pytest.approx(0.9, abs=0.15)
    assert (second, third) == pytest.approx((0.3, 0.6), abs=0.25)
    assert protocol == pytest.approx(0.0, abs=0.2)

    fit = LogisticRegression(C=1e6).fit(patients[["biology"]].to_numpy(), patients["malignant"])
    assert fit.coef_[0, 0] == pytest.approx(model.malignant_biology, abs=0.15)
    men, women = (patients["sex"] == "M"), (patients["sex"] == "F")
    contrast = patients["lesion_contrast"]
    assert contrast[men].mean() - contrast[women].mean() == pytest.approx(8.0, abs=2.5)


def test_the_model_goes_through_json():
    import json

    from causalimg.provenance import plain

    model = PhantomModel.of(("B", "C"), size=20)
    assert PhantomModel.from_dict(json.loads(json.dumps(plain(model.to_dict())))) == model


def test_what_is_refused():
    with pytest.raises(UnknownNameError, match="no standard scanner is called 'D'"):
        PhantomModel.of(("A", "D"))
    with pytest.raises(InvalidInputError, match="size=21"):
        PhantomModel(size=21)
    with pytest.raises(InvalidInputError, match="n_patients=0"):
        simulate_patients(0)
    with pytest.raises(InvalidInputError, match="each name once"):
        PhantomModel.of(("A", "A"))
    with pytest.raises(InvalidInputError, match="log odds for sites"):
        PhantomModel(protocols=(Protocol("thin", 1.0, {"S1": 0.0}, 0.0),))


def test_an_intervention_names_the_nearest_level():
    model = PhantomModel()
    assert model.check_do({"scanner": "B", "protocol": "thin"}) == {
        "scanner": "B",
        "protocol": "thin",
    }
    with pytest.raises(UnknownNameError, match="'scaner'; did you mean 'scanner'"):
        model.check_do({"scaner": "B"})
    with pytest.raises(UnknownNameError, match="no level 'thik'; did you mean 'thick'"):
        model.check_do({"protocol": "thik"})


def test_the_true_graph():
    import networkx as nx

    graph = true_graph({"glcm_contrast": ["scanner", "protocol", "lesion_texture"]})
    assert graph.kind == "dag"
    dag = graph.to_networkx()
    assert set(dag.edges) >= set(EDGES)
    assert nx.is_d_separator(dag, {"scanner"}, {"biology"}, {"age"})
    assert not nx.is_d_separator(dag, {"scanner"}, {"biology"}, set())
    assert nx.is_d_separator(dag, {"scanner"}, {"protocol"}, {"age", "site"})
    assert not nx.is_d_separator(dag, {"scanner"}, {"protocol"}, {"age"})
    with pytest.raises(UnknownNameError, match="did you mean 'lesion_size'"):
        true_graph({"x": ["lesion_sise"]})
