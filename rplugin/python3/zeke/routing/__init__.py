"""From what the user asked to what is sent. Pure: no editor, no network, no database."""
