"""Lists of org ids as people have them: read if there is a way, else refused in clear words."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from rollouts.pipeline.id_lists import BadFile, IdList, read_file, read_pasted, shown
from tests.support.bad_files import GOOD, LINE_BY_LINE, LINES, REFUSED

TOKEN = "AQEAQ1secretsecretsecret.secret_secret"


def read(content: bytes | str) -> IdList:
    return read_file(io.BytesIO(content.encode() if isinstance(content, str) else content))


def answer(content: bytes) -> BadFile:
    with pytest.raises(BadFile) as refused:
        read(content)
    return refused.value


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_for_its_own_reason(name: str) -> None:
    make, code = REFUSED[name]

    refused = answer(make())

    assert refused.code == code
    assert str(refused).endswith("Nothing was changed.")


def test_no_two_bad_files_get_the_same_answer() -> None:
    cheap = {name: make for name, (make, _) in REFUSED.items() if "million" not in name}
    sentences = {str(answer(make())) for make in cheap.values()}
    sentences |= {read(content).refused[0].why for content, _ in LINE_BY_LINE.values()}

    assert len(sentences) == len(cheap) + len(LINE_BY_LINE)


@pytest.mark.parametrize("name", LINE_BY_LINE)
def test_a_bad_line_is_refused_with_its_reason(name: str) -> None:
    content, why = LINE_BY_LINE[name]

    assert any(why in one.why for one in read(content).refused)


def test_a_million_lines_are_counted_and_not_kept() -> None:
    content = io.BytesIO(REFUSED["a million lines"][0]())
    tracemalloc.start()

    with pytest.raises(BadFile, match="1,000,000 lines"):
        read_file(content)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 1024 * 1024


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.replace("\n", "\r\n") + "\r\n\r\n",
        LINES.replace("\n", "\r"),
        LINES.replace("\n", ", "),
        LINES.replace("\n", " "),
        LINES.replace("\n", ";"),
        "Org ID\n" + LINES,
        "org_id;name\n" + "\n".join(f"{key};Söhne & Co; Ltd" for key in GOOD),
        "Name\tOrg\n" + "\n".join(f"ACME\t{key}" for key in GOOD),
        "Name,Subscriber Org ID\n" + "\n".join(f'"ACME, Inc",{key}' for key in GOOD),
        "Id,Subscriber Org ID\n" + "\n".join(f"a0A5g000000XyZ9,{key}" for key in GOOD),
        "Org ID,Parent Org\n" + "\n".join(f"{key},{GOOD[0]}" for key in GOOD),
        "Address,Org ID\n" + "\n".join(f'"Line 1\nLine 2",{key}' for key in GOOD),
        "whose,wherefrom\n" + "\n".join(f"{key},Bremen" for key in GOOD),
        "\n".join(key[:15] for key in GOOD),
        "\n".join(key.lower() for key in GOOD),
        "\n".join(f"'{key}\u200b" for key in GOOD),
        "\n".join(f"https://acme.my.salesforce.com/?oid={key}" for key in GOOD),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_every_usual_shape_of_a_list_is_understood(content: str, encoding: str) -> None:
    if encoding == "cp1252" and "\u200b" in content:
        content = content.replace("\u200b", "\xa0")

    got = read(content.encode(encoding))

    assert got.found == tuple(GOOD)
    assert got.refused == ()


def test_lost_capitals_are_put_back_and_counted() -> None:
    assert read("\n".join(key.lower() for key in GOOD)).repaired == len(GOOD)
    assert read(LINES).repaired == 0
    assert read("\n".join(key[:15] for key in GOOD)).repaired == 0


def test_the_name_of_the_encoding_is_told() -> None:
    assert read(LINES).encoding == "UTF-8"
    assert read(f"Söhne\n{LINES}".encode("latin-1")).encoding == "Latin-1 (Windows-1252)"
    assert read(LINES.encode("utf-16-be")).encoding == "UTF-16"


def test_every_refused_line_has_its_number_and_reason_and_the_rest_is_taken() -> None:
    got = read(f"Org ID\n{GOOD[0]}\nhello\n{GOOD[1][:14]}\n{GOOD[0]}\n{GOOD[2]}\n")

    assert got.found == (GOOD[0], GOOD[2])
    assert [(one.line, one.text) for one in got.refused] == [
        (3, "hello"),
        (4, GOOD[1][:14]),
        (5, GOOD[0]),
    ]
    assert got.refused[2].why == "stands in line 2 already"


@pytest.mark.parametrize(
    "cell",
    [
        f"{GOOD[0]}!{TOKEN}",
        f"{GOOD[0]}%21{TOKEN}",
        f"https://acme.my.salesforce.com/secur/frontdoor.jsp?sid={GOOD[0]}!{TOKEN}",
        f"https://acme.my.salesforce.com/secur/frontdoor.jsp?sid={GOOD[0]}%21{TOKEN}",
    ],
)
def test_a_session_token_is_thrown_away_and_counted(cell: str) -> None:
    got = read(f"{cell}\n{GOOD[1]}")

    assert got.found == (GOOD[0], GOOD[1])
    assert got.tokens == 1
    assert "secret" not in repr(got)


@pytest.mark.parametrize(
    "cell",
    [
        f"{GOOD[0][:12]}!{TOKEN}",
        f"https://acme.my.salesforce.com/?sid={TOKEN}",
        f"{GOOD[0][:12]}%21{TOKEN}",
    ],
)
def test_not_even_a_refused_line_keeps_the_token(cell: str) -> None:
    got = read(f"{cell}\n{GOOD[1]}")

    assert len(got.refused) == 1
    assert "secret" not in repr(got)
    assert "secret" not in shown(cell)


def test_what_was_pasted_goes_by_the_same_rules() -> None:
    assert read_pasted(" ".join(GOOD)).found == tuple(GOOD)
    with pytest.raises(BadFile, match="Nothing was pasted"):
        read_pasted(" \n ")
    with pytest.raises(BadFile, match="NUL byte"):
        read_pasted("00D\x00")
    with pytest.raises(BadFile, match="web page"):
        read_pasted("<html><p>sorry</p></html>")


def test_what_is_refused_later_joins_the_other_refusals_in_order() -> None:
    got = read(f"{GOOD[0]}\nhello\n{GOOD[1]}\n").without({GOOD[0]: "no such org"})

    assert got.found == (GOOD[1],)
    assert next((one.line, one.why) for one in got.refused) == (1, "no such org")
    assert len(got.refused) == 2
