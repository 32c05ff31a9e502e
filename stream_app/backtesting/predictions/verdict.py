"""Whether so much of a model's answers was judged that a backtest says anything of it."""

from collections.abc import Mapping

from stream_app.backtesting.predictions.model import ModelFigures
from stream_app.backtesting.predictions.run import PredictionBacktest

__all__ = ["unjudged"]


def unjudged(
    backtest: PredictionBacktest, models: Mapping[str, ModelFigures], left_out: Mapping[str, int]
) -> str | None:
    """Return why nothing or nearly nothing was judged, and the remedy; None where enough was.

    Parameters
    ----------
    backtest : PredictionBacktest
    models : mapping of str to ModelFigures
        As the backtest gives them.
    left_out : mapping of str to int
        Rows that are no events, by reason.
    """
    answers = sum(model.labels["predictions"] for model in models.values() if model.labels)
    refused = backtest.refused.total() + sum(left_out.values())
    if refused > answers:
        reason = max({**backtest.refused, **left_out}.items(), key=lambda each: each[1])[0]
        first = backtest.first_refusals.get(reason)
        example = "" if first is None else f" (the first, {first})"
        return (
            f"nearly nothing was judged: {refused:,} rows were refused or left out, most as {reason}{example}, and {answers:,} "
            "answers taken; name the columns with --prediction-column and --label-column"
        )
    if not answers:
        return "nothing was judged: no row has a prediction; name its column with --prediction-column"
    labelled = {name: int(model.features["labelled"] or 0) for name, model in models.items()}
    if not any(labelled.values()):
        return (
            f"nothing was judged: none of {answers:,} answers has its truth, or it comes after label_within; name its column "
            "with --label-column"
        )
    longest = max(labelled, key=lambda name: labelled[name])
    # A known accuracy is held against the first answers, too.
    if backtest.config.baseline_accuracy is None and labelled[longest] <= backtest.config.baseline:
        return (
            f"nothing was judged: the first {backtest.config.baseline:,} labelled answers of a model are its baseline, and "
            f"{longest} has {labelled[longest]:,} at most; set a shorter baseline in the monitor file, or give more data"
        )
    return None
