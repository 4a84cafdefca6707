"""The use cases: one class for each group of operations, one transaction for each operation."""
