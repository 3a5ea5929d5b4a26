"""Rows, constraints and querysets that speak the domain's words."""

from __future__ import annotations

from rollouts.models.audience import (
    AudienceVersion,
    CustomerWord,
    IdListRead,
    Mark,
    MarkKind,
    SavedAudience,
)
from rollouts.models.calendar import (
    FiscalYear,
    FreezeOverride,
    FreezeRow,
    Maintenance,
    MaintenanceSource,
    TrustRead,
    WindowRule,
    WindowScope,
    ZoneWord,
)
from rollouts.models.catalog import Package, PackageVersion
from rollouts.models.connection import Connection
from rollouts.models.deployment import Deployment, Heartbeat, Lease
from rollouts.models.domains import OrgDomain
from rollouts.models.draft import Draft
from rollouts.models.drift import DriftItem
from rollouts.models.event import SYSTEM, ChainHead, Event
from rollouts.models.foresight import CheckMark, PackageDependency, Rehearsal
from rollouts.models.licences import Account, Licence
from rollouts.models.orgs import (
    Exclusion,
    Installation,
    Org,
    Since,
    SyncLeave,
    SyncRun,
    VersionChange,
)
from rollouts.models.people import Person, RoleGrant
from rollouts.models.platform import PlatformAnswer, SelfTestRequest
from rollouts.models.profiles import EmergencyReview, PolicyVersion
from rollouts.models.push import Attempt, Batch, PushError, RemoteCall
from rollouts.models.review import Approval, FrozenList, FrozenOrg
from rollouts.models.rollout import Hold, HoldKind, Rollout, Target, Wave
from rollouts.models.strangers import Ask, AskKind, Stranger
from rollouts.models.triage import FailureTriage
from rollouts.models.views import SavedView

__all__ = [
    "SYSTEM",
    "Account",
    "Approval",
    "Ask",
    "AskKind",
    "Attempt",
    "AudienceVersion",
    "Batch",
    "ChainHead",
    "CheckMark",
    "Connection",
    "CustomerWord",
    "Deployment",
    "Draft",
    "DriftItem",
    "EmergencyReview",
    "Event",
    "Exclusion",
    "FailureTriage",
    "FiscalYear",
    "FreezeOverride",
    "FreezeRow",
    "FrozenList",
    "FrozenOrg",
    "Heartbeat",
    "Hold",
    "HoldKind",
    "IdListRead",
    "Installation",
    "Lease",
    "Licence",
    "Maintenance",
    "MaintenanceSource",
    "Mark",
    "MarkKind",
    "Org",
    "OrgDomain",
    "Package",
    "PackageDependency",
    "PackageVersion",
    "Person",
    "PlatformAnswer",
    "PolicyVersion",
    "PushError",
    "Rehearsal",
    "RemoteCall",
    "RoleGrant",
    "Rollout",
    "SavedAudience",
    "SavedView",
    "SelfTestRequest",
    "Since",
    "Stranger",
    "SyncLeave",
    "SyncRun",
    "Target",
    "TrustRead",
    "VersionChange",
    "Wave",
    "WindowRule",
    "WindowScope",
    "ZoneWord",
]
