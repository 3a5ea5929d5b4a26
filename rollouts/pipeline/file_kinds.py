"""What kind of file somebody has given us, and its text: recognised, or refused with a clear word.

Nothing is unpacked and nothing calculated: a workbook or an archive is named and refused.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

from rollouts.pipeline.transitions import Refusal

MAX_BYTES = 24 * 1024 * 1024
MAX_LINES = 250_000
_AT_ONCE = 1024 * 1024
_LOOKED_AT = 4096

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a rich-text document (RTF)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)
_ZIP = b"PK\x03\x04"
_MARKUP = re.compile(r"\s*<\s*(!doctype\s+html|html|head|body|table|script|meta)\b", re.IGNORECASE)
_XML = re.compile(r"\s*<(\?xml|[A-Za-z])")
_JSON = re.compile(r"\s*[\[{]\s*[\"{\[\]}]")


class BadFile(Refusal):
    """The whole file can't be taken; nothing of it was. ``code`` names the reason for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{sentence} Nothing was changed.")
        self.code = code


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and the name of the encoding that it was read in."""

    text: str
    encoding: str


def read_text(file: BinaryIO) -> Text:
    """Read a file of people's making, within bounds of size and lines. Raises BadFile."""
    raw = _bounded(file)
    if not raw:
        raise BadFile("empty", "The file is empty: it has no bytes at all.")
    _refuse_binary(raw)
    decoded = _decoded(raw)
    if not decoded.text.strip('\ufeff \t\r\n\x0b\x0c\xa0,;"'):
        raise BadFile("blank", "The file has only blank lines.")
    _refuse_other_text(decoded.text)
    return decoded


def pasted(text: str) -> Text:
    """Take pasted text by the same rules. Raises BadFile."""
    if "\x00" in text:
        raise _nul(text[: text.index("\x00")].count("\n") + 1)
    if not text.strip():
        raise BadFile("blank", "Nothing was pasted.")
    _refuse_other_text(text)
    return Text(text, "pasted")


def _bounded(file: BinaryIO) -> bytes:
    parts, size, lines = [], 0, 0
    while part := file.read(_AT_ONCE):
        size += len(part)
        lines += part.count(b"\n")
        # Beyond a bound nothing is kept any more, and the rest is only counted.
        if size <= MAX_BYTES and lines <= MAX_LINES:
            parts.append(part)
        else:
            parts.clear()
        if size > 2 * MAX_BYTES:
            break
    if size > MAX_BYTES:
        raise BadFile(
            "size",
            f"The file is larger than {MAX_BYTES // 1024**2} MB. Leave only the column of org IDs.",
        )
    if lines > MAX_LINES:
        raise _too_many(lines)
    return b"".join(parts)


def lines_of(source: Text) -> list[str]:
    """Part a text into lines, whatever ends them. Raises BadFile when they are too many."""
    text = source.text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.count("\n")
    if lines > MAX_LINES:
        raise _too_many(lines)
    return text.split("\n")


def _too_many(lines: int) -> BadFile:
    return BadFile(
        "lines", f"It has {lines:,} lines; {MAX_LINES:,} are the most. Split it, or filter instead."
    )


def _nul(line: int) -> BadFile:
    return BadFile("nul", f"Line {line} holds a NUL byte, so this is not a text file.")


def _refuse_binary(raw: bytes) -> None:
    if raw.startswith(_ZIP):
        if b"xl/" in raw or b"[Content_Types].xml" in raw[:_LOOKED_AT]:
            raise BadFile(
                "xlsx",
                "This is an Excel workbook. Save the sheet as “CSV UTF-8” and give that file.",
            )
        raise BadFile("zip", "The file is compressed (ZIP). Unpack it and give the text in it.")
    for start, kind in _KINDS:
        if raw.startswith(start):
            raise BadFile("binary", f"The file is {kind}. Give plain text or CSV.")


def _decoded(raw: bytes) -> Text:
    for mark, name in ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32")):
        if raw.startswith(mark):
            raise BadFile("utf32", f"The file is written in {name}. Save it as UTF-8.")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _utf16(raw, "utf-16")
    if raw.startswith(codecs.BOM_UTF8):
        return _utf8(raw)
    start = raw[:_LOOKED_AT]
    odd, even = start[1::2].count(0), start[::2].count(0)
    # Plain letters in UTF-16 have a NUL in every second byte, and none in the others.
    for here, there, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if there == 0 and here > len(start) // 4:
            return _utf16(raw, name)
    if b"\x00" in raw:
        raise _nul(raw[: raw.index(b"\x00")].count(b"\n") + 1)
    try:
        return Text(raw.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError:
        return _latin(raw)


def _utf8(raw: bytes) -> Text:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadFile(
            "utf8",
            f"The file says that it is UTF-8, but line {line} is not. Save it as UTF-8 again.",
        ) from None
    if "\x00" in text:
        raise _nul(text[: text.index("\x00")].count("\n") + 1)
    return Text(text, "UTF-8 with a byte-order mark")


def _utf16(raw: bytes, name: str) -> Text:
    try:
        text = raw.decode(name)
    except UnicodeDecodeError:
        raise BadFile(
            "utf16",
            "The file is written in UTF-16 and breaks off or is damaged. Save it as UTF-8.",
        ) from None
    if "\x00" in text:
        raise _nul(text[: text.index("\x00")].count("\n") + 1)
    return Text(text, "UTF-16")


def _latin(raw: bytes) -> Text:
    try:
        # What calls itself Latin-1 is Windows-1252 in practice, which has letters that are known.
        text = raw.decode("cp1252")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadFile(
            "encoding",
            f"Line {line} is neither UTF-8, UTF-16 nor Latin-1. Save the file as UTF-8.",
        ) from None
    return Text(text, "Latin-1 (Windows-1252)")


def _refuse_other_text(text: str) -> None:
    start = text[:_LOOKED_AT].lstrip("\ufeff")
    if _MARKUP.match(start):
        raise BadFile(
            "html",
            "This is a web page (HTML), perhaps a sign-in page that was saved instead of the "
            "report. Export the list as CSV.",
        )
    if _XML.match(start):
        raise BadFile("xml", "This is XML. Give a CSV file, or one org ID per line.")
    if _JSON.match(start):
        raise BadFile("json", "This is JSON. Give a CSV file, or one org ID per line.")
