"""The thinking of Pushboard in plain Python: no Django, no clock, no I/O.

Everything here takes values and returns values, so that each rule can be read, tested and
mutated alone. Time always comes in as an argument.
"""
