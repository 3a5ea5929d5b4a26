// Pushboard's only script; every page works without it. It makes live parts move, keeps ages honest
// and says when the connection or the session is lost. Behaviour hangs on data- attributes.

const ACTIVE_MS = 2_000; // somebody is reading: matches how often the engine looks at Salesforce
const IDLE_MS = 15_000;
const HIDDEN_MS = 60_000;
const IDLE_AFTER_MS = 60_000;
const SLOWEST_RETRY_MS = 60_000;
const ANNOUNCE_MS = 15_000;

const page = document.documentElement;
const banner = (name) => document.querySelector(`[data-banner="${name}"]`);

// -- time: business time runs by a factor in simulation mode ---------------------------------

const pageNow = Date.parse(page.dataset.now || "") || Date.now();
const factor = Number(page.dataset.factor || 1);
const loadedAt = performance.now();
const now = () => pageNow + (performance.now() - loadedAt) * factor;

function ageInWords(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function refreshAges() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = (now() - Date.parse(time.dateTime)) / 1000;
    if (seconds < 86_400) time.textContent = ageInWords(seconds);
    else if (time.dataset.ago) time.textContent = time.dataset.ago;
    const late = Number(time.dataset.lateAfter || Infinity);
    time.closest(".fresh")?.classList.toggle("fresh--late", seconds > late);
  }
  for (const clock of document.querySelectorAll("[data-clock]")) {
    const at = new Date(now());
    clock.textContent = `${at.toUTCString().slice(0, 11).replace(",", "")}, ${at.toISOString().slice(11, 19)} UTC`;
  }
}

function addLocalTitles(within) {
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const time of within.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = `${at.toISOString().replace("T", " ").slice(0, 19)} UTC, ${local.format(at)} in ${zone}`;
  }
}

// -- heartbeat -------------------------------------------------------------------------------

let lastActive = performance.now();
let failures = 0;
let signedOut = false;
let timer = 0;
const isLive = () => document.querySelector("[data-live]") !== null;
const isPaused = () => page.hasAttribute("data-updates-paused");

function delay() {
  if (failures) return Math.min(SLOWEST_RETRY_MS, ACTIVE_MS * 2 ** failures) * (0.8 + Math.random() * 0.4);
  if (document.hidden) return HIDDEN_MS;
  return performance.now() - lastActive < IDLE_AFTER_MS ? ACTIVE_MS : IDLE_MS;
}

function beat() {
  if (isLive() && !isPaused() && !signedOut) htmx.trigger(document.body, "pb:tick");
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (isLive()) timer = setTimeout(beat, delay());
}

for (const sign of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  addEventListener(sign, () => {
    const wasIdle = performance.now() - lastActive >= IDLE_AFTER_MS;
    lastActive = performance.now();
    if (wasIdle) beat();
  }, { passive: true });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { lastActive = performance.now(); signedOut = false; beat(); } else schedule();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pause-updates]");
  if (!button) return;
  const paused = page.toggleAttribute("data-updates-paused");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? `Paused at ${new Date().toLocaleTimeString()}. Resume` : "Pause updates";
  if (!paused) beat();
});

// -- lost connection, signed out -------------------------------------------------------------

function lost() {
  failures += 1;
  const bar = banner("lost");
  if (failures < 2 || !bar?.hidden) return; // one dropped request is no news
  bar.querySelector("[data-since]").textContent = new Date().toLocaleTimeString();
  bar.hidden = false;
}

function found() {
  failures = 0;
  signedOut = false;
  for (const bar of document.querySelectorAll("[data-banner]")) bar.hidden = true;
}

document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:timeout", lost);
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status >= 500) lost();
  if (status !== 401) return;
  signedOut = true;
  banner("signed-out")?.removeAttribute("hidden");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) found();
});

// -- swaps leave hands and eyes where they are -----------------------------------------------

const isField = (element) => element?.matches?.("input, textarea, select");

function isInUse(region) {
  const focused = document.activeElement;
  if (isField(focused) && region.contains(focused)) return true;
  const selection = getSelection();
  return !selection.isCollapsed && region.contains(selection.anchorNode);
}

// What finds the same control again after a swap: its id, else what it does and says.
function traceOf(element) {
  if (!element || element === document.body || element.id) return null;
  const twins = (within) => [...within.querySelectorAll(element.localName)].filter(
    (twin) => twin.getAttribute("href") === element.getAttribute("href")
      && twin.textContent.trim() === element.textContent.trim());
  const region = element.closest("[data-live]");
  return region && { index: twins(region).indexOf(element), twins };
}

let trace = null;
let openFolds = [];

document.addEventListener("htmx:beforeSwap", (event) => {
  const region = event.detail.target;
  if (!region.matches?.("[data-live]")) return;
  if (isInUse(region) || isPaused()) { event.detail.shouldSwap = false; return; }
  trace = region.contains(document.activeElement) ? traceOf(document.activeElement) : null;
  openFolds = [...region.querySelectorAll("details[open][id]")].map((fold) => fold.id);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const region = document.getElementById(event.detail.target.id) || event.detail.target;
  for (const id of openFolds) document.getElementById(id)?.setAttribute("open", "");
  if (trace) trace.twins(region)[trace.index]?.focus({ preventScroll: true });
  trace = null;
  openFolds = [];
  if (region.dataset?.title) document.title = region.dataset.title;
  announce(region);
  watchHeader();
  refreshAges();
  addLocalTitles(region);
});

let announced = document.querySelector("[data-announce]")?.dataset.announce || "";
let announcedAt = -Infinity;

// Screen readers hear a change once; what moves by itself at most every fifteen seconds.
function announce(region) {
  const said = region.matches("[data-announce]") ? region : region.querySelector("[data-announce]");
  const text = said?.dataset.announce;
  if (!text || text === announced) return;
  if (region.matches("[data-live]") && performance.now() - announcedAt < ANNOUNCE_MS) return;
  announced = text;
  announcedAt = performance.now();
  document.getElementById("sr-status").textContent = text;
}

// -- keyboard, copying, sending once ---------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-search]");
  if (event.key === "Escape" && event.target === search) {
    document.getElementById("suggestions")?.replaceChildren();
  }
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isField(event.target) || event.target.isContentEditable) return;
  event.preventDefault();
  search?.focus();
  search?.select();
});

// A session id behind an org id ("00D...!AQ...") is a secret: it never leaves the field.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-search]")) return;
  const clean = event.target.value.replace(/(00D[a-z0-9]{12,15})!\S*/gi, "$1");
  if (clean !== event.target.value) event.target.value = clean;
}, { capture: true });

document.addEventListener("click", async (event) => {
  const open = document.querySelector("details.menu[open]");
  if (open && !open.contains(event.target)) open.open = false;
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("[data-label]") || button;
  const said = label.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "Copied";
    document.getElementById("sr-status").textContent = "Copied";
  } catch { // no clipboard outside a secure context: select it for the person instead
    label.textContent = "Press Ctrl+C";
    getSelection().selectAllChildren(document.getElementById(button.dataset.copyFrom) || button);
  }
  setTimeout(() => { label.textContent = said; }, 2_000);
});

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  if (event.target.hasAttribute("data-sent")) { event.preventDefault(); return; }
  event.target.setAttribute("data-sent", "");
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

// On a phone Pause and Halt come to the foot of the screen once those of the header are gone.
const headerSeen = new IntersectionObserver(([seen]) => {
  page.toggleAttribute("data-header-gone", !seen.isIntersecting);
});

function watchHeader() {
  headerSeen.disconnect();
  const actions = document.querySelector(".phead__actions");
  if (actions) headerSeen.observe(actions);
}

watchHeader();
setInterval(refreshAges, 1_000);
refreshAges();
addLocalTitles(document);
schedule();
