"""Rehearsals: a plan played against a simulated Salesforce, in a process of its own.

`runner` starts that process and stores what returns; `stage` sets up the simulated org, database
and clock there; `play` lets invented people freeze and approve and the real engine do the rest;
`report` says what came of it.
"""
