"""From a place, as a person or a CRM writes it, to the time zones that it may mean.

The tz database says which zones a country has. Where a country is wide, the zones of its main
land stand for it, which leaves out what few customers live in (Alaska, Hawaii, Macquarie Island):
for those a state or a person's word decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from zoneinfo import available_timezones

from rollouts.domain.business_days import region

# The main land of wide countries, and one name where several zones show the same time.
_MAIN = {
    "AR": ("America/Argentina/Buenos_Aires",),
    "AU": (
        "Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin",
        "Australia/Perth",
    ),
    "BR": ("America/Sao_Paulo", "America/Manaus", "America/Rio_Branco"),
    "CA": (
        "America/St_Johns", "America/Halifax", "America/Toronto", "America/Winnipeg",
        "America/Regina", "America/Edmonton", "America/Vancouver",
    ),
    "CN": ("Asia/Shanghai",),
    "DE": ("Europe/Berlin",),
    "KZ": ("Asia/Almaty",),
    "MX": ("America/Mexico_City", "America/Cancun", "America/Hermosillo", "America/Tijuana"),
    "MY": ("Asia/Kuala_Lumpur",),
    "US": (
        "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix",
        "America/Los_Angeles",
    ),
}  # fmt: skip
# What people write beside the names of the tz database; without dots, in lower case.
_OTHER_NAMES = {
    "america": "US", "usa": "US", "united states of america": "US", "us of a": "US",
    "uk": "GB", "united kingdom": "GB", "great britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "britain": "GB",
    "south korea": "KR", "korea": "KR", "republic of korea": "KR", "korea, republic of": "KR",
    "deutschland": "DE", "allemagne": "DE", "brasil": "BR", "españa": "ES", "espana": "ES",
    "méxico": "MX", "italia": "IT", "österreich": "AT", "oesterreich": "AT",
    "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "nederland": "NL", "holland": "NL",
    "the netherlands": "NL", "belgië": "BE", "belgique": "BE", "danmark": "DK",
    "sverige": "SE", "norge": "NO", "suomi": "FI", "polska": "PL", "éire": "IE",
    "republic of ireland": "IE", "russian federation": "RU", "uae": "AE",
    "united arab emirates": "AE", "viet nam": "VN", "czechia": "CZ", "türkiye": "TR",
    "turkiye": "TR", "日本": "JP", "nippon": "JP", "中国": "CN", "한국": "KR", "대한민국": "KR",
    "hong kong sar": "HK", "taiwan, roc": "TW", "new zealand/aotearoa": "NZ",
}  # fmt: skip
# ISO's three letters, of the countries that instances are named after.
_LETTERS = {
    "USA": "US", "CAN": "CA", "BRA": "BR", "GBR": "GB", "FRA": "FR", "DEU": "DE", "ITA": "IT",
    "SWE": "SE", "CHE": "CH", "ISR": "IL", "ARE": "AE", "IND": "IN", "IDN": "ID", "SGP": "SG",
    "KOR": "KR", "JPN": "JP", "AUS": "AU",
}  # fmt: skip
# Instances from before countries gave them their names served a part of the world.
_PARTS = {
    "NA": _MAIN["US"],
    "EU": ("Europe/London", "Europe/Berlin", "Europe/Helsinki"),
    "AP": ("Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney"),
}
# Nothing is known: round the world. What is open in all of these is a weekend nearly everywhere.
ANYWHERE = (
    "Pacific/Honolulu", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland",
)  # fmt: skip
_IN_BRACKETS = re.compile(r"\(([A-Za-z_]+/[A-Za-z_/+-]+)\)")


@lru_cache(maxsize=1024)
def zone_in(text: str) -> str:
    """Return the zone that a text names, or "".

    Both "Europe/Berlin" and Salesforce's "(GMT+01:00) Central European Time (Europe/Berlin)" name
    one. "EST" or "GMT+1" do not: people who write them mean a place whose clocks change.
    """
    found = _IN_BRACKETS.search(text)
    name = found[1] if found else text.strip()
    if name == "UTC" or ("/" in name and not name.startswith("Etc/") and name in _all()):
        return name
    return ""


@lru_cache(maxsize=1024)
def country_of(text: str) -> str:
    """Return the two letters of the country that a text names, or ""."""
    plain = " ".join(text.replace(".", "").replace("\u2019", "'").casefold().split())
    if plain.upper() in _zones_by_country():
        return plain.upper()
    return _LETTERS.get(plain.upper()) or _OTHER_NAMES.get(plain) or _names().get(plain, "")


def zones_of_country(code: str) -> tuple[str, ...]:
    """Return the zones that a customer in this country may live in; none if it is unknown."""
    return _MAIN.get(code) or _zones_by_country().get(code, ())


@lru_cache(maxsize=1024)
def zones_of_instance(instance: str) -> tuple[str, ...]:
    """Return the zones of the customers that an instance is named for; none if it tells nothing.

    A customer may sit elsewhere than its instance, so this is asked after everything else.
    """
    name = region(instance)
    return _PARTS.get(name) or zones_of_country(_LETTERS.get(name, ""))


@lru_cache(maxsize=1)
def _all() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code, _, name, *_ in _lines("zone.tab"):
        found.setdefault(code, []).append(name)
    return {code: tuple(names) for code, names in found.items()}


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Read the English names, with and without what stands in brackets: "Korea (South)"."""
    found: dict[str, str] = {}
    for code, name, *_ in _lines("iso3166.tab"):
        name = name.replace("\u2019", "'")  # noqa: PLW2901
        found[name.casefold()] = code
        found.setdefault(name.split(" (")[0].casefold(), code)
    return found


def _lines(name: str) -> list[list[str]]:
    """Read a table of the tz database, from the package that zoneinfo itself falls back to."""
    text = files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
