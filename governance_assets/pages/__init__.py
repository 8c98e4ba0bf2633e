"""The static site: templates, plots and their arrangement."""
