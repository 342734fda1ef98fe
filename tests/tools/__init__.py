"""Programs for developers, called by ./dev."""
