// What a page says by itself: how old things are, and what is read out.

// -- time ------------------------------------------------------------------------------------

// Business time runs by a factor in simulation mode. Ages grow, turn late and then very late without a
// word from the server. Times of day are UTC, as everywhere.

const page = document.documentElement;
const factor = Number(page.dataset.factor || 1);
// Late is twice what is usual, very late ten times.
const VERY_LATE = 5;
const A_DAY = 86_400;

let known = Date.parse(page.dataset.now || "") || Date.now();
let knownAt = Date.now();

export const now = () => known + (Date.now() - knownAt) * factor;
export const timeOfDay = (at) => `${new Date(at).toISOString().slice(11, 19)} UTC`;
export const isPaused = () => page.hasAttribute("data-updates-paused");

// Each answer of the server brings its time along: a laptop that slept is put right again.
export function learn(iso) {
  const told = Date.parse(iso || "");
  if (Number.isNaN(told)) return;
  known = told;
  knownAt = Date.now();
}

function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * A_DAY ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / A_DAY)} d`;
}

function lateness(seconds, late) {
  if (!(seconds > late)) return "";
  return seconds > late * VERY_LATE ? "very late" : "late";
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showAge(time) {
  const seconds = (now() - Date.parse(time.dateTime)) / 1000;
  const words = lateness(seconds, Number(time.dataset.lateAfter || Infinity));
  const absolute = isPaused() || seconds >= A_DAY;
  const age = absolute && time.dataset.ago ? time.dataset.ago : `${span(seconds)} ago`;
  setText(time, words ? `${age}, ${words}` : age);
  const mark = time.closest(".fresh") || time;
  mark.classList.toggle("fresh--late", words !== "");
  mark.classList.toggle("fresh--very-late", words === "very late");
  return words === "very late" && time.dataset.veryLate
    ? time.dataset.veryLate.replace("{}", span(seconds)) : "";
}

// While updates are paused ages stand as times of day: true, and nothing moves.
export function refreshAges() {
  const told = [...document.querySelectorAll("time[data-ago]")].map(showAge).filter(Boolean);
  const bar = document.querySelector('[data-banner="very-late"]');
  if (bar) {
    setText(bar.querySelector("[data-text]"), told.join(" "));
    bar.hidden = told.length === 0;
  }
  if (isPaused()) return;
  for (const clock of document.querySelectorAll("[data-clock]")) {
    const at = new Date(now());
    setText(clock, `${at.toUTCString().slice(0, 11).replace(",", "")}, ${timeOfDay(at)}`);
  }
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const zone = local.resolvedOptions().timeZone;

export function addLocalTitles(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = `${at.toISOString().replace("T", " ").slice(0, 19)} UTC, ${local.format(at)} in ${zone}`;
  }
}

setInterval(refreshAges, 1_000);
refreshAges();
addLocalTitles(document);

// -- what is read out, and what a tab says that nobody looks at ------------------------------

// Two regions wait in every page: polite for progress, at most once in fifteen seconds; assertive for a
// halt and a stop.
const EVERY_MS = 15_000;
const TYPING_MS = 700;
const level = page.dataset.announce || "all";
const icon = document.querySelector('link[rel="icon"]');
const usualIcon = icon?.getAttribute("href");

let waiting = "";
let spokenAt = -Infinity;
let timer = 0;

function put(id, text) {
  const region = document.getElementById(id);
  if (!region) return;
  // The same words twice are no change to a screen reader: a space makes them one.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

function speak() {
  timer = 0;
  spokenAt = performance.now();
  put("sr-status", waiting);
  waiting = "";
}

// The newest words win; they wait until the last ones are old enough.
export function progress(text) {
  if (!text || level !== "all") return;
  waiting = text;
  timer ||= setTimeout(speak, Math.max(0, spokenAt + EVERY_MS - performance.now()));
}

export function answer(text) {
  if (text && level !== "off") put("sr-status", text);
}

export function alarm(text) {
  if (text && level !== "off") put("sr-alert", text);
}

// What a part says of itself is heard when it changes, never what it said when the page came.
const heard = new Map();

function changed(key, text) {
  const before = heard.get(key);
  heard.set(key, text);
  return before !== undefined && before !== text ? text : "";
}

const bannersSay = () => [...document.querySelectorAll("#banners [data-alarm]")]
  .map((banner) => banner.dataset.alarm).join(" ");

export function tell(region) {
  const { alarm: loud = "", announce: quiet = "", title = "", mood = "" } = region.dataset;
  const alert = [changed("banners", bannersSay()), changed("alarm", loud)].filter(Boolean).join(" ");
  const word = changed("announce", quiet);
  if (alert) alarm(alert);
  else progress(word);
  if (title) document.title = title;
  const wanted = icon?.dataset[mood] || usualIcon;
  if (icon && icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

let typing = 0;

// Results of a search are heard when the typing rests.
export function found(region) {
  const said = region.querySelector("[data-announce]")?.dataset.announce;
  clearTimeout(typing);
  if (said) typing = setTimeout(() => answer(said), TYPING_MS);
}

const region = document.querySelector("#live");
if (region) tell(region);
else changed("banners", bannersSay());
// What was done just now stands on the page; it is heard too.
const done = document.querySelector("[data-done]");
if (done) setTimeout(() => answer(done.textContent.trim()), TYPING_MS);
