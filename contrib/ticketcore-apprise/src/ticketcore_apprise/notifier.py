"""The notifier: hands each message to the service that its recipient names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from apprise import (
    Apprise,
    AppriseAsset,
    NotificationManager,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    OverflowMode,
)
from attrs import field, frozen
from ticketcore.domain.events import NotifyCode
from ticketcore.errors import PermanentNotifierError, Problem, RejectedError, TemporaryNotifierError
from ticketcore.ports.notifier import Notification, Receipt

from ticketcore_apprise import AppriseSettings
from ticketcore_apprise.listening import Heard, listening
from ticketcore_apprise.redaction import without
from ticketcore_apprise.wording import harmless, one_line

_SERVICES = "https://appriseit.com/services/"

_SCHEME = re.compile(r"([A-Za-z0-9]{1,32})://")

_KINDS = {
    NotifyCode.RESOLVED.name: NotifyType.SUCCESS,
    NotifyCode.CLOSED.name: NotifyType.SUCCESS,
    NotifyCode.ESCALATED.name: NotifyType.WARNING,
    NotifyCode.ESCALATION_ALERT.name: NotifyType.WARNING,
}
"""The colour or the icon that some services show; that of a piece of information for all other events."""


@frozen(kw_only=True)
class Place:
    """Where messages go to: an Apprise URL, what its service is called, and what of the URL may be shown."""

    url: str = field(repr=False)
    service: str
    shown: frozenset[str] = frozenset()


@frozen(kw_only=True)
class AppriseNotifier:
    """Sends each notification to the place that its recipient names, as plain text.

    Each delivery has an instance of its service of its own, in the thread that asks for it, so deliveries have nothing
    in common. Apprise escapes the text where it sends HTML or Markdown. What is too long for a service is cut, unless
    the URL says otherwise (``?overflow=split``). Redirects are not followed.

    Apprise does not tell whether a service refuses a message or a token, so every failure is one that an operator may
    mend, and messages wait for it. No part of a URL but a host name gets into an error, a receipt or a log.
    """

    places: Mapping[str, Place]

    def send(self, notification: Notification, *, timeout: float) -> Receipt:
        """Deliver one message to the place ``notification.recipient``.

        Raises:
            TemporaryNotifierError: the service is out of reach, or does not take the message.
            PermanentNotifierError: there is no such place.
        """
        name = notification.recipient
        place = self.places.get(name)
        if place is None:
            known = ", ".join(self.places) or "none"
            raise PermanentNotifierError(f"plugins.apprise.urls has no {name!r}; known: {known}")
        reason = _attempt(place, notification, timeout)
        # Not raised where it fails: a traceback would show what led to it, secrets included.
        if reason is not None:
            raise TemporaryNotifierError(f"{name} ({place.service}): {reason}")
        return Receipt(f"{name}: taken over by {place.service}")


def make(settings: AppriseSettings) -> AppriseNotifier:
    """Return the notifier for all places in ``settings``.

    Raises:
        RejectedError: with all that is wrong with their URLs.
    """
    places: dict[str, Place] = {}
    problems: list[Problem] = []
    for name, url in settings.urls.items():
        found = _place(url)
        if isinstance(found, Place):
            places[name] = found
        else:
            problems.append(Problem(f"urls.{name}", found))
    if problems:
        raise RejectedError(problems)
    return AppriseNotifier(places=places)


@cache
def _asset() -> AppriseAsset:
    """Return what all services have in common."""
    return AppriseAsset(
        app_id="ticketcore",
        app_desc="ticketcore",
        http_redirects=False,  # a redirect leads to where nobody meant to send, or turns a POST into a GET
    )


def _place(url: str) -> Place | str:
    """Return what is behind ``url``, or what is wrong with it, in words that have nothing of it but its scheme."""
    with listening() as heard:
        try:
            service = Apprise.instantiate(url, asset=_asset(), suppress_exceptions=False)
        except Exception as error:  # noqa: BLE001 - a service is anybody's code; what it raises may quote the URL
            service = None
            heard.complaints.append(str(error))
    if service is None:
        return without(url, _problem(url, heard))
    if heard.complaints:
        # A recipient that it left out, an option that it does not know: somebody would never be told.
        return without(url, f"is not as {service.service_name} wants it ({heard.reason()}); see {service.setup_url}")
    # Where a URL of the service has a host, that is no secret; else the first part of it is often a token.
    host = {str(service.host)} if _has_host(type(service)) and service.host else set()
    return Place(url=url, service=str(service.service_name), shown=frozenset(host))


def _has_host(service: type[NotifyBase]) -> bool:
    token: Mapping[str, Any] = service.template_tokens.get("host", {})
    return bool(token) and not token.get("private")


def _problem(url: str, heard: Heard) -> str:
    """Return why there is no service for ``url``."""
    match = _SCHEME.match(url)
    if match is None:
        return f"must be an Apprise URL, which begins with the name of a service and ://; see {_SERVICES}"
    scheme, manager = match[1].lower(), NotificationManager()  # type: ignore[no-untyped-call]
    if scheme not in manager:
        return f"begins with {scheme}://, by which Apprise cannot tell the service; see {_SERVICES}"
    service = manager[scheme]
    if not service.enabled:
        needed = service.requirements.get("packages_required") or []
        packages = needed if isinstance(needed, str) else " and ".join(needed)
        hint = f"needs {packages}: install it" if packages else "does not work on this system"
        return f"is for {service.service_name}, which {hint}"
    why = heard.reason() if heard.complaints and "://" not in heard.reason() else ""
    return f"is no URL of {service.service_name}{f' ({why})' if why else ''}; see {service.setup_url or _SERVICES}"


def _attempt(place: Place, notification: Notification, timeout: float) -> str | None:
    """Send the message, and return why that did not work; ``None`` if it did."""
    with listening() as heard:
        try:
            if _send(place.url, notification, timeout, heard):
                return None
        except Exception as error:  # noqa: BLE001 - a service is anybody's code; what it raises may quote the URL
            heard.complaints.append(f"{type(error).__name__}: {error}")
    reason = heard.reason() or "it was not delivered, and Apprise does not say why"
    return without(place.url, reason, shown=place.shown)


def _send(url: str, notification: Notification, timeout: float, heard: Heard) -> bool:
    """Send the message over an instance of its own, and return whether the service has taken it."""
    service = Apprise.instantiate(url, asset=_asset(), suppress_exceptions=False)
    if service is None:
        return False
    own = vars(service)  # what the URL says, where it says anything
    service.logger = heard.logger()
    service.socket_connect_timeout = min(timeout, own.get("socket_connect_timeout", timeout))
    service.socket_read_timeout = min(timeout, own.get("socket_read_timeout", timeout))
    service.overflow_mode = own.get("overflow_mode", OverflowMode.TRUNCATE)
    title, body = one_line(notification.subject), harmless(notification.text)
    # Asked directly, and not by way of Apprise.notify: the outbox repeats what fails, and wants to know of it.
    return service.notify(
        body=body or title or notification.notify_code,
        title=title if body else "",
        notify_type=_KINDS.get(notification.notify_code, NotifyType.INFO),
        body_format=NotifyFormat.TEXT,
    )
