"""The database: made ready, looked at, brought up to date, verified, saved and brought back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ticketcore.cli.base import LazyGroup, command, with_session
from ticketcore.cli.output import NONE, note, print_facts, print_json, say
from ticketcore.cli.progress import progress_shown
from ticketcore.serde import to_plain

if TYPE_CHECKING:
    from ticketcore.cli.session import Session
    from ticketcore.domain.flaws import Flaw
    from ticketcore.domain.manifest import Manifest
    from ticketcore.ports.adoption import Adoption
    from ticketcore.ports.migration import Downgrade
    from ticketcore.ports.repository import StoreStatus


def _show_store(session: Session, status: StoreStatus) -> None:
    if session.json:
        print_json(to_plain(status))
        return
    facts = [("Database", status.location), ("State", status.state), ("Schema", status.revision or NONE)]
    print_facts([*facts, ("Expected", status.expected)] if status.expected != status.revision else facts)


@command("init", "ticketcore db init")
@with_session
def db_init(session: Session) -> None:
    """Make a new database ready for use.

    One that is ready stays as it is.
    """
    _show_store(session, session.desk.init_store())


@command("status", "ticketcore db status")
@with_session
def db_status(session: Session) -> None:
    """Show where the database is and whether it is ready.

    State is ready, missing, outdated (see ticketcore db upgrade), newer (upgrade ticketcore) or foreign (it
    holds something else).
    """
    _show_store(session, session.desk.store_status())


@command("upgrade", "ticketcore db upgrade")
@with_session
def db_upgrade(session: Session) -> None:
    """Bring the database to the schema of this version."""
    _show_store(session, session.desk.upgrade_store())


@command("downgrade", "ticketcore db downgrade 0004 --dry-run", "ticketcore db downgrade 0004 --yes")
@click.argument("revision", metavar="REVISION")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Do not ask; what the older schema has no place for is lost.")
@with_session
def db_downgrade(session: Session, revision: str, *, dry_run: bool, yes: bool) -> None:
    """Bring the database back to an older schema.

    That is for an older version of ticketcore; this one refuses the database afterwards, until ticketcore db upgrade.
    REVISION is the schema that db status of the older one expects. Which tables and columns go is shown, and you are
    asked; where there is no terminal, --yes is needed. Stop everything that uses the database, and make a backup.
    """
    preview = session.desk.preview_downgrade(revision)
    if dry_run and session.json:
        print_json(to_plain(preview))
        return
    if not session.json:
        _show_downgrade(preview, say if dry_run or yes else note)
    if dry_run:
        return
    if not yes:
        if session.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            message = "this may lose something: repeat it with --yes, or with --dry-run to see what would go"
            raise click.UsageError(message)
        if not click.confirm(f"Bring {preview.location} back to schema {revision}?", err=True):
            note("Nothing was changed.")
            click.get_current_context().exit(1)
    _show_store(session, session.desk.downgrade_store(revision, losing=True))


def _show_downgrade(preview: Downgrade, tell: Callable[[str], object]) -> None:
    for one in preview.removals:
        kind = "column" if "." in one.name else "table"
        again = ", which an upgrade makes again" if one.derived else ""
        tell(f"The {kind} {one.name} goes: {one.rows} row{'' if one.rows == 1 else 's'}{again}")
    for change in preview.changes:
        tell(f"What else changes: {change}")
    if not (preview.removals or preview.changes):
        tell("No table and no column goes.")


@command("check", "ticketcore db check", "ticketcore db check --json")
@with_session
def db_check(session: Session) -> None:
    """Compare the schema of the database with that of this version.

    Each difference is a line: tables, columns, types and indexes that are missing, that are not as they are made, or
    that somebody added to a table of ticketcore. Other tables are left out. Nothing is changed. The exit status is 1
    if there is a difference. For what is in the tables see ticketcore db verify.
    """
    found = session.desk.check_store()
    if session.json:
        print_json({"differences": to_plain(found)})
    else:
        for flaw in found:
            note(f"Error: {flaw}")
        if found:
            note("Alter it by hand, or let ticketcore db backup and ticketcore db restore fill a new database.")
        else:
            say("The schema is that of this version")
    if found:
        click.get_current_context().exit(1)


_FITS = {"fits": "fits", "adds": "added", "differs": "differs", "wrong": "wrong"}


@command("adopt", "ticketcore db adopt --dry-run", "ticketcore db adopt --by ann")
@click.option("--dry-run", is_flag=True, help="Only show what is there and what would be added.")
@with_session
def db_adopt(session: Session, *, dry_run: bool) -> None:
    """Take over a database whose tables another program has made.

    It looks at every table, says what fits, what is added and what stays different, and adds what is missing: tables,
    columns, indexes, the words to search for, and a row in the history of each ticket. No column and no value that is
    there is changed. Where something does not fit, it says all of that and changes nothing. Make a backup, and stop the
    other program first. The exit status is 1 if something has to be put right before.
    """
    report = session.desk.adopt_store(action_by=session.by, dry_run=dry_run)
    if session.json:
        print_json(to_plain(report))
    else:
        for one in report.notes:
            word = "missing" if dry_run and one.fit.value == "adds" else _FITS[one.fit.value]
            say(f"{word}: {one}")
        _say_adopted(report, dry_run=dry_run)
    if report.problems:
        click.get_current_context().exit(1)


def _say_adopted(report: Adoption, *, dry_run: bool) -> None:
    wrong = len(report.problems)
    if report.ready:
        say(f"{report.location} is ready" if report.notes else f"{report.location} is ready already")
    elif wrong:
        note(f"Error: {wrong} thing{'s have' if wrong > 1 else ' has'} to be put right before")
    elif dry_run:
        say(f"{report.location} can be adopted; nothing was changed")


@command("verify", "ticketcore db verify", "ticketcore db verify --json")
@with_session
def db_verify(session: Session) -> None:
    """Look through the whole database for what contradicts itself.

    It looks whether everything that is referred to is there, whether each ticket is what its history says, at the
    chains of the histories, the links, the outbox, the schedules and the numbers, and on SQLite at the file and the
    index of words. Nothing is changed, and nobody is held up. The exit status is 1 if something is wrong.
    """
    flaws: list[Flaw] = []

    def found(flaw: Flaw) -> None:
        if session.json:
            flaws.append(flaw)
        else:
            note(f"Error: {flaw}")

    with progress_shown("Verifying") as shown:
        result = session.desk.store.verify(found, told=lambda done, total: shown(done, f"Verifying {total} tickets"))
    if session.json:
        print_json({"records": dict(result.records), "problems": to_plain(flaws)})
    else:
        counts = ", ".join(f"{count} {name}" for name, count in result.records.items() if count)
        problems = "no problem" if not result.flaws else f"{result.flaws} problem{'s' if result.flaws > 1 else ''}"
        say(f"{problems} in {sum(result.records.values())} records{f' ({counts})' if counts else ''}")
    if result.flaws:
        click.get_current_context().exit(1)


_STEPS = {"copying": "Copying", "checking": "Checking"}


@command("backup", "ticketcore db backup desk-2026-05-01.db", "ticketcore db backup /var/backups/desk.db --replace")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace FILE if it is there.")
@with_session
def db_backup(session: Session, file: Path, *, replace: bool) -> None:
    """Write the whole database to one file, while it is in use.

    FILE is a database of SQLite, whatever the engine is, with a digest of all that is in it. It is read back, and
    appears when it is whole and on the disk; only this user may read it. See ticketcore db restore.
    """
    with progress_shown("Copying") as shown:
        made = session.desk.store.backup(file, replace=replace, told=lambda step, done: shown(done, _STEPS[step]))
    _show_backup(session, file, made, f"{made.records} records written to {file}, and read back")


@command("restore", "ticketcore db restore desk-2026-05-01.db", "ticketcore --config new.yaml db restore desk.db")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_session
def db_restore(session: Session, file: Path) -> None:
    """Bring the database back out of a file of db backup.

    The database that is configured has to be empty or missing; it may be of another engine than the one that FILE was
    made of. FILE is checked before, and the database afterwards: all of it comes back, or nothing. The messages that
    were waiting come back too: look at ticketcore outbox list before a worker sends them.
    """
    with progress_shown("Checking") as shown:
        made = session.desk.store.restore(file, told=lambda step, done: shown(done, _STEPS[step]))
    when = session.when(made.made_at)
    _show_backup(session, file, made, f"{made.records} records restored from {file}, which was made {when}")


def _show_backup(session: Session, file: Path, made: Manifest, sentence: str) -> None:
    if session.json:
        print_json(
            {
                "file": str(file),
                "made_at": made.made_at.isoformat(),
                "made_by": made.made_by,
                "engine": made.engine,
                "schema": made.schema,
                "records": {name: kind.count for name, kind in made.kinds.items()},
            }
        )
    else:
        say(sentence)


_HERE = __name__

db = LazyGroup(
    "db",
    help="Look after the database.",
    epilog="\b\nExample: ticketcore db status",
    table={
        "Commands": {
            "init": (_HERE, "db_init", "Make a new database ready for use."),
            "status": (_HERE, "db_status", "Show where the database is and whether it is ready."),
            "upgrade": (_HERE, "db_upgrade", "Bring the database to the schema of this version."),
            "downgrade": (_HERE, "db_downgrade", "Bring the database back to an older schema."),
            "check": (_HERE, "db_check", "Compare the schema of the database with that of this version."),
            "adopt": (_HERE, "db_adopt", "Take over a database whose tables another program has made."),
            "verify": (_HERE, "db_verify", "Look through the whole database for what contradicts itself."),
            "backup": (_HERE, "db_backup", "Write the whole database to one file, while it is in use."),
            "restore": (_HERE, "db_restore", "Bring the database back out of a file of db backup."),
        }
    },
)
