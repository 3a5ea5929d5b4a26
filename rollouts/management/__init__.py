"""Commands for operators and for the demo."""
