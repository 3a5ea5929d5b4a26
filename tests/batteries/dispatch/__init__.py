"""An explicit-state model of the dispatch protocol, and the search through all its states."""
