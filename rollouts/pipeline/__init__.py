"""What happens, in order, and the only writers of state.

sync -> plan -> approve -> prepare -> arm -> track -> judge, with control and watch beside them
and tick as the one conductor. Read ``tick`` first.
"""
