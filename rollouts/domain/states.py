"""Zones of the states of wide countries, by code and by name; a state in two zones means both."""

from __future__ import annotations

_E, _C, _M, _P = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
_US = (
    ("AL", "Alabama", _C), ("AK", "Alaska", "America/Anchorage", "America/Adak"),
    ("AZ", "Arizona", "America/Phoenix", _M), ("AR", "Arkansas", _C), ("CA", "California", _P),
    ("CO", "Colorado", _M), ("CT", "Connecticut", _E), ("DE", "Delaware", _E),
    ("DC", "District of Columbia", _E), ("FL", "Florida", _E, _C), ("GA", "Georgia", _E),
    ("HI", "Hawaii", "Pacific/Honolulu"), ("ID", "Idaho", "America/Boise", _P),
    ("IL", "Illinois", _C), ("IN", "Indiana", "America/Indiana/Indianapolis", _C),
    ("IA", "Iowa", _C), ("KS", "Kansas", _C, _M), ("KY", "Kentucky", _E, _C),
    ("LA", "Louisiana", _C), ("ME", "Maine", _E), ("MD", "Maryland", _E),
    ("MA", "Massachusetts", _E), ("MI", "Michigan", "America/Detroit", _C),
    ("MN", "Minnesota", _C), ("MS", "Mississippi", _C), ("MO", "Missouri", _C),
    ("MT", "Montana", _M), ("NE", "Nebraska", _C, _M), ("NV", "Nevada", _P, _M),
    ("NH", "New Hampshire", _E), ("NJ", "New Jersey", _E), ("NM", "New Mexico", _M),
    ("NY", "New York", _E), ("NC", "North Carolina", _E), ("ND", "North Dakota", _C, _M),
    ("OH", "Ohio", _E), ("OK", "Oklahoma", _C), ("OR", "Oregon", _P, "America/Boise"),
    ("PA", "Pennsylvania", _E), ("PR", "Puerto Rico", "America/Puerto_Rico"),
    ("RI", "Rhode Island", _E), ("SC", "South Carolina", _E), ("SD", "South Dakota", _C, _M),
    ("TN", "Tennessee", _E, _C), ("TX", "Texas", _C, _M), ("UT", "Utah", _M),
    ("VT", "Vermont", _E), ("VA", "Virginia", _E), ("WA", "Washington", _P),
    ("WV", "West Virginia", _E), ("WI", "Wisconsin", _C), ("WY", "Wyoming", _M),
)  # fmt: skip
_CA = (
    ("AB", "Alberta", "America/Edmonton"),
    ("BC", "British Columbia", "America/Vancouver", "America/Edmonton", "America/Fort_Nelson"),
    ("MB", "Manitoba", "America/Winnipeg"), ("NB", "New Brunswick", "America/Moncton"),
    ("NL", "Newfoundland and Labrador", "America/St_Johns", "America/Goose_Bay"),
    ("NS", "Nova Scotia", "America/Halifax"),
    ("NT", "Northwest Territories", "America/Edmonton"),
    ("NU", "Nunavut", "America/Iqaluit", "America/Winnipeg", "America/Edmonton"),
    ("ON", "Ontario", "America/Toronto", "America/Winnipeg"),
    ("PE", "Prince Edward Island", "America/Halifax"),
    ("QC", "Quebec", "America/Toronto", "America/Halifax"),
    ("SK", "Saskatchewan", "America/Regina", "America/Edmonton"),
    ("YT", "Yukon", "America/Whitehorse"),
)  # fmt: skip
_AU = (
    ("ACT", "Australian Capital Territory", "Australia/Sydney"),
    ("NSW", "New South Wales", "Australia/Sydney", "Australia/Adelaide"),
    ("NT", "Northern Territory", "Australia/Darwin"),
    ("QLD", "Queensland", "Australia/Brisbane"), ("SA", "South Australia", "Australia/Adelaide"),
    ("TAS", "Tasmania", "Australia/Hobart"), ("VIC", "Victoria", "Australia/Melbourne"),
    ("WA", "Western Australia", "Australia/Perth"),
)  # fmt: skip
# Where every other state shares the zone of the first, only the others are named.
_BR_OTHERS = {
    "America/Manaus": ("AM", "RO", "RR", "Amazonas", "Rondônia", "Roraima"),
    "America/Cuiaba": ("MT", "MS", "Mato Grosso", "Mato Grosso do Sul"),
    "America/Rio_Branco": ("AC", "Acre"),
}
_BR_USUAL = (
    "AL", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "PA", "PB", "PE", "PI", "PR", "RJ", "RN",
    "RS", "SC", "SE", "SP", "TO", "São Paulo", "Sao Paulo", "Rio de Janeiro", "Minas Gerais",
    "Bahia", "Paraná", "Rio Grande do Sul", "Santa Catarina", "Distrito Federal", "Goiás", "Ceará",
    "Pernambuco", "Espírito Santo", "Pará", "Maranhão",
)  # fmt: skip


def _table() -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for country, rows in (("US", _US), ("CA", _CA), ("AU", _AU)):
        for code, name, *zones in rows:
            found[country, code.casefold()] = found[country, name.casefold()] = tuple(zones)
    for name in _BR_USUAL:
        found["BR", name.casefold()] = ("America/Sao_Paulo",)
    for zone, names in _BR_OTHERS.items():
        for name in names:
            found["BR", name.casefold()] = (zone,)
    return found


_ZONES = _table()


def zones_of_state(country: str, state: str) -> tuple[str, ...]:
    """Return the zones of a state, by the country's two letters; none if it is not known."""
    return _ZONES.get((country, " ".join(state.replace(".", "").casefold().split())), ())
