"""A notifier for ticketcore that reaches what the library Apprise reaches: chat rooms, phones, and much else."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import field, frozen
from ticketcore import hookimpl
from ticketcore.plugin.records import NotifierSpec

__version__ = "0.1.0"


def _some(_settings: object, _attribute: attrs.Attribute[Mapping[str, str]], urls: Mapping[str, str]) -> None:
    if not urls:
        message = "urls must name at least one place"
        raise ValueError(message)


@frozen(kw_only=True)
class AppriseSettings:
    """The section ``plugins.apprise`` of the configuration.

    ``urls`` has the places to tell, by names of the operator's choice; the value is an Apprise URL. Most of these
    hold a token, so they are never shown, only the names are.
    """

    urls: dict[str, str] = field(repr=False, validator=_some, metadata={"secret": True})


@hookimpl
def ticketcore_notifiers() -> list[NotifierSpec]:
    """Register the notifier; Apprise itself is imported when the first message goes out."""
    return [
        NotifierSpec(
            name="apprise",
            summary="chat rooms, phones and a hundred other services, by Apprise",
            target="ticketcore_apprise.notifier:make",
            config=AppriseSettings,
            destinations=lambda settings: settings.urls,
            install_hint="install what ticketcore-apprise needs: pip install apprise",
        )
    ]
