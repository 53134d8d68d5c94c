"""The messages of a request. Pure: no editor, no network, no database."""
