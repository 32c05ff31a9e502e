"""Options that say what the columns of files mean, wherever files are read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from producers.predictions import PredictionColumns
from producers.sessions import SHOPS, SessionColumns
from stream_app.cli.file_format import FormatOptions, names
from stream_app.errors import SettingsError
from stream_app.tables import Columns
from stream_app.tables.format import Long
from stream_app.tables.predictions import PredictedRows, read_predicted

__all__ = [
    "PREDICTIONS",
    "TABLE",
    "ChangeWindowOption",
    "FormatOptions",
    "LabelledOptions",
    "PathsArgument",
    "PeriodOption",
    "PredictionOptions",
    "SessionOptions",
    "SortOption",
    "TableOptions",
    "TruthOptions",
    "names",
]

TABLE = "Columns of files (found out where there is no doubt)"
PREDICTIONS = "Columns of predictions (found out where there is no doubt)"
_SESSIONS = "Columns of session events (found out where there is no doubt)"

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...", help="Files, directories or globs: CSV, JSON, Parquet, Feather, also compressed."
    ),
]
PeriodOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Seconds between rows without a time.", rich_help_panel=TABLE),
]

SortOption = Annotated[
    bool,
    typer.Option(
        "--sort", help="Sort the rows by time first, with all of a file in memory.", rich_help_panel=TABLE
    ),
]
ChangeWindowOption = Annotated[
    str | None,
    typer.Option(
        metavar="WINDOW",
        help='How long after a true changepoint a detection counts: "60 rows" at the file\'s own period, or "5 min". By default '
        "60 rows.",
        rich_help_panel=TABLE,
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class TruthOptions:
    """Options for the columns with the truth."""

    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth, 1 in an anomaly; by default anomaly or label, of predictions label or y_true.",
            rich_help_panel=TABLE,
        ),
    ] = None
    changepoint_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth, 1 where the process changes; by default changepoint.",
            rich_help_panel=TABLE,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Options for files of readings and of predictions."""

    time_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the event time, or two of the date and the time of day: DATE,TIME.",
            rich_help_panel=TABLE,
        ),
    ] = None
    source_column: Annotated[
        str | None,
        typer.Option(help="Column with the source; by default each file is one.", rich_help_panel=TABLE),
    ] = None
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Columns to read; by default all numeric ones.", rich_help_panel=TABLE
        ),
    ] = None
    long: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL,VALUE",
            help="Columns of a long table, which has a reading a row.",
            rich_help_panel=TABLE,
        ),
    ] = None
    form: FormatOptions = field(default_factory=FormatOptions)

    def columns(
        self, *, labels: tuple[str, ...] = (), name: str | None = None, period: float | None = None
    ) -> Columns:
        """Return the columns of readings.

        Parameters
        ----------
        labels : tuple of str
            Columns with ground truth.
        name : str or None
            Name of the source of all rows.
        period : float or None
            Seconds between rows that come without a time.
        """
        return Columns(
            time=self.time_column,
            source=self.source_column,
            channels=names(self.channels),
            labels=labels,
            format=self.form.format(self.time_column, self._long()),
            name=name,
            period=period,
        )

    def _long(self) -> Long | None:
        if self.long is None:
            return None
        pair = names(self.long)
        if len(pair) != 2:
            raise SettingsError(
                f"--long {self.long}: expected two columns, of the channel and of the value, like sensor,value"
            )
        return Long(*pair, time=self.time_column, source=self.source_column)


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """Options that files of predictions have beside `TableOptions`."""

    prediction_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the prediction; by default prediction or y_pred.", rich_help_panel=PREDICTIONS
        ),
    ] = None
    version_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the model's version; by default version or model_version.",
            rich_help_panel=PREDICTIONS,
        ),
    ] = None
    latency_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the latency in seconds; by default latency.", rich_help_panel=PREDICTIONS
        ),
    ] = None
    probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Prefix of the columns with a label's probability each; by default p_, y_pred_proba_ or the like.",
            rich_help_panel=PREDICTIONS,
        ),
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the id of the answer; by default id, else the row number.",
            rich_help_panel=PREDICTIONS,
        ),
    ] = None
    attributes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns with categories; by default all texts.",
            rich_help_panel=PREDICTIONS,
        ),
    ] = None

    def columns(
        self, table: TableOptions, *, label: str | None, name: str | None = None
    ) -> PredictionColumns:
        """Return the columns of predictions.

        Parameters
        ----------
        table : TableOptions
            What is said of the columns that readings have, too; the channels are features.
        label : str or None
            Column with the truth.
        name : str or None
            Name of the model of all rows.
        """
        return PredictionColumns(
            prediction=self.prediction_column,
            label=label,
            version=self.version_column,
            id=self.id_column,
            latency=self.latency_column,
            time=table.time_column,
            source=table.source_column,
            probabilities=self.probabilities,
            features=names(table.channels),
            categories=names(self.attributes),
            format=table.form.format(table.time_column),
            name=name,
        )


@dataclass(frozen=True, slots=True)
class LabelledOptions:
    """Options for files of predictions beside their truth."""

    prediction_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the prediction; by default prediction, predicted or y_pred.",
            rich_help_panel=TABLE,
        ),
    ] = None
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the truth; by default label, truth, y_true or target.", rich_help_panel=TABLE
        ),
    ] = None
    form: FormatOptions = field(default_factory=FormatOptions)

    def read(
        self,
        paths: Sequence[str],
        *,
        by: str | None,
        by_option: str,
        usual_by: Iterable[str] = (),
        share_truth: bool = False,
    ) -> PredictedRows:
        """Read files; see `stream_app.tables.predictions.read_predicted`."""
        return read_predicted(
            paths,
            by=by,
            by_option=by_option,
            usual_by=usual_by,
            share_truth=share_truth,
            prediction=self.prediction_column,
            label=self.label_column,
            said=self.form.format(),
        )


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Options for files of session events."""

    preset: Annotated[
        str | None,
        typer.Option(
            help=f"What the files are of: {', '.join(SHOPS)}; else known by their columns.",
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    entity_column: Annotated[
        str | None,
        typer.Option(help="Column with the entity: customer, user, card.", rich_help_panel=_SESSIONS),
    ] = None
    time_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the event time, or two of the date and the time of day: DATE,TIME.",
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    values: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help='Numbers to send, also "amount=units*price"; else all numeric columns.',
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    attributes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help='Texts to send, also "item=StockCode"; else none.',
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    type_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the type of event; by default type or event_type.", rich_help_panel=_SESSIONS
        ),
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the id of the event; by default id or event_id, else the row.",
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    anonymous: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Entity of rows without one; by default they are skipped.",
            rich_help_panel=_SESSIONS,
        ),
    ] = None
    sort: Annotated[
        bool,
        typer.Option(
            "--sort", help="Sort by time first, with all events in memory.", rich_help_panel=_SESSIONS
        ),
    ] = False
    form: FormatOptions = field(default_factory=FormatOptions)

    def columns(self, entity_field: str = "entity") -> SessionColumns:
        """Return the columns of session events, whose entity is sent under a name."""
        return SessionColumns(
            entity=self.entity_column,
            time=self.time_column,
            values=names(self.values),
            attributes=names(self.attributes),
            type=self.type_column,
            id=self.id_column,
            format=self.form.format(self.time_column),
            anonymous=self.anonymous,
            sort=self.sort,
            entity_field=entity_field,
        )
