"""What tests of a desk, and of adapters for it, are made of.

- :mod:`ticketcore.testing.records`: builders of valid records, and random ones for hypothesis.
- :mod:`ticketcore.testing.repository`: the conformance suite of the repository port. It needs
  pytest and hypothesis, which nothing else here does.
"""
