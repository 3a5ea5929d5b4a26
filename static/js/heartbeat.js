// Asks for what is new: every two seconds while somebody reads, every fifteen when nobody has moved for
// a minute, once a minute in a hidden tab, at once on return; never for what has ended. A page without a
// live part is only asked whether its session still stands, when somebody comes back to it.

import { addLocalTitles, alarm, isPaused, learn, now, refreshAges, timeOfDay } from "./words.js";

const ACTIVE_MS = 2_000;
const IDLE_MS = 15_000;
const HIDDEN_MS = 60_000;
const IDLE_AFTER_MS = 60_000;
const BACK_OFF_MS = [2_000, 4_000, 8_000, 16_000, 30_000, 60_000];
// One dropped request is none.
const NEWS = 2;

const page = document.documentElement;
const banner = (name) => document.querySelector(`[data-banner="${name}"]`);
const isLive = () => document.querySelector("[data-live]") !== null;

let lastActive = performance.now();
let failures = 0;
let signedOut = false;
let timer = 0;
let shownAt = now();

function delay() {
  const jitter = 0.8 + Math.random() * 0.4;
  const failing = failures ? BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length) - 1] * jitter : 0;
  if (document.hidden) return Math.max(HIDDEN_MS, failing);
  if (failing) return failing;
  // Somebody in a field or with text marked is not shown anything new: no need to hurry.
  if (page.hasAttribute("data-updates-wait")) return IDLE_MS;
  return performance.now() - lastActive < IDLE_AFTER_MS ? ACTIVE_MS : IDLE_MS;
}

export function schedule() {
  clearTimeout(timer);
  timer = !signedOut && (isLive() ? !isPaused() : failures) ? setTimeout(beat, delay()) : 0;
}

export function beat() {
  if (isPaused()) return;
  if (isLive() && !signedOut) htmx.trigger(document.body, "pb:tick");
  else askSession();
  schedule();
}

export const isSignedOut = () => signedOut;

// -- what answers say ------------------------------------------------------------------------

function lost(isCertain) {
  failures += 1;
  const bar = banner("lost");
  if (bar?.hidden && (isCertain || failures >= NEWS)) {
    bar.querySelector("[data-since]").textContent = timeOfDay(shownAt);
    bar.hidden = false;
  }
  schedule();
}

function reached() {
  const wasLost = failures > 0;
  failures = 0;
  shownAt = now();
  if (banner("lost")) banner("lost").hidden = true;
  if (wasLost) schedule();
}

export function endSession(name = "signed-out") {
  const bar = banner(name);
  if (bar?.hidden) {
    bar.hidden = false;
    alarm(bar.querySelector(".banner__text").textContent.trim());
  }
  signedOut = true;
  schedule();
}

function goOn() {
  signedOut = false;
  for (const name of ["signed-out", "other-person"]) banner(name)?.setAttribute("hidden", "");
}

// Somebody who signs in again has a new form token: forms that were open take it and stay good. Forms
// of one person are never sent in another one's name.
async function askSession() {
  if (!page.dataset.session) return;
  let answer;
  try {
    answer = await fetch(page.dataset.session, { headers: { "HX-Request": "true" }, cache: "no-store" });
  } catch {
    lost(false);
    return;
  }
  if (answer.status >= 500) { lost(false); return; }
  reached();
  if (answer.status === 401) { endSession(); return; }
  if (!answer.ok) return;
  const session = await answer.json();
  if (session.person !== page.dataset.person) { endSession("other-person"); return; }
  const wasOut = signedOut;
  for (const field of document.querySelectorAll('input[name="csrfmiddlewaretoken"]')) field.value = session.token;
  goOn();
  if (wasOut && isLive()) beat();
}

document.addEventListener("htmx:sendError", () => lost(false));
document.addEventListener("htmx:timeout", () => lost(false));
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  if (xhr.status >= 500) lost(false);
  else if (xhr.status === 401) endSession();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) reached();
});
document.addEventListener("htmx:oobAfterSwap", ({ detail: { target } }) => {
  if (target?.id !== "ages") return;
  learn(document.getElementById("ages")?.dataset.now);
});

// -- who is there ----------------------------------------------------------------------------

for (const sign of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  addEventListener(sign, () => {
    const wasIdle = performance.now() - lastActive >= IDLE_AFTER_MS;
    lastActive = performance.now();
    if (wasIdle && isLive()) beat();
  }, { passive: true });
}

function comeBack() {
  lastActive = performance.now();
  if (signedOut) askSession();
  else beat();
}

document.addEventListener("visibilitychange", () => (document.hidden ? schedule() : comeBack()));
addEventListener("focus", () => { if (signedOut) comeBack(); });
addEventListener("offline", () => lost(true));
addEventListener("online", comeBack);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pause-updates]");
  if (!button) return;
  const paused = page.toggleAttribute("data-updates-paused");
  const words = paused ? `Paused at ${timeOfDay(now())}. Resume` : "Pause updates";
  for (const one of document.querySelectorAll("[data-pause-updates]")) {
    one.setAttribute("aria-pressed", String(paused));
    one.textContent = words;
  }
  refreshAges();
  addLocalTitles(document);
  if (paused) schedule();
  else beat();
});

schedule();
