"""`python -m tests.interop`: run the clients, judge them, and with --write say so in the docs."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import cci, certs, report, sf
from .install import SCRATCH, CantInstall, Tools, tools
from .judge import Book
from .org import Org


class Run:
    """One run of everything, in a folder of its own under var/interop."""

    def __init__(self, found: Tools) -> None:
        self._tools = found
        self._folder = SCRATCH / "run"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        *self._tls, self._bundle = certs.make(self._folder)
        self.book = Book()

    def salesforce_cli(self) -> None:
        """The Salesforce CLI, every command of it that pushes."""
        with contextlib.ExitStack() as ending:
            cli = self._cli(self._folder / "devhub", self.book, ending)
            sf.sign_in(cli)
            request_id = sf.schedule(cli)
            sf.schedule_refused(cli)
            sf.abort(cli, request_id)
            sf.report(cli)
            sf.listed(cli)
            sf.query(cli)

    def cumulusci(self) -> None:
        """CumulusCI, every task of it that pushes."""
        with contextlib.ExitStack() as ending:
            client = self._cumulusci(self._folder / "packaging", self.book, ending)
            cci.push_list(client)
            cci.push_list_refused(client)
            cci.push_all(client)
            cci.push_failure_report(client)

    def spoilt(self) -> dict[str, str]:
        """Break one answer at a time; gives the command that failed by it, by the answer's name."""
        return {
            "no-failed-rows": self._spoilt_cli("no-failed-rows", sf.schedule_refused),
            "counts-without-names": self._spoilt_cli("counts-without-names", sf.report),
            "trees-never-fail": self._spoilt_cumulusci("trees-never-fail", cci.push_list_refused),
            "no-children": self._spoilt_cumulusci("no-children", cci.push_failure_report),
        }

    def _spoilt_cli(self, spoil: str, story: Callable[[sf.SalesforceCli], object]) -> str:
        book = Book()
        with contextlib.ExitStack() as ending:
            cli = self._cli(self._folder / spoil, book, ending, spoil=spoil)
            with _quiet():
                sf.sign_in(cli)
                story(cli)
        return _noticed(spoil, book)

    def _spoilt_cumulusci(self, spoil: str, story: Callable[[cci.CumulusCi], object]) -> str:
        book = Book()
        with contextlib.ExitStack() as ending:
            client = self._cumulusci(self._folder / spoil, book, ending, spoil=spoil)
            with _quiet():
                story(client)
        return _noticed(spoil, book)

    def _cli(
        self,
        folder: Path,
        book: Book,
        ending: contextlib.ExitStack,
        *,
        spoil: str | None = None,
    ) -> sf.SalesforceCli:
        org = Org(folder, "devhub", 5_000, spoil=spoil)
        ending.callback(org.stop)
        return sf.SalesforceCli(self._tools, org, folder / "home", book)

    def _cumulusci(
        self,
        folder: Path,
        book: Book,
        ending: contextlib.ExitStack,
        *,
        spoil: str | None = None,
    ) -> cci.CumulusCi:
        tls = (self._tls[0], self._tls[1])
        org = Org(folder, "packaging", 400, tls=tls, bundle=self._bundle, spoil=spoil)
        ending.callback(org.stop)
        return cci.CumulusCi(self._tools, org, folder / "home", self._bundle, book)


def _quiet() -> contextlib.redirect_stdout[io.StringIO]:
    return contextlib.redirect_stdout(io.StringIO())


def _noticed(spoil: str, book: Book) -> str:
    failed = next((case.command for case in book.cases if case.problems), "")
    print(f"  {'ok  ' if failed else 'FAIL'}  spoilt: {spoil}", flush=True)
    return failed


def main() -> int:
    """0 when every claim held, 1 when one did not, 2 when a client can't be had."""
    parser = argparse.ArgumentParser(prog="make interop", description=__doc__)
    parser.add_argument("--newest", action="store_true", help="the clients' newest versions")
    parser.add_argument("--write", action="store_true", help="write docs/interop.md")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        found = tools(newest=given.newest)
    except CantInstall as problem:
        print(problem, file=sys.stderr)
        return 2
    for name, version in found.versions.items():
        print(f"        {name} {version}")
    run = Run(found)
    run.salesforce_cli()
    run.cumulusci()
    noticed = run.spoilt()
    unnoticed = [name for name, command in noticed.items() if not command]
    count = len(run.book.cases)
    wrong = len([case for case in run.book.cases if case.problems])
    print(
        f"\n{count - wrong} of {count} commands did what they should; "
        f"{len(noticed) - len(unnoticed)} of {len(noticed)} broken answers were noticed "
        f"({time.monotonic() - began:.0f} s)."
    )
    if wrong or unnoticed:
        return 1
    if given.write:
        report.write(found.versions, run.book.cases, noticed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
