"""Write the JSON Schema that ships with the package: ``python docs/generate_schema.py``."""

from __future__ import annotations

import json
from pathlib import Path

from ticketcore.config.jsonschema import json_schema

FILE = Path(__file__).parents[1] / "src" / "ticketcore" / "config" / "config.schema.json"


def text() -> str:
    """Return the schema, without the sections of plugins."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
