// New content goes into the page without taking anything out of somebody's hands: elements that stay
// are changed in place (idiomorph), so focus, marked text, open folds and typed words survive.

import { beat } from "./heartbeat.js";
import { addLocalTitles, answer, found, isPaused, refreshAges, tell } from "./words.js";

const page = document.documentElement;
const FIELDS = "input:not([type=hidden]), textarea, select";

// A field with the cursor in it, or marked text: the whole part waits.
function isInUse(region) {
  const focused = document.activeElement;
  if (focused?.matches?.(FIELDS) && region.contains(focused)) return true;
  const marked = getSelection();
  return Boolean(marked && !marked.isCollapsed && marked.rangeCount
    && marked.getRangeAt(0).intersectsNode(region));
}

function isTouched(field) {
  if (!field.matches?.(FIELDS)) return false;
  if (field.matches("select")) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

const calm = {
  morphStyle: "outerHTML",
  callbacks: {
    // What somebody typed or ticked is theirs; a pill is ours.
    beforeNodeMorphed: (old) => old.nodeType !== Node.ELEMENT_NODE
      || !(isTouched(old) || old.hasAttribute("data-pill")),
    // Whether a fold is open is the reader's choice, and what is being sent stays marked as sent.
    beforeAttributeUpdated: (name, element) => !(
      (name === "open" && element.localName === "details")
      || name === "data-sent" || (name === "aria-busy" && element.localName === "button")),
  },
};

htmx.defineExtension("calm", {
  isInlineSwap: (style) => style === "calm",
  handleSwap(style, target, fragment) {
    if (style !== "calm") return false;
    const waits = target.matches("[data-live]") && isInUse(target);
    if (target.matches("[data-live]")) page.toggleAttribute("data-updates-wait", waits);
    if (waits) return [target];
    holdRows(fragment);
    Idiomorph.morph(target, fragment.children, calm);
    const after = document.getElementById(target.id);
    return after ? [after] : [];
  },
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (isPaused() && event.detail.target.matches?.("[data-live]")) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const region = document.getElementById(event.detail.target.id) || event.detail.target;
  if (region.id === "live") tell(region);
  else found(region);
  refreshAges();
  addLocalTitles(region);
});

// What waited comes at once when the field is left or nothing is marked any more.
function goOn() {
  const region = document.querySelector("[data-live]");
  if (!page.hasAttribute("data-updates-wait") || (region && isInUse(region))) return;
  page.removeAttribute("data-updates-wait");
  beat();
}
document.addEventListener("selectionchange", goOn);
document.addEventListener("focusout", () => setTimeout(goOn));

// A slow answer: what is there stays, a bar says that more is coming.
const SLOW_MS = 400;
const slow = new WeakMap();
const isTick = (detail) => detail.elt?.matches?.("[data-live]");

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (isTick(detail)) return;
  const { target } = detail;
  slow.set(detail.xhr, setTimeout(() => target.setAttribute("aria-busy", "true"), SLOW_MS));
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (isTick(detail)) return;
  clearTimeout(slow.get(detail.xhr));
  detail.target?.removeAttribute("aria-busy");
});

// -- rows keep their place -------------------------------------------------------------------

// A list marked data-rows has items with ids. Values change in place at once; what would move, add or take
// away an item waits until neither pointer nor focus is in the list. With data-new (the noun of an item)
// new items always wait, behind a button that says how many.
// Id of a list: the list as the server last sent it.
const waiting = new Map();

const items = (list) => [...list.children].filter((item) => item.id);
const order = (list) => items(list).map((item) => item.id).join();
const isUnderHand = (list) => list.matches(":hover") || list.contains(document.activeElement);
const pillOf = (list) => document.querySelector(`[data-pill="${CSS.escape(list.id)}"]`);

function showPill(list, count) {
  const place = pillOf(list);
  if (!place) return;
  if (!count) { place.replaceChildren(); return; }
  const button = place.querySelector("button") || document.createElement("button");
  const text = `${count} new ${list.dataset.new}${count === 1 ? "" : "s"}, show`;
  if (button.textContent !== text) button.textContent = text;
  if (button.isConnected) return;
  button.type = "button";
  button.className = "btn btn--sm";
  button.dataset.showRows = list.id;
  place.append(button);
}

// Turns `sent` into what may be shown now, and remembers it as it was if that is less.
function settle(shown, sent) {
  const before = items(shown);
  const after = new Map(items(sent).map((item) => [item.id, item]));
  const known = new Set(before.map((item) => item.id));
  const added = [...after.keys()].filter((id) => !known.has(id));
  const whole = sent.cloneNode(true);
  const isHeld = isUnderHand(shown) && before.length > 0;
  const keepsNew = "new" in shown.dataset && before.length > 0;
  if (isHeld) {
    sent.replaceChildren(...before.map((item) => after.get(item.id) || item.cloneNode(true)));
  } else if (keepsNew) {
    for (const id of added) after.get(id).remove();
  }
  const isLess = order(sent) !== order(whole);
  if (isLess) waiting.set(shown.id, whole);
  else waiting.delete(shown.id);
  showPill(shown, keepsNew && isLess ? added.length : 0);
}

function holdRows(fragment) {
  for (const sent of fragment.querySelectorAll("[data-rows][id]")) {
    const shown = document.getElementById(sent.id);
    if (shown) settle(shown, sent);
  }
  for (const id of waiting.keys()) if (!document.getElementById(id)) waiting.delete(id);
}

function release() {
  for (const [id, whole] of waiting) {
    const shown = document.getElementById(id);
    if (!shown) { waiting.delete(id); continue; }
    if (isUnderHand(shown)) continue;
    const sent = whole.cloneNode(true);
    settle(shown, sent);
    if (order(shown) !== order(sent)) Idiomorph.morph(shown, sent);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-show-rows]");
  const shown = button && document.getElementById(button.dataset.showRows);
  const whole = shown && waiting.get(shown.id);
  if (!whole) return;
  const known = new Set(items(shown).map((item) => item.id));
  const said = button.textContent.split(",")[0];
  waiting.delete(shown.id);
  Idiomorph.morph(shown, whole);
  showPill(shown, 0);
  const first = items(shown).find((item) => !known.has(item.id));
  first?.querySelector("a, button")?.focus();
  answer(`${said} shown`);
});

setInterval(release, 500);
