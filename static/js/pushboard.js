// What moves on a page; every page works without it. Behaviour hangs on data- attributes. Here: forms are
// sent once and never into a lost session, and one press copies.

import { answer } from "./words.js";
import { endSession, isSignedOut } from "./heartbeat.js";
import "./swaps.js";
import "./keys.js";

const page = document.documentElement;

// A session id behind an org id ("00D...!AQ...") is a secret: it never leaves the field.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-search], [data-ids]")) return;
  const clean = event.target.value.replace(/(00D[a-z0-9]{12,15})!\S*/gi, "$1");
  if (clean !== event.target.value) event.target.value = clean;
  if (event.inputType !== "insertFromPaste" || event.target.id !== "q") return;
  // What was pasted is complete: it is asked for at once, and once.
  event.stopPropagation();
  htmx.trigger(event.target, "pb:pasted");
}, { capture: true });

// A field of one line would run the lines of a pasted list or mail together.
document.addEventListener("paste", (event) => {
  const field = event.target;
  const text = event.clipboardData?.getData("text") || "";
  if (!field.matches?.("[data-search], [data-ids]") || !/[\r\n]/.test(text)) return;
  event.preventDefault();
  const words = text.replace(/\s+/g, " ").trim();
  field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertFromPaste" }));
});

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
    answer("Copied");
  } catch {
    // No clipboard outside a secure context: select it for the person instead.
    label.textContent = "Press Ctrl+C";
    getSelection().selectAllChildren(document.getElementById(button.dataset.copyFrom) || button);
  }
  setTimeout(() => { label.textContent = said; }, 2_000);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (isSignedOut()) {
    // Sent now, what was typed would be gone.
    event.preventDefault();
    endSession();
    document.querySelector("[data-banner]:not([hidden]) a")?.focus();
    return;
  }
  if (form.hasAttribute("data-sent")) { event.preventDefault(); return; }
  form.setAttribute("data-sent", "");
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
  for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
});

// What is wrong with a form is the first thing to be read.
document.querySelector("[data-problems]")?.focus();

// On a phone Pause and Halt come to the foot of the screen once those of the header are gone.
const headerSeen = new IntersectionObserver(([seen]) => {
  page.toggleAttribute("data-header-gone", !seen.isIntersecting);
});

function watchHeader() {
  headerSeen.disconnect();
  const actions = document.querySelector(".phead__actions");
  if (actions) headerSeen.observe(actions);
}
document.addEventListener("htmx:afterSwap", watchHeader);
watchHeader();
