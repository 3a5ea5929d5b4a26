"""Pages: each view asks the pipeline, then shows. No rule lives here."""
