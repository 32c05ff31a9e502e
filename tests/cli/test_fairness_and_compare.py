"""``streamgauge fairness`` and ``compare`` over files of predictions."""

import json
import random

import pytest

GROUPS = {"a": 0.6, "b": 0.3, "c [i]": 0.55}


@pytest.fixture
def loans(place):
    """A table of 600 answers a group, and of five about one more."""
    chance = random.Random(3)
    rows = ["group,prediction,label"]
    for group, rate in GROUPS.items():
        for _ in range(600):
            deserves = chance.random() < 0.5
            rows.append(f"{group},{'yes' if chance.random() < rate else 'no'},{'yes' if deserves else 'no'}")
    rows += ["tiny,no,yes"] * 5 + [",no,yes", "a,,no"]
    path = place / "loans.csv"
    path.write_text("\n".join(rows))
    return path


def test_groups_are_told_in_a_table_with_what_is_violated(call, loans):
    ended = call("fairness", loans, "--group", "group", "--favourable", "yes")
    assert ended.code == 0
    assert ended.lines[0].split() == [
        "group",
        "n",
        "selected",
        "ratio",
        "accuracy",
        "TPR",
        "FPR",
        "precision",
    ]
    assert [line.split()[0] for line in ended.lines[1:5]] == ["a", "b", "c", "tiny"]
    assert "tiny (too small)" in ended.lines[4]
    assert "c [i]" in ended.out
    assert "four-fifths rule               violated" in ended.lines
    assert "disparate impact: b is selected at" in ended.out


def test_figures_are_those_of_the_file_as_json(call, loans):
    told = json.loads(call("fairness", loans, "--group", "group", "--favourable", "yes", "--json").out)
    by_group = {one["group"]: one for one in told["groups"]}
    lines = [line.split(",") for line in loans.read_text().splitlines()[1:]]
    for group in GROUPS:
        answers = [line[1] == "yes" for line in lines if line[0] == group and line[1]]
        assert by_group[group]["selection"]["value"] == pytest.approx(sum(answers) / len(answers))
    assert told["too_small"] == ["tiny"]
    assert told["left_out"] == 1
    assert {(v["criterion"], v["group"]) for v in told["violations"]} >= {("disparate impact", "b")}


def test_check_ends_with_3_where_a_limit_is_passed_and_0_where_none_is(call, loans):
    arguments = ("fairness", loans, "--group", "group", "--favourable", "yes", "--check")
    assert call(*arguments).code == 3
    assert call(*arguments, "--impact", "0.3", "--opportunity", "0.9").code == 0
    fair = call(*arguments, "--reference", "b", "--opportunity", "0.9")
    assert fair.code == 0
    assert "No limit is significantly passed." in fair.out


def test_groups_in_events_are_found_and_truth_comes_later(call, place):
    events = []
    for i in range(100):
        group = "north" if i % 2 else "south"
        answer = "yes" if i % 4 < 2 else "no"
        events.append(
            {"source": "m", "ts": i, "id": str(i), "prediction": answer, "categories": {"region": group}}
        )
    events += [{"source": "m", "ts": 200 + i, "id": str(i), "label": "yes"} for i in range(100)]
    path = place / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, events)))
    told = json.loads(call("fairness", path, "--group", "region", "--favourable", "yes", "--json").out)
    assert [(g["group"], g["n"], g["labelled"], g["tpr"]["value"]) for g in told["groups"]] == [
        ("north", 50, 50, 0.5),
        ("south", 50, 50, 0.5),
    ]
    assert told["groups"][0]["fpr"]["value"] is None
    assert (told["four_fifths"], told["without_prediction"]) == ("kept", 0)


@pytest.fixture
def answers(place):
    """Two versions that answered the same 1,000 questions."""
    chance = random.Random(4)
    rows = ["id,version,prediction,label"]
    for i in range(1000):
        hard = chance.random() < 0.2
        for version, right in (("v1", not hard), ("v2", not hard or chance.random() < 0.5)):
            rows.append(f"q{i},{version},{7 if right else 3},7")
    path = place / "answers.csv"
    path.write_text("\n".join(rows))
    return path


def test_versions_are_compared_in_pairs_and_the_better_one_is_named(call, answers):
    ended = call("compare", answers)
    assert ended.lines[0].split() == ["version", "n", "accuracy", "best", "with", "expected", "loss"]
    assert ended.lines[1].startswith("v1")
    assert "in 1,000 pairs; McNemar's exact test: p = " in ended.out
    assert ended.lines[-1].startswith("switch to v2: best with a probability of")
    told = json.loads(call("compare", answers, "--json").out)
    assert (told["verdict"], told["choice"], told["pairs"], told["n"]) == ("switch", "v2", 1000, [1000, 1000])


def test_the_one_in_use_is_the_one_named_first(call, answers):
    told = json.loads(call("compare", answers, "--versions", "v2,v1", "--json").out)
    assert (told["verdict"], told["choice"]) == ("keep", "v2")
    few = json.loads(call("compare", answers, "--minimum", "5000", "--json").out)
    assert (few["verdict"], few["choice"]) == ("undecided", None)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("fairness", "answers.csv", "--group", "sex", "--favourable", "7"), ("no column 'sex'", "version")),
        (
            ("fairness", "answers.csv", "--group", "version", "--favourable", "8"),
            ("--favourable: no label '8'; there is '3', '7'",),
        ),
        (
            ("fairness", "answers.csv", "--group", "version", "--favourable", "7", "--reference", "v3"),
            ("--reference: no group 'v3'; there is 'v1', 'v2'",),
        ),
        (
            ("fairness", "alone.csv", "--group", "version", "--favourable", "7"),
            ("'version' has one group only, 'v1'", "--group"),
        ),
        (("compare", "alone.csv"), ("there is one version only, 'v1'", "--version-column")),
        (("fairness", "no.csv", "--group", "sex", "--favourable", "7"), ("no.csv",)),
        (
            ("compare", "answers.csv", "--versions", "v1,v9"),
            ("--versions: no version 'v9'; there is 'v1', 'v2'",),
        ),
        (("compare", "answers.csv", "--label-column", "truth"), ("--label-column", "no column 'truth'")),
        (("compare", "bare.csv"), ("--prediction-column", "no column looks like the prediction")),
        (("compare", "empty.csv"), ("no row has a prediction",)),
        (("compare", "both.csv"), ("'predicted' and 'prediction' both fit", "--prediction-column")),
    ],
)
def test_mistakes_are_told_in_one_line(call, answers, place, arguments, texts):
    (place / "bare.csv").write_text("x,version,label\n1,v1,2\n")
    (place / "empty.csv").write_text("prediction,version,label\n,v1,2\n")
    (place / "alone.csv").write_text("prediction,version,label\n" + "7,v1,7\n" * 50)
    (place / "both.csv").write_text("prediction,predicted,version,label\n1,1,v1,2\n")
    assert call(*arguments).failed(*texts)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("fairness", "answers.csv", "--group", "version", "--favourable", "7"), None),
        (("fairness", "alone.csv", "--group", "version", "--favourable", "7"), "one group only, 'v1'"),
        (("compare", "answers.csv"), None),
        (("compare", "alone.csv"), "one version only, 'v1'"),
        (("compare", "later.csv"), "no answer of 'v2' has its truth"),
        (("backtest", "alone.csv", "--kind", "predictions", "--period", "1"), "are its baseline"),
    ],
)
def test_json_says_why_nothing_was_judged(call, answers, place, arguments, problem):
    (place / "alone.csv").write_text("prediction,version,label\n" + "7,v1,7\n" * 50)
    (place / "later.csv").write_text("prediction,version,label\n7,v1,7\n7,v2,\n")
    ended = call(*arguments, "--json")
    told = json.loads(ended.out)["problem"]
    assert ended.code == (problem is not None), ended
    assert told is None if problem is None else problem in told


def test_rows_with_something_else_than_a_label_are_counted_and_told(call, place):
    good = [{"prediction": "yes", "label": "yes", "group": group} for group in ("a", "b") * 60]
    (place / "a.jsonl").write_text("\n".join(map(json.dumps, [*good, {**good[0], "label": ["no"]}])))
    said = ("--group", "group", "--favourable", "yes", "--json")
    told = json.loads(call("fairness", "a.jsonl", *said).out)
    assert told["notes"] == ["left out 1: column 'label': no label, like \"['no']\" (first: a.jsonl:121)"]
    (place / "b.jsonl").write_text("\n".join(map(json.dumps, [good[0], *[{**good[0], "label": ["no"]}] * 2])))
    ended = call("fairness", "b.jsonl", *said)
    assert ended.code == 1
    assert "most rows were left out: 1 were taken; 2, column 'label'" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("fairness", "answers.csv", "--group", "version", "--favourable", "7", "--impact", "2"),
        ("compare", "answers.csv", "--caring", "0"),
        ("compare", "answers.csv", "--versions", "v1"),
    ],
)
def test_options_that_make_no_sense_are_mistakes_in_the_call(call, answers, arguments):
    ended = call(*arguments)
    assert ended.code == 2
    assert arguments[-2] in ended.err
