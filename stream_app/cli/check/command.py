"""The options of ``streamgauge check``, and what is printed."""

import json as json_module
from dataclasses import asdict

import typer
from rich.text import Text

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, RedisOption
from stream_app.cli.printable import printable
from stream_app.cli.show import console

__all__ = ["check"]


def check(
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Validate the monitor file, reach the servers and look into the topics; each problem is one line."""
    from stream_app.cli.check.findings import find  # noqa: PLC0415 - the worker's modules: help does not wait for them

    configure_logging(quiet=True)
    findings = run(find(config, kafka, redis))
    for finding in findings:
        if json:
            typer.echo(json_module.dumps(asdict(finding)))
        else:
            mark = (
                ("look ", "yellow")
                if finding.doubt
                else ("ok   ", "green")
                if finding.ok
                else ("wrong", "red")
            )
            told = printable(finding.problem or finding.doubt or finding.about)
            console.print(Text.assemble(mark, f" {finding.check:8} ", told), soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
