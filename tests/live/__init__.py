"""Boot the very files of conf/ with the real web servers, and drive them over HTTP."""
