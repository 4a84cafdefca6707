"""A store for ticketcore in LMDB, the Lightning Memory-Mapped Database."""

__version__ = "0.1.0"
