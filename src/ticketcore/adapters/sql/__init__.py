"""The SQL repository, on SQLAlchemy Core: the only package that knows SQLAlchemy."""
