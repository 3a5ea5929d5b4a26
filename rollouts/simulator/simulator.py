"""The simulated Salesforce as a function from request to response."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Final

from . import (
    acts,
    control,
    faults,
    given,
    maintenance,
    oauth,
    progress,
    switches,
    trust,
    usage,
    witness,
    world,
)
from .acts import PackageEntry
from .bulk import engine
from .bulk.classic import classic
from .bulk.xml import PREFIX
from .calls import classify
from .clock import Clock, wall_now
from .faces import Face, OrgFace, faces
from .faults import FaultKind
from .messages import Request, Response
from .options import Options, Role
from .org_schema import OrgSchema
from .outcomes import ErrorRow, Outcome
from .query import fold
from .refusals import Refusal, not_found
from .rest import LONGEST_URL, rest, versions
from .shapes import refused
from .store import Work, WrongWorld, fact, open_store, remember
from .times import SECOND, from_ms, http_date, iso, to_ms
from .witness import Effect, Truth

log = logging.getLogger(__name__)

# What may be asked without a session.
_SIGN_IN: Final[dict[str, Callable[[Work, Request], Response]]] = {
    "/services/oauth2/token": oauth.token,
    "/services/oauth2/authorize": oauth.authorize,
    "/services/oauth2/revoke": oauth.revoke,
    "/services/oauth2/introspect": oauth.introspect,
    trust.PATH: trust.maintenances,
}


class Simulator:
    """One simulated org.

    `data` is a directory, or `:memory:`. `clock` gives simulated time as an aware date-time;
    without one it is the wall clock. Seed and number of orgs belong to the data: opening it with
    others raises WrongWorld. Safe to call from several threads.
    """

    def __init__(
        self,
        data: Path | str = ":memory:",
        *,
        seed: int = 7,
        orgs: int = 2_000,
        clock: Clock = wall_now,
        wall: Clock = wall_now,
        options: Options | None = None,
    ) -> None:
        self._given = options or Options()
        self.options = self._given
        self.seed = seed
        self._clock = clock
        self._wall = wall
        self._lock = RLock()
        self._db = open_store(data)
        self._db.create_function("folded", 1, fold, deterministic=True)
        self._last_seen = int(fact(self._db, "now") or 0)
        self._take_switches()
        self._settle(orgs)

    def _take_switches(self) -> None:
        kept = dict(self._db.execute("SELECT name, value FROM switch").fetchall())
        self.options = switches.switched(self._given, kept)

    @property
    def options(self) -> Options:
        """How this world behaves now."""
        return self._options

    @options.setter
    def options(self, options: Options) -> None:
        # Each call is answered by its org's own options, so these must change along.
        self._options = options
        self._faces = faces(options)
        self._tenants = {role.tenant: face for role, face in self._faces.items()}

    def _settle(self, orgs: int) -> None:
        known = {name: fact(self._db, name) for name in ("seed", "orgs", "role")}
        wanted = {"seed": str(self.seed), "orgs": str(orgs), "role": self.options.role.value}
        if known["seed"] is None:
            with self._turn() as work:
                world.generate(work, orgs)
                witness.note(work, "world_generated", detail=dict(wanted))
        elif known != wanted:
            self._db.close()
            raise WrongWorld(
                "This data directory holds another world "
                f"(seed {known['seed']}, {known['orgs']} orgs, role {known['role']}). "
                "Start with the same numbers, or name another data directory."
            )

    # --- calls ------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one request. Never raises; see Response for answers that don't arrive."""
        with self._turn() as work:
            if request.path == "/simulator" or request.path.startswith("/simulator/"):
                return control.answer(work, request)
            call = classify(request, self._face(request).schema)
            fault = faults.strike(work, request, call)
            if fault is None:
                return self._answer(work, request)
            response = faults.perform(fault, work, request, self._answer, self._answer_later)
            if response.status and "Date" not in response.headers:
                _stamp(replace(work, options=self._face(request).options), response)
            return response

    def face(self, role: Role) -> OrgFace:
        """One of the world's orgs; raises ValueError if it has none of this role."""
        if role not in self._faces:
            raise ValueError(f"This world has no {role}; it has {' and '.join(self._faces)}.")
        return OrgFace(role, self.handle)

    def _face(self, request: Request) -> Face:
        return self._faces[Role(request.role) if request.role else self.options.role]

    def _answer_later(self, request: Request) -> Response:
        with self._turn() as work:
            return self._answer(work, request)

    def _answer(self, work: Work, request: Request) -> Response:
        """Perform a call within the open transaction; a refused one leaves nothing behind."""
        face = self._face(request)
        work = replace(work, options=face.options)
        work.db.execute("SAVEPOINT call")
        try:
            response = self._route(work, face.schema, request)
        except Refusal as refusal:
            work.db.execute("ROLLBACK TO call")
            response = refused(request, refusal)
        except Exception:  # a fault of ours must look like one of theirs, and be told
            log.exception("The simulator failed at %s %s", request.method, request.path)
            work.db.execute("ROLLBACK TO call")
            response = Refusal(
                500, "UNKNOWN_EXCEPTION", "The simulator failed; its own log says why."
            ).response()
        work.db.execute("RELEASE call")
        _stamp(work, response)
        return response

    def _route(self, work: Work, schema: OrgSchema, request: Request) -> Response:
        path = request.path.rstrip("/")
        if request.length_of_url > LONGEST_URL:
            return Response(414, {"Content-Type": "text/html"}, b"<h1>URI Too Long</h1>")
        if (sign_in := _SIGN_IN.get(path)) is not None:
            return sign_in(work, request)
        if path == "/services/data" and request.method == "GET":
            return versions(work)
        maintenance.check_own(work)
        if path == "/services/oauth2/userinfo":
            oauth.authenticate(work, request)
            return oauth.userinfo(work, request)
        if path.startswith("/id/"):
            oauth.authenticate(work, request)
            return oauth.identity(work, request)
        if path.startswith(PREFIX):
            bearer = {"Authorization": f"Bearer {request.header('X-SFDC-Session')}"}
            oauth.authenticate(work, replace(request, headers=bearer))
            usage.count_call(work)
            return classic(work, schema, request)
        if path.startswith("/services/data/"):
            oauth.authenticate(work, request)
            usage.count_call(work)
            return rest(work, schema, request)
        raise not_found()

    def _other_event(self, work: Work, kind: str, body: str) -> None:
        if kind in engine.EVENTS:
            engine.happen(work, self._tenants, kind, body)
            return
        request = faults.unpacked(body)
        answer = self._answer(work, request)
        witness.note(work, "late_call", detail={"path": request.path, "status": answer.status})

    @contextmanager
    def _turn(self) -> Iterator[Work]:
        """One transaction at one moment, before which all that was due has happened."""
        with self._lock:
            # Whatever the clock does, what has been seen stays in the past.
            self._last_seen = now = max(to_ms(self._clock()), self._last_seen)
            work = Work(self._db, self.options, self.seed, now, to_ms(self._wall()))
            self._db.execute("BEGIN IMMEDIATE")
            try:
                progress.advance(work, self._other_event)
                engine.advance_wall(work, self._tenants)
                yield work
                remember(self._db, "now", now)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            if work.switched:
                self._take_switches()

    # --- for tests --------------------------------------------------------------------------

    def effects(self, after: int = 0) -> list[Effect]:
        """The effect log, brought up to now."""
        with self._turn() as work:
            return witness.effects(work.db, after)

    def truth(self, at: datetime | None = None, *, seq: int | None = None) -> Truth:
        """What was so at a simulated moment (now, if none), or after a line of the log."""
        with self._turn() as work:
            return witness.truth(work.db, work.now if at is None else to_ms(at), seq)

    def script(
        self,
        orgs: Sequence[str] | str = "all",
        outcome: Outcome | str = Outcome.FAIL,
        *,
        error: str | ErrorRow | Sequence[str | ErrorRow] | None = None,
        version_id: str | None = None,
        times: int | None = None,
    ) -> None:
        """Say how jobs of these orgs (keys of 15 or 18 characters) will go from now on.

        `error` is a name of `outcomes.CATALOGUE`, an error row, or several. `times` limits the
        script to so many jobs of each org named.
        """
        with self._turn() as work:
            acts.script(work, orgs, outcome, error, version_id, times)

    def give(
        self,
        name: str,
        namespace: str,
        versions: Sequence[given.GivenVersion],
        orgs: Sequence[given.GivenOrg],
    ) -> Mapping[str, str]:
        """Put one described package with its orgs in place of all that was invented.

        Gives each version's id by its number.
        """
        with self._turn() as work:
            return given.replace_world(work, name, namespace, versions, orgs)

    def plan_fault(self, kind: FaultKind | str, **how: object) -> None:
        """Plan a fault; the names are those of `faults.Fault`."""
        with self._turn() as work:
            faults.plan(work, acts.fault_of({"fault": kind, **how}))

    def change_org(self, org: str, **change: object) -> None:
        """Let something happen in an org by itself; see `acts.change_org`."""
        with self._turn() as work:
            acts.change_org(work, {"org": org, **change})

    def switch(self, **values: object) -> None:
        """Change options while it runs; the names are those of `switches.SAYS`."""
        with self._turn() as work:
            switches.turn(work, values)

    def expire_sessions(self) -> None:
        """End every access token."""
        with self._turn() as work:
            oauth.revoke_all(work)

    def revoke_access(self) -> None:
        """End every session and refresh token, as an admin of the org would."""
        with self._turn() as work:
            oauth.revoke_refresh_tokens(work)

    def catalog(self) -> dict[str, PackageEntry]:
        """Package and version ids by their names: {"Harbor": {"id", "versions": {"4.2.2": id}}}."""
        with self._turn() as work:
            return acts.catalog(work)

    def version_id(self, package: str, number: str) -> str:
        """The id of a version such as ("Harbor", "4.2.2")."""
        return self.catalog()[package]["versions"][number]

    def set_clock(self, clock: Clock) -> None:
        """Take time from another clock from now on; it can't go back."""
        with self._lock:
            self._clock = clock

    def now(self) -> datetime:
        """The simulated time the simulator has reached."""
        with self._turn() as work:
            return from_ms(work.now)

    def close(self) -> None:
        """Close the store; nothing is pending in memory."""
        with self._lock:
            self._db.close()


def _stamp(work: Work, response: Response) -> None:
    """What every answer carries. The X- headers are ours, for tests that ask the witness."""
    response.headers["Date"] = http_date(work.now + work.options.clock_offset * SECOND)
    response.headers["Sforce-Limit-Info"] = usage.header(work)
    response.headers["X-Simulator-Now"] = iso(work.now)
    last = work.db.execute("SELECT MAX(seq) FROM effect").fetchone()[0]
    response.headers["X-Simulator-Effect"] = str(last or 0)
