"""Safety rules taken away one by one: whatever is left must notice."""
