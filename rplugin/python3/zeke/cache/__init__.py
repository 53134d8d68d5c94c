"""The SQLite cache that the Zig client reads too. Everything that touches sqlite3 is here."""
