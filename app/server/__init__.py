"""The launcher: starts the site's processes, watches over them, and ends them together."""
