"""The two markers of pluggy, under our project's name."""

import pluggy

PROJECT = "ticketcore"
"""The name of the hooks' project, and of the entry-point group in which plugins announce themselves."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
