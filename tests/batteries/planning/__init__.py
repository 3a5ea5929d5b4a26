"""Properties of planning in their full quantity, for `make battery-planning`."""
