"""What tests of a desk, and of plugins for it, are made of.

- :mod:`ticketcore.testing.plugin`: fixtures, which pytest finds by itself (``pytest --fixtures``).
- :mod:`ticketcore.testing.assertions`: checks whose failures can be read.
- :mod:`ticketcore.testing.records`: builders of valid records, and random ones for hypothesis.
- :mod:`ticketcore.testing.smtp`: a real mail server; it needs aiosmtpd.
- :mod:`ticketcore.testing.faults`: servers that are out of order.
- :mod:`ticketcore.testing.commands`: runs command lines.
- :mod:`ticketcore.testing.distributions`: installs plugins for one test.
- :mod:`ticketcore.testing.repository`, :mod:`ticketcore.testing.notifier`,
  :mod:`ticketcore.testing.scheduler`: the conformance suites of three ports. They need pytest, the
  first one hypothesis too.

``pip install ticketcore[testing]`` brings all that is needed.
"""
