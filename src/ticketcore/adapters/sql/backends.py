"""Which engine a URL names."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from ticketcore.adapters.sql.backend import Backend
from ticketcore.errors import ConfigError, Problem


def backend_for(text: str, timeout: float, *, makes_folder: bool = False) -> Backend:
    """Return the engine behind the URL ``text``; its driver is imported only now.

    Raises:
        ConfigError: the URL cannot be read, names another engine, or one whose driver is not installed.
    """
    try:
        url = make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # the port is no number
        raise _wrong("is no database URL; expected one such as sqlite:///ticketcore.db") from None
    name = url.get_backend_name()
    if name == "sqlite":
        from ticketcore.adapters.sql.sqlite import Sqlite

        return Sqlite(url, timeout, makes_folder=makes_folder)
    if name not in _SERVERS:
        raise _wrong(f"{name} is not supported; known: sqlite, postgresql, mariadb")
    try:
        return _SERVERS[name](url, timeout)
    except ModuleNotFoundError as error:
        extra = "postgresql" if name == "postgresql" else "mariadb"
        hint = f"run: pip install 'ticketcore[{extra}]'"
        raise _wrong(f"needs a driver that is not installed, {error.name}; {hint}") from error


def _wrong(message: str) -> ConfigError:
    return ConfigError([Problem("database.url", message)])


def _postgresql(url: URL, timeout: float) -> Backend:
    from ticketcore.adapters.sql.postgresql import Postgresql

    return Postgresql(url, timeout)


def _mariadb(url: URL, timeout: float) -> Backend:
    from ticketcore.adapters.sql.mariadb import Mariadb

    return Mariadb(url, timeout)


_SERVERS: dict[str, Callable[[URL, float], Backend]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mysql": _mariadb,
}
