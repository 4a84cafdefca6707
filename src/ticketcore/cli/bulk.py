"""Changing many tickets at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from ticketcore.cli.base import command, with_session
from ticketcore.cli.filters import with_filter
from ticketcore.cli.main import INTERRUPTED, PARTLY
from ticketcore.cli.options import PRIORITY, REFERENCE, STANDARD, STATUS, TYPE, given_text
from ticketcore.cli.output import NONE, Column, note, print_json, print_table, say, tickets_counted
from ticketcore.cli.progress import interruptible, progress_shown
from ticketcore.errors import TicketcoreError
from ticketcore.serde import to_plain
from ticketcore.services.bulk import BulkReport, BulkResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ticketcore.cli.session import Session
    from ticketcore.services.bulk import BulkOutcome, Picked
    from ticketcore.services.filters import Filters

_SHOWN = 20
"""The most tickets that a preview lists before it asks."""

_CALLS = {
    "set_status": ("change_status", "new_status"),
    "assign_to": ("assign", "user"),
    "add_watcher": ("add_watcher", "email"),
    "remove_watcher": ("remove_watcher", "email"),
    "set_eta": ("set_eta", "eta_date"),
    "set_work_score": ("set_work_score", "score"),
    "comment": ("add_comment", "text"),
}
"""The options that are an operation: the call, and the argument of it that the option is."""

_FLAGS = {"resolve": "notes", "close": "", "escalate": "reason", "cancel": "reason", "reopen": "reason"}
"""The options that are an operation without a value, and the argument that --notes is for it."""

_FIELDS = {"set_package": "package", "set_project": "project", "set_priority": "priority", "set_type": "ticket_type"}
"""The options that make one update together."""

_WORDS = {BulkResult.DONE: "changes", BulkResult.UNCHANGED: "unchanged", BulkResult.REFUSED: "refused"}


@command(
    "bulk",
    "ticketcore bulk --project INFRA --status NEW --set-status TRIAGED --dry-run",
    "ticketcore bulk --assignee ann@example.com --assign bo@example.com --yes",
    "ticketcore bulk 7 8 9 --close",
)
@click.argument("tickets", metavar="[T]...", type=REFERENCE, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All tickets.")
@with_filter
@click.option("--set-status", metavar="STATUS", type=STATUS, help="Move them to this status.")
@click.option("--resolve", is_flag=True, help="Say that the work on them is done.")
@click.option("--close", is_flag=True, help="Close them.")
@click.option("--escalate", is_flag=True, help="Escalate them.")
@click.option("--cancel", is_flag=True, help="Cancel them.")
@click.option("--reopen", is_flag=True, help="Take them up again.")
@click.option("--notes", metavar="TEXT", help="What to say about a new status; it goes into the history.")
@click.option("--assign", "assign_to", metavar="USER", help="Give them to somebody.")
@click.option("--set-package", metavar="TEXT", help="Set their package.")
@click.option("--set-project", metavar="TEXT", help='Set their project; "" for none.')
@click.option("--set-priority", type=PRIORITY, help="Set their priority.")
@click.option("--set-type", type=TYPE, help="Set their type.")
@click.option("--add-watcher", metavar="EMAIL", help="Let an address be told of every event.")
@click.option("--remove-watcher", metavar="EMAIL", help="Stop telling an address.")
@click.option("--set-eta", metavar="DATE", help='Set their estimated completion; "" takes it away.')
@click.option("--set-work-score", metavar="N", type=click.IntRange(min=0), help="Set their effort score.")
@click.option("--comment", metavar="TEXT", help="Comment on them; - reads the text from standard input.")
@click.option("--internal", is_flag=True, help="The comment is for staff only.")
@click.option("--dry-run", is_flag=True, help="Only show what would become of each ticket.")
@click.option("--yes", is_flag=True, help="Do not ask before anything is changed.")
@with_session
def bulk(
    session: Session,
    /,
    *,
    tickets: tuple[str, ...],
    everything: bool,
    filters: Filters,
    dry_run: bool,
    yes: bool,
    **given: Any,
) -> None:
    """Change many tickets at once.

    Name the tickets (- reads them from standard input), or choose them by the options that ticketcore list has too. One
    operation is done with each of them, by itself: one that is refused holds up none of the others. Before
    anything is changed, a preview is shown and you are asked; where there is no terminal, --yes is needed.

    The exit status is 5 if some were refused and others were not. Control-C finishes the ticket that is being
    changed, and tells which ones were.
    """
    if given["comment"] == STANDARD and STANDARD in tickets:
        message = "standard input is either the comment, or names the tickets"
        raise click.UsageError(message)
    call, values = _operation(given)
    picked = _picked(session, tickets, filters, everything=everything)
    asks = bool(picked) and not (yes or dry_run)
    if asks and (session.json or not (sys.stdin.isatty() and sys.stderr.isatty())):
        message = f"this is for {tickets_counted(len(picked))}: repeat it with --yes, "
        raise click.UsageError(f"{message}or with --dry-run to see what would happen")
    work = _Work(session, call, values, picked)
    if asks:
        preview = work.preview()
        _preview(session, preview)
        if not click.confirm(f"Change {tickets_counted(len(preview.of(BulkResult.DONE)))}?", err=True):
            note("Nothing was changed.")
            click.get_current_context().exit(1)
    report = work.preview() if dry_run else work.run()
    work.show(report, dry_run=dry_run)
    click.get_current_context().exit(_status(report))


def _operation(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the call that the options mean, and its arguments.

    Raises:
        click.UsageError: they mean none, or several, or have something that does not belong to it.
    """
    update = {name: given[option] for option, name in _FIELDS.items() if given[option] is not None}
    found: list[tuple[str, dict[str, Any], str]] = [("update", update, "")] if update else []
    for option, (call, name) in _CALLS.items():
        if given[option] is not None:
            found.append((call, {name: given[option]}, "notes" if option == "set_status" else ""))
    found += [(call, {}, notes) for call, notes in _FLAGS.items() if given[call]]
    if len(found) != 1:
        several = "one operation at a time" if found else "which operation"
        message = f"say {several}: --set-status, --resolve, --close, --escalate, --cancel, --reopen, --assign, "
        more = "--set-package, --set-project, --set-priority, --set-type, --add-watcher, --remove-watcher, "
        raise click.UsageError(f"{message}{more}--set-eta, --set-work-score or --comment")
    call, values, notes = found[0]
    if given["notes"] is not None:
        if not notes:
            message = "--notes goes with --set-status, --resolve, --escalate, --cancel and --reopen"
            raise click.UsageError(message)
        values[notes] = given["notes"]
    if given["internal"] and call != "add_comment":
        message = "--internal goes with --comment"
        raise click.UsageError(message)
    if call == "add_comment":
        values = {"text": given_text(values["text"]), "is_internal": given["internal"]}
    if call == "set_eta":
        values = {"eta_date": values["eta_date"] or None}
    return call, values


def _picked(session: Session, tickets: Sequence[str], filters: Filters, *, everything: bool) -> list[Picked]:
    """Return the tickets that are meant.

    Raises:
        click.UsageError: nothing says which, or two things do.
    """
    if bool(tickets) + bool(filters) + everything != 1:
        message = "say which tickets: name them, or choose them by options such as --status, or give --all"
        raise click.UsageError(message)
    named = [word for ticket in tickets for word in (given_text(ticket).split() if ticket == STANDARD else [ticket])]
    references = [REFERENCE.convert(word, None, None) for word in named]
    return session.desk.bulk.select(references) if tickets else session.desk.bulk.select(**filters)


@frozen
class _Work:
    """One operation with the tickets that were picked."""

    session: Session
    call: str
    values: Mapping[str, Any]
    picked: Sequence[Picked]

    def preview(self) -> BulkReport:
        """Return what would become of the tickets; end the command if that is interrupted."""
        report = self._through(self.session.desk.bulk.preview, "Checking", [])
        if not report.complete:
            note("Nothing was changed.")
            click.get_current_context().exit(INTERRUPTED)
        return report

    def run(self) -> BulkReport:
        """Change the tickets; if that ends before the last one, say what was done by then."""
        outcomes: list[BulkOutcome] = []
        try:
            return self._through(self.session.desk.bulk.run, "Changing", outcomes)
        except (TicketcoreError, KeyboardInterrupt):
            if outcomes:
                self.show(BulkReport(outcomes=tuple(outcomes), complete=False), dry_run=False)
            raise

    def _through(self, do: Callable[..., BulkReport], what: str, outcomes: list[BulkOutcome]) -> BulkReport:
        with interruptible() as stop, progress_shown(what, len(self.picked)) as shown:

            def told(outcome: BulkOutcome) -> None:
                outcomes.append(outcome)
                shown(len(outcomes), what)

            by = self.session.by
            return do(self.call, self.picked, action_by=by, told=told, stop=stop, **self.values)

    def show(self, report: BulkReport, *, dry_run: bool) -> None:
        """Print what became of the tickets, or would."""
        if self.session.json:
            counts = {str(result).lower(): len(report.of(result)) for result in BulkResult}
            facts = {"operation": self.call, "dry_run": dry_run, "complete": report.complete, **counts}
            print_json({**facts, "tickets": to_plain(report.outcomes)})
            return
        if not self.picked:
            say("No tickets.")
            return
        if dry_run:
            _print_outcomes(self.session, report.outcomes)
        else:
            for outcome in report.of(BulkResult.REFUSED):
                note(f"Error: ticket {outcome.ticket_number}: {outcome.reason}")
        say(_counts(report, "would change" if dry_run else "changed"))
        if not report.complete:
            left = len(self.picked) - len(report.outcomes)
            note(f"Interrupted: {left} of {tickets_counted(len(self.picked))} were not looked at.")


def _preview(session: Session, report: BulkReport) -> None:
    _print_outcomes(session, report.outcomes[:_SHOWN])
    if len(report.outcomes) > _SHOWN:
        say(f"… and {len(report.outcomes) - _SHOWN} more")
    say(_counts(report, "would change"))


def _counts(report: BulkReport, changed: str) -> str:
    done, unchanged, refused = (len(report.of(result)) for result in BulkResult)
    return f"{done} {changed}, {unchanged} unchanged, {refused} refused"


def _status(report: BulkReport) -> int:
    refused = len(report.of(BulkResult.REFUSED))
    if not report.complete:
        return INTERRUPTED
    return 0 if not refused else 1 if refused == len(report.outcomes) else PARTLY


def _print_outcomes(session: Session, outcomes: Sequence[BulkOutcome]) -> None:
    names = session.desk.people.names(value for one in outcomes for value in one.changes.get("assigned_to", ()))
    columns = (Column("#", right=True), Column("Result"), Column("Subject", wrap=True), Column("What", wrap=True))
    rows = ((one.ticket_number, _WORDS[one.result], one.subject, one.reason or _what(one, names)) for one in outcomes)
    print_table(columns, rows)


def _what(outcome: BulkOutcome, names: Mapping[str, str]) -> str:
    """Return in words what is different."""
    parts = []
    for field, (old, new) in outcome.changes.items():
        if field == "watchers":
            parts += [f"watchers: {sign}{one}" for sign, one in _changed(old, new)]
        elif old in (None, ""):
            parts.append(f"{field}: {names.get(new, new)}")
        else:
            parts.append(f"{field}: {names.get(old, old)} → {names.get(new, new) or NONE}")
    return "; ".join(parts)


def _changed(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    return [("+", one) for one in new if one not in old] + [("-", one) for one in old if one not in new]
