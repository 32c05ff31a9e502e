"""Names of features find what is meant, or what comes nearest."""

import pytest

from stream_app.core.features import Feature, FeatureView, Sliding, select_features
from stream_app.errors import UnknownFeatureError


def view(name, version, *features):
    return FeatureView(
        name, tuple(Feature(one, "count", window=Sliding(60)) for one in features), version=version
    )


VIEWS = [
    view("purchases", 2, "lines", "spent"),
    view("purchases", 10, "spent"),
    view("logins", 1, "count_30m"),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["purchases:spent"], [("purchases:v10", ("spent",))]),
        (["purchases@latest:spent", "purchases:latest:spent"], [("purchases:v10", ("spent",))]),
        (["purchases:v2:spent", "purchases@2:lines"], [("purchases:v2", ("spent", "lines"))]),
        (["purchases@v2:spent", "purchases@2:lines"], [("purchases:v2", ("spent", "lines"))]),
        (["purchases@v2:spent", "purchases@v2:*"], [("purchases:v2", ("spent", "lines"))]),
        (["logins:*", "purchases:spent"], [("logins:v1", ("count_30m",)), ("purchases:v10", ("spent",))]),
        ([], []),
    ],
)
def test_names_find_what_is_meant(asked, found):
    assert [(one.view.key, one.features) for one in select_features(asked, VIEWS)] == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("purchase:spent", "no feature view 'purchase'; did you mean purchases?"),
        ("zzz:spent", "no feature view 'zzz'; there is logins, purchases"),
        ("purchases@v3:spent", "feature view purchases has no version 3; there is v2, v10"),
        ("purchases:lines", "purchases:v10 has no feature 'lines'; there is spent"),
        ("logins:count_30", "did you mean count_30m?"),
        ("purchases", "names no feature; view:feature"),
        ("a:b:c", "names no feature"),
        ("purchases@x:spent", "names no feature"),
        ("", "names no feature"),
        ("x" * 100_000 + ":y", "no feature view 'xxx"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(asked, message):
    with pytest.raises(UnknownFeatureError) as refused:
        select_features([asked], VIEWS)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 300


def test_where_there_is_no_view_that_is_said():
    with pytest.raises(UnknownFeatureError, match="there is none"):
        select_features(["a:b"], [])
