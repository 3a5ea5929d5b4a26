"""The queue's settings, each of which was paid for by an experiment."""

from __future__ import annotations

import threading

from celery import current_app
from django.conf import settings

from pushboard.celery import BELL_EXPIRES, app


def test_nothing_is_redelivered_by_the_broker() -> None:
    assert app.conf.task_acks_late is False
    assert app.conf.worker_disable_prefetch is True
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_broker_that_does_not_answer_blocks_nobody_for_ever() -> None:
    options = app.conf.broker_transport_options

    assert options["socket_timeout"] == 5
    assert options["socket_connect_timeout"] == 2
    assert app.conf.task_publish_retry is False


def test_the_longest_step_fits_well_inside_the_visibility_timeout() -> None:
    assert app.conf.task_time_limit * 5 < app.conf.broker_transport_options["visibility_timeout"]
    assert settings.SALESFORCE["timeout"] < app.conf.task_soft_time_limit


def test_no_results_are_kept_and_only_json_is_read() -> None:
    assert app.conf["result_backend"] is None
    assert app.conf.task_ignore_result is True
    assert app.conf.accept_content == ["json"]


def test_every_bell_on_the_beat_expires_and_has_its_queue() -> None:
    beats = {
        entry["task"]: (entry["schedule"], entry["options"])
        for entry in app.conf.beat_schedule.values()
    }

    assert beats == {
        "rollouts.tasks.tick": (
            settings.TICK_SECONDS,
            {"queue": "act", "expires": BELL_EXPIRES},
        ),
        "rollouts.tasks.watch": (
            settings.TICK_SECONDS * 2,
            {"queue": "watch", "expires": BELL_EXPIRES},
        ),
        "rollouts.tasks.sync": (
            settings.SYNC_SECONDS,
            {"queue": "bulk", "expires": BELL_EXPIRES},
        ),
    }


def test_the_beat_rings_tasks_that_exist_and_expire_by_themselves() -> None:
    app.loader.import_default_modules()

    for entry in app.conf.beat_schedule.values():
        assert app.tasks[entry["task"]].expires == BELL_EXPIRES


def test_threads_of_the_web_server_use_our_app() -> None:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(current_app.main))
    thread.start()
    thread.join()

    assert seen == ["pushboard"]
