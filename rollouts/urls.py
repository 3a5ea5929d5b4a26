"""Addresses of the pages: nouns, then which one, then one verb. No address acts on GET."""

from __future__ import annotations

from django.urls import path

from rollouts.views import (
    approvals,
    batches,
    connecting,
    connections,
    control,
    home,
    orgs,
    planning,
    reasons,
    rollouts,
    signing,
    status,
    stop,
    waves,
)

ROLLOUT = "rollouts/<slug:slug>/"
WAVE = ROLLOUT + "waves/<int:number>/"
LINK = "connections/<int:pk>/"
BATCH = ROLLOUT + "batches/<int:pk>/"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", signing.sign_in, name="sign-in"),
    path("sign-out/", signing.sign_out, name="sign-out"),
    path("find/", orgs.find, name="find"),
    path("orgs/<str:key>/", orgs.org, name="org"),
    path("orgs/<str:key>/refresh/", orgs.refresh_org, name="org-refresh"),
    path("rollouts/", rollouts.rollouts, name="rollouts"),
    path("rollouts/new/", planning.version, name="rollout-new"),
    path("rollouts/new/audience/", planning.audience, name="rollout-new-audience"),
    path("rollouts/new/waves/", planning.waves, name="rollout-new-waves"),
    path(ROLLOUT, rollouts.rollout, name="rollout"),
    path(ROLLOUT + "left-out/", rollouts.left_out, name="rollout-left-out"),
    path(ROLLOUT + "pause/", control.pause, name="rollout-pause"),
    path(ROLLOUT + "lift-pause/", control.lift_pause, name="rollout-lift-pause"),
    path(ROLLOUT + "reason/", reasons.rollout_reason, name="rollout-reason"),
    path(ROLLOUT + "halt/", control.halt, name="rollout-halt"),
    path(ROLLOUT + "resume/", control.resume, name="rollout-resume"),
    path(ROLLOUT + "abort/", control.abort, name="rollout-abort"),
    path(WAVE, waves.wave, name="wave"),
    path(WAVE + "freeze/", waves.freeze, name="wave-freeze"),
    path(WAVE + "edit/", waves.edit, name="wave-edit"),
    path(WAVE + "approve/", approvals.wave_approve, name="wave-approve"),
    path(WAVE + "send-back/", approvals.send_back, name="wave-send-back"),
    path(WAVE + "withdraw/", waves.withdraw, name="wave-withdraw"),
    path(WAVE + "look-over/", waves.look_over, name="wave-look-over"),
    path(WAVE + "retry/", waves.retry, name="wave-retry"),
    path(WAVE + "close/", waves.close, name="wave-close"),
    path(BATCH, batches.batch, name="batch"),
    path(BATCH + "recall/", batches.recall, name="batch-recall"),
    path(BATCH + "gone/", batches.ask_gone, name="batch-ask-gone"),
    path(BATCH + "gone/confirm/", batches.confirm_gone, name="batch-confirm-gone"),
    path(BATCH + "look-again/", batches.look_again, name="batch-look-again"),
    path("stop/", stop.stop, name="stop"),
    path("stop/reason/", reasons.stop_reason, name="stop-reason"),
    path("stop/ask-lift/", stop.ask_lift, name="stop-ask-lift"),
    path("stop/confirm-lift/", stop.confirm_lift, name="stop-confirm-lift"),
    path("connections/", connections.connections_list, name="connections"),
    path("connections/new/", connecting.new, name="connection-new"),
    path("connections/signed-in/", connecting.signed_in, name="connection-signed-in"),
    path(LINK, connections.connection, name="connection"),
    path(LINK + "certificate/", connections.certificate, name="connection-certificate"),
    path(LINK + "check/", connections.check, name="connection-check"),
    path(LINK + "change/", connecting.change, name="connection-change"),
    path(LINK + "rotate/", connecting.rotate, name="connection-rotate"),
    path(LINK + "make-key/", connecting.make_key, name="connection-make-key"),
    path(LINK + "switch-key/", connecting.switch_key, name="connection-switch-key"),
    path(LINK + "push-on/", connecting.push_on, name="connection-push-on"),
    path(LINK + "push-off/", connections.push_off, name="connection-push-off"),
    path(LINK + "disconnect/", connecting.disconnect, name="connection-disconnect"),
    path(LINK + "self-test/", connecting.self_test, name="connection-self-test"),
    path(LINK + "sign-in/", connecting.sign_in, name="connection-sign-in"),
    path("status/", status.status, name="status"),
    path("status/syncs/<int:pk>/", status.let_through, name="sync-let-through"),
    path("sync/", status.sync, name="sync"),
]
