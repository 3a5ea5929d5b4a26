"""Names of invented customers, as a real list has them: many languages, and some that bite.

All words are combined here; none names a real company on purpose.
"""

from __future__ import annotations

from random import Random
from typing import Final

LONGEST: Final = 80

_PLACES: Final = {
    "USA": ("Cedar Falls", "Blue Mesa", "Juniper", "Maple Hollow", "Copper Ridge", "Lakeview"),
    "CAN": ("Érable", "Baie-Verte", "Northgate", "Timberline"),
    "BRA": ("São Tomé", "Açaí", "Jacarandá", "Ipê"),
    "DEU": ("Müritz", "Grünwald", "Oberföhring", "Käferberg", "Südtor"),
    "FRA": ("Sèvreau", "Forêt", "L'Étoile", "Côte d'Orval"),
    "GBR": ("Thornbury", "Ashcombe", "St. Alban's", "Wexley"),
    "SWE": ("Älvnäs", "Björkö", "Sjöhult"),
    "JPN": ("青葉", "さくら", "ミナト", "北星"),
    "AUS": ("Wattle Creek", "Coolibah", "Banksia"),
    "IND": ("Sundara", "Neelkamal", "Chandan"),
    "SGP": ("Merbau", "Orchid Quay"),
}
_TRADES: Final = {
    "USA": ("Logistics", "Credit Union", "Dental Group", "Outfitters", "Foods", "Robotics"),
    "CAN": ("Forestry", "Énergie", "Mutual"),
    "BRA": ("Alimentos", "Engenharia", "Saúde"),
    "DEU": ("Maschinenbau", "Möbelwerke", "Brauerei", "Versicherungen"),
    "FRA": ("Assurances", "Boulangeries Réunies", "Systèmes"),
    "GBR": ("Building Society", "Freight", "Biscuits"),
    "SWE": ("Sjöfart", "Träförädling"),
    "JPN": ("物流", "製作所", "システムズ"),
    "AUS": ("Mining Services", "Orchards"),
    "IND": ("Textiles", "Pharma"),
    "SGP": ("Maritime", "Capital"),
}
_ENDINGS: Final = {
    "USA": ("Inc.", "LLC", "Corp.", "& Sons", "Holdings"),
    "CAN": ("Ltd.", "Inc.", "Ltée"),
    "BRA": ("Ltda.", "S/A"),
    "DEU": ("GmbH", "AG", "GmbH & Co. KG", "e.V."),
    "FRA": ("SA", "SARL", "& Cie"),
    "GBR": ("plc", "Ltd", "& Daughters"),
    "SWE": ("AB",),
    "JPN": ("株式会社", "合同会社"),
    "AUS": ("Pty Ltd",),
    "IND": ("Pvt. Ltd.",),
    "SGP": ("Pte. Ltd.",),
}

# Each of these has broken some list, export or page somewhere.
AWKWARD: Final = (
    "<b>bold</b> GmbH",
    '=HYPERLINK("http://example.invalid","x")',
    "+49 Kurier & Söhne",
    "-",
    "@SUM(A1:A9) Analytics",
    'O\'Hara "The Boat" Yard',
    "Ampers & and & Sons",
    "مرفأ النور للتجارة",
    "נמל השחר בע״מ",
    "株式会社みなとシステム開発",
    "🚢 Ferry & Friends 🚀",
    "{{ 7 * 7 }} {% Templates %} Ltd",
    "<script>alert(1)</script> Inc.",
    "C:\\new\\table%20_100%",
    "null",
    "Zero\u200bWidth\u200b Holdings",
    "\u202edetrevni\u202c Partners",
    "Comma, Semicolon; Tab\tPipe|Ltd",
    "Ünïcödé Ñandú Łódź Đặng Øresund",
    ("The Extraordinarily Long Named Consolidated International Maritime Trading Company")[
        :LONGEST
    ],
)

_SANDBOX_MARKS: Final = (" - UAT", " (Full Copy)", " DEV", " · Staging", " QA 2")


def company_name(chance: Random, country: str) -> str:
    """A customer's name in the manner of a country."""
    parts = (
        chance.choice(_PLACES[country]),
        chance.choice(_TRADES[country]),
        chance.choice(_ENDINGS[country]),
    )
    return ("" if country == "JPN" else " ").join(parts)[:LONGEST]


def sandbox_name(chance: Random, parent: str) -> str:
    """Half the sandboxes bear their parent's name unchanged, as copies do."""
    if chance.random() < 0.5:  # noqa: PLR2004 - a half is a half
        return parent
    mark = chance.choice(_SANDBOX_MARKS)
    return parent[: LONGEST - len(mark)] + mark
