"""Lines for the user from what is known. Pure: no editor, no network, no database."""
