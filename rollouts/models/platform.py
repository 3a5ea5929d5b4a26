"""What the self-test found out about Salesforce, and the requests it made for that."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.models.connection import Connection


class PlatformAnswer(models.Model):
    """What one org answered to one open question about the platform, and when."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="answers")
    question = models.PositiveSmallIntegerField()
    answer = models.CharField(max_length=20)
    words = models.TextField()
    asked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "question"], name="one_answer_per_question"
            )
        ]

    def __str__(self) -> str:
        return f"question {self.question}: {self.answer}"


class SelfTestRequest(models.Model):
    """A push request of the self-test, remembered before it is created, until it is canceled.

    ``start_at`` is far in the future and used once per connection, so a request whose creation
    was not answered can be found by it. ``ended_at`` is set when it was read back as Canceled, or
    when it can't exist any more.
    """

    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="self_test_requests"
    )
    version_id = models.CharField(max_length=18)
    start_at = models.DateTimeField()
    sf_id = models.CharField(max_length=18, blank=True)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "start_at"], name="one_self_test_request_per_start"
            )
        ]

    def __str__(self) -> str:
        return f"self-test request {self.sf_id or 'without id'}"
