"""The ports: what the core asks of the world, one Protocol a file, a contract for each method."""
