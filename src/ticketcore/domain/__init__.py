"""The rules of tickets: frozen records and pure functions, without input, output, clock or chance.

Instants are aware datetimes in UTC; the current one and new identifiers come in as arguments.
"""
