"""Files that people give when they are asked for a list of org ids, each bad in its own way."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

from tests.views.world import key_of

GOOD = [key_of(number) for number in range(1, 6)]
LINES = "\n".join(GOOD)
_MEGABYTE = 1024 * 1024


def _zipped(*names: str) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name in names:
            archive.writestr(name, LINES)
    return kept.getvalue()


def _million() -> bytes:
    return f"{GOOD[0]}\n".encode() * 1_000_000


# Name: (what makes it, the code of the answer).
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no bytes": (lambda: b"", "empty"),
    "only blank lines": (lambda: b" \r\n;;\r\n\t\r\n", "blank"),
    "a million lines": (_million, "lines"),
    "too large": (lambda: b"x" * (25 * _MEGABYTE), "size"),
    "an Excel workbook": (
        lambda: _zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx"
    ),
    "an archive": (lambda: _zipped("orgs.csv"), "zip"),
    "an old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "binary"),
    "compressed": (lambda: gzip.compress(LINES.encode()), "binary"),
    "a PDF": (lambda: b"%PDF-1.7\n" + LINES.encode(), "binary"),
    "NUL bytes": (f"{GOOD[0]}\n{GOOD[1]}\0\n".encode, "nul"),
    "UTF-32": (lambda: LINES.encode("utf-32"), "utf32"),
    "half of UTF-16": (lambda: LINES.encode("utf-16") + b"x", "utf16"),
    "a lying byte-order mark": (lambda: b"\xef\xbb\xbf" + "Müller".encode("latin-1"), "utf8"),
    "no encoding at all": (lambda: f"{GOOD[0]}\n".encode() + b"\x81\x8d\xff", "encoding"),
    "a sign-in page": (
        lambda: b"<!DOCTYPE html><html><body>Please sign in</body></html>", "html"
    ),
    "XML": (lambda: b"<?xml version='1.0'?><orgs/>", "xml"),
    "JSON": (f'["{GOOD[0]}"]'.encode, "json"),
    "a quote that never ends": (
        f'Org ID,Name\n{GOOD[0]},"ACME\n{GOOD[1]},Kumo\n'.encode, "quote"
    ),
    "a quote that ends late": (
        lambda: f'Org ID,Name\n{GOOD[0]},"A\n'.encode() + b"x\n" * 60 + b'"\n', "record"
    ),
    "quotes that do not pair": (
        f'Org ID,Name\n{GOOD[0]},"ACME" Ltd"\n'.encode, "quotes"
    ),
    "one endless line": (lambda: b"00D" * 9000, "long_line"),
    "a thousand columns": (lambda: b"Id" + b"," * 999 + b"\n", "columns"),
    "another list": (lambda: b"Name,City\nACME,Bremen\nKumo,Kyoto\n", "no_ids"),
    "two columns of ids": (
        f"{GOOD[0]},{GOOD[1]}\n{GOOD[2]},{GOOD[3]}\n".encode, "two_columns"
    ),
    "a header alone": (lambda: b"Org ID;Name\r\n", "header_only"),
    "a novel": (lambda: b"It was a dark night\n" * 10_002, "refused"),
}  # fmt: skip
# These can be read; what is refused is each of their lines.
LINE_BY_LINE: dict[str, tuple[bytes, str]] = {
    "formulas": (f'=HYPERLINK("{GOOD[0]}")\n+1\n@SUM(A1)\n'.encode(), "is a formula"),
    "duplicates": (f"{GOOD[0]}\n{GOOD[0][:15]}\n".encode(), "stands in line 1 already"),
    "numbers of a spreadsheet": (b"Org ID\n1.23E+15\n", "has made a number of this ID"),
    "accounts": (key_of(1, "001").encode(), "begins with 001; an org ID begins with 00D"),
    "a slip of the pen": (f"{GOOD[0][:-1]}X\n".encode(), "is mistyped"),
    "one character short": (GOOD[0][:14].encode(), "has 14 characters"),
}
