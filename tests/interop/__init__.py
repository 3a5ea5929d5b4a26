"""`make interop`: clients that others wrote, unchanged, against the simulated Salesforce."""
