"""``llm-monitor rules``: whether rules can work, on made-up series, and on what is stored."""

from __future__ import annotations

import typer

from monitor.commands import checks, trials

app = typer.Typer(no_args_is_help=True, help="Check, test and try rules. See docs/rules.md.")
app.command()(checks.check)
app.command()(trials.test)
app.command()(trials.backtest)
