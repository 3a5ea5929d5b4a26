"""SOQL: read it strictly, check it against the schema, run it as parameterised SQL."""
