"""The people a desk knows, and how a name that somebody typed is matched to one of them."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Person:
    """Somebody who works on tickets or asks for work: a row of ``def_person``."""

    person_guid: str
    name: str
    email: str
    is_staff: bool = False
    active: bool = True


@frozen(kw_only=True)
class User:
    """A login name: a row of ``sys_user``, which may belong to a person."""

    username: str
    email: str
    person_guid: str | None = None
    active: bool = True
