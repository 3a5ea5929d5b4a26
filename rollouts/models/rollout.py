"""A rollout, its waves and targets, and the holds that keep it from starting anything."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.domain.lifecycle import (
    ROLLOUT_ENDS,
    ROLLOUT_RUNS,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.schedule import Schedule
from rollouts.models.catalog import PackageVersion
from rollouts.models.orgs import Org
from rollouts.models.people import Person


def choices_of(
    enum: type[RolloutState | WaveState | TargetState | WaveKind],
) -> list[tuple[str, str]]:
    """Return plain values for a field's choices, so that no enum member gets into a migration."""
    return [(member.value, member.value) for member in enum]


def only(field: str, values: list[tuple[str, str]], name: str) -> models.CheckConstraint:
    """Let the database refuse any state that the lifecycle table does not know."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__in": [value for value, _ in values]}), name=name
    )


class RolloutQuerySet(models.QuerySet["Rollout"]):
    """Rollouts in the words of the domain."""

    def running(self) -> RolloutQuerySet:
        """Those that the conductor looks after."""
        return self.filter(state__in=[state.value for state in ROLLOUT_RUNS])

    def ended(self) -> RolloutQuerySet:
        """Those that are over."""
        return self.filter(state__in=[state.value for state in ROLLOUT_ENDS])


class Rollout(models.Model):
    """The decision to bring a set of orgs to one package version."""

    slug = models.SlugField(max_length=60, unique=True, allow_unicode=False)
    to_version = models.ForeignKey(
        PackageVersion, on_delete=models.PROTECT, related_name="rollouts"
    )
    kind = models.CharField(max_length=8)
    state = models.CharField(
        max_length=24, choices=choices_of(RolloutState), default=RolloutState.DRAFT.value
    )
    reason = models.TextField(blank=True, help_text="why it is halted or being aborted")
    halted_by = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="who halted it; nobody when a rule did",
    )
    supersedes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="successors",
        help_text="the older rollout whose left orgs it took over",
    )
    epoch = models.IntegerField(default=0, help_text="raised by every halt; old work is void")
    policy_json = models.JSONField()
    policy_number = models.PositiveIntegerField(
        null=True, blank=True, help_text="version of its profile; 0 as delivered, none: not kept"
    )
    editors = models.ManyToManyField(
        Person,
        related_name="+",
        blank=True,
        help_text="who worked on its draft; none of them approves any of it",
    )
    audience = models.JSONField(
        default=dict, help_text="what the planner chose, in words of a form"
    )
    left_out = models.JSONField(default=dict, help_text="org id to the reason it is not in")
    schedule = models.JSONField(
        null=True,
        blank=True,
        help_text="whose hours count, and when waves may start first",
    )
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="rollouts")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="when the list of what is left to do was closed"
    )
    sf_as_of = models.DateTimeField(
        null=True, blank=True, help_text="just before the last complete read of its open requests"
    )
    version = models.IntegerField(default=0, help_text="raised with each change that a page shows")

    objects = RolloutQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            only("state", choices_of(RolloutState), "rollout_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def policy(self) -> Policy:
        """The rules it was planned under."""
        return Policy.from_json(self.policy_json)

    @property
    def when(self) -> Schedule:
        """What its planner said about its times."""
        return Schedule.from_json(self.schedule)


class Wave(models.Model):
    """An ordered part of a rollout that is approved as one frozen list."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=12, choices=choices_of(WaveKind))
    state = models.CharField(
        max_length=12, choices=choices_of(WaveState), default=WaveState.PLANNED.value
    )
    reason = models.TextField(blank=True)
    bake = models.IntegerField(help_text="seconds")
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    review = models.TextField(blank=True, help_text="a hold for a look; empty when none")
    frozen_list = models.ForeignKey(
        "rollouts.FrozenList", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    editors = models.ManyToManyField(
        Person, related_name="+", blank=True, help_text="who put orgs in or out of it by hand"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    baked_until = models.DateTimeField(null=True, blank=True)
    passed_at = models.DateTimeField(null=True, blank=True)
    # Why nothing of it can start just now though people allow it, as last computed.
    next_start_at = models.DateTimeField(null=True, blank=True)
    next_start_orgs = models.PositiveIntegerField(null=True, blank=True)
    hours_because = models.TextField(  # noqa: DJ001 - nullable, so that SQLite adds it in place
        null=True, blank=True, help_text="why none of its orgs can start now"
    )
    hours_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["rollout", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rollout", "number"], name="one_wave_per_number"),
            only("state", choices_of(WaveState), "wave_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.rollout}: wave {self.number}"


class Target(models.Model):
    """One org in one rollout."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="targets")
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="targets")
    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="targets")
    from_version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    place = models.IntegerField(help_text="order within the wave")
    state = models.CharField(
        max_length=16, choices=choices_of(TargetState), default=TargetState.PLANNED.value
    )
    reason = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering: ClassVar = ["wave", "place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rollout", "org"], name="one_target_per_org"),
            only("state", choices_of(TargetState), "target_state_is_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["wave", "state"])]

    def __str__(self) -> str:
        return f"{self.org} in {self.wave}"


class HoldKind(models.TextChoices):
    """Holds that people set; those made by the clock or by data are computed, not stored."""

    PAUSED = "paused", "paused"
    STOP_EVERYTHING = "stop_everything", "everything is stopped"


class HoldQuerySet(models.QuerySet["Hold"]):
    """Holds in the words of the domain."""

    def in_force(self) -> HoldQuerySet:
        """Those that nobody has lifted."""
        return self.filter(lifted_at=None)


class Hold(models.Model):
    """Why nothing new starts just now: set by a person, for one rollout or for all."""

    rollout = models.ForeignKey(
        Rollout, on_delete=models.CASCADE, null=True, blank=True, related_name="holds"
    )
    kind = models.CharField(max_length=16, choices=HoldKind.choices)
    reason = models.TextField(blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    lift_asked_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lift_asked_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rollout", "kind"],
                condition=models.Q(lifted_at=None),
                name="one_open_hold_per_kind",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(lifted_at=None, rollout=None),
                name="one_open_hold_over_all",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} since {self.since}"
