"""How deep to go: one file a strategy; each returns phases and never trains."""
