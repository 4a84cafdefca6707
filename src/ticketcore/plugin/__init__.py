"""Plugins, on pluggy: the hooks, the records that they yield, and the manager that loads them."""
