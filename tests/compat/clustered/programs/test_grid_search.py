"""scikit-learn's searches, their joblib jobs on the cluster: the same results as on threads."""

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SAMPLES = 400


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return images[:SAMPLES], labels[:SAMPLES]


def searches():
    """Searches whose every candidate has one right score."""
    pipeline = make_pipeline(StandardScaler(), SVC(random_state=0))
    grid = {"svc__C": [0.1, 1, 10], "svc__gamma": ["scale", 0.001], "svc__kernel": ["rbf", "linear"]}
    forest = RandomForestClassifier(n_estimators=10, random_state=0)
    yield "grid", GridSearchCV(pipeline, grid, cv=3, return_train_score=True)
    yield "random", RandomizedSearchCV(forest, {"max_depth": [2, 4, 8, None]}, n_iter=3, cv=3, random_state=0)


def found(search, data, backend, **options):
    """What a search finds, without the times."""
    with joblib.parallel_config(backend, n_jobs=4, **options):
        search.fit(*data)
    return {name: value for name, value in search.cv_results_.items() if "time" not in name}, search.best_params_


@pytest.mark.parametrize("name", ["grid", "random"])
@pytest.mark.parametrize("scattered", [False, True])
def test_a_search_on_the_cluster_finds_what_one_on_threads_finds(client, digits, name, scattered):
    search = dict(searches())[name]
    here, best_here = found(search, digits, "threading")
    there, best_there = found(search, digits, "dask", **({"scatter": list(digits)} if scattered else {}))
    assert best_there == best_here
    assert there.keys() == here.keys()
    for column in here:
        np.testing.assert_array_equal(np.asarray(there[column]), np.asarray(here[column]), err_msg=column)


def test_scores_and_forests_are_the_same(client, digits):
    forest = RandomForestClassifier(n_estimators=20, random_state=0)
    here = cross_val_score(forest, *digits, cv=3)
    with joblib.parallel_config("dask"):
        there = cross_val_score(forest, *digits, cv=3)
        grown = forest.fit(*digits).predict(digits[0])
    np.testing.assert_array_equal(here, there)
    np.testing.assert_array_equal(grown, forest.fit(*digits).predict(digits[0]))


def test_an_error_of_a_candidate_is_the_error_of_the_search(client, digits):
    search = GridSearchCV(SVC(), {"C": [1, -1]}, cv=2, error_score="raise")
    with joblib.parallel_config("dask"), pytest.raises(ValueError, match="'C' parameter of SVC"):
        search.fit(*digits)
