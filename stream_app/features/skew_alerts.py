"""Alerts about training-serving skew."""

from stream_app.core.features import FeatureView, micros
from stream_app.core.twosample import PSI_MODERATE, PSI_SEVERE
from stream_app.events import Alert, AlertState, Severity, alert_id
from stream_app.features.skew import FeatureSkew

__all__ = ["judge_skew"]

_DETECTOR = "skew"


def judge_skew(
    view: FeatureView, found: FeatureSkew, firing: Alert | None, *, at: float, now: float
) -> list[Alert]:
    """Say which alerts about a feature begin, go on or end.

    A moderate skew is a warning, a severe one critical. A warning whose skew becomes severe ends, and a critical alert
    begins; one that becomes moderate again stays critical until it is over.

    Parameters
    ----------
    view : FeatureView
        The view.
    found : FeatureSkew
        How far the feature is from its training set.
    firing : Alert or None
        The alert that is firing about it.
    at : float
        As of when it was served, in epoch seconds.
    now : float
        The time, in epoch seconds; makes the alert that begins another one than those before.

    Returns
    -------
    list of Alert
        What to tell, in this order. An alert that goes on is among them, since it may not have been told.

    Examples
    --------
    >>> from stream_app.core.features import Feature, Sliding
    >>> view = FeatureView("v", (Feature("spent", "sum", "amount", Sliding(60)),))
    >>> much = FeatureSkew("spent", 0.31, 1e-9, 0.2, 1e-9, 0.0, 0.0, "severe")
    >>> (alert,) = judge_skew(view, much, None, at=100.0, now=100.5)
    >>> alert.severity.value, alert.summary
    ('critical', 'v:v1: spent is served unlike it was trained: PSI 0.31')
    >>> judge_skew(view, much, alert, at=200.0, now=200.5) == [alert]
    True
    """
    if found.level == "none":
        return [] if firing is None else [_ended(firing, at)]
    severity = Severity.CRITICAL if found.level == "severe" else Severity.WARNING
    if firing is None:
        return [_begun(view, found, severity, at, now)]
    if firing.severity is Severity.WARNING and severity is Severity.CRITICAL:
        return [_ended(firing, at), _begun(view, found, severity, at, now)]
    return [firing]


def _ended(firing: Alert, at: float) -> Alert:
    return firing.ended(max(at, firing.started_at))


def _begun(view: FeatureView, found: FeatureSkew, severity: Severity, at: float, now: float) -> Alert:
    figures = {
        "psi": found.psi,
        "p_value": found.p_value,
        "ks": found.ks,
        "missing_training": found.missing_training,
        "missing_served": found.missing_served,
    }
    return Alert(
        # No event fires it; the moment at which it was found tells it from those before.
        id=alert_id(view.stream, view.key, _DETECTOR, found.feature, 0, micros(now)),
        stream=view.stream,
        source=view.key,
        kind="drift",
        detector=_DETECTOR,
        channel=found.feature,
        state=AlertState.FIRING,
        severity=severity,
        started_at=at,
        partition=0,
        offset=micros(now),
        statistic=found.psi,
        threshold=PSI_SEVERE if severity is Severity.CRITICAL else PSI_MODERATE,
        summary=f"{view.key}: {found.feature} is served unlike it was trained: PSI {found.psi:.2f}",
        contributions=((found.feature, 1.0),),
        context={name: value for name, value in figures.items() if value is not None},
    )
