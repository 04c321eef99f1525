"""The accuracy tables, one module a score: ``table(data, split)`` prints it."""
