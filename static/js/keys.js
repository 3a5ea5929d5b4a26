// Keys for those who like them. Nothing happens in fields, nothing changes state, and a person can
// switch all of it off (WCAG 2.1.4); every target is a link or button of the page.

const CHORD_MS = 1_500;
const isOff = document.documentElement.dataset.keys === "off";
const takesText = (element) => element.matches?.("input, textarea, select, [contenteditable]") ?? false;

let leads = false;
let timer = 0;

function lead() {
  leads = true;
  clearTimeout(timer);
  timer = setTimeout(() => { leads = false; }, CHORD_MS);
}

function go(letter) {
  leads = false;
  if (!/^[a-z]$/.test(letter)) return false;
  const link = document.querySelector(`[data-go="${letter}"]`);
  link?.click();
  return Boolean(link);
}

function search() {
  const field = document.querySelector("[data-search]");
  if (field?.checkVisibility()) {
    field.focus();
    field.select();
  } else {
    document.querySelector("[data-find]")?.click();
  }
  return true;
}

function help() {
  const dialog = document.getElementById("keys");
  if (!dialog) return false;
  htmx.ajax("GET", dialog.dataset.from, { target: "#keys-list", swap: "innerHTML" });
  dialog.showModal();
  return true;
}

function handled(event) {
  if (leads) return go(event.key);
  if (event.key === "g") { lead(); return true; }
  if (event.key === "/") return search();
  return event.key === "?" && help();
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (takesText(event.target) || document.querySelector("dialog[open]")) return;
  if (handled(event)) event.preventDefault();
}
if (!isOff) document.addEventListener("keydown", onKey);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-keys]") && help()) event.preventDefault();
  if (event.target.closest("[data-close]") || event.target.matches("dialog")) {
    event.target.closest("dialog")?.close();
  }
});

// The suggestions below the search: arrows walk through them, Escape puts them away.
document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.(".topbar__search");
  const list = document.getElementById("suggestions");
  if (!box || !list) return;
  const field = box.querySelector("[data-search]");
  if (event.key === "Escape") {
    list.replaceChildren();
    field.focus();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [field, ...list.querySelectorAll("a")];
  const place = stops.indexOf(document.activeElement);
  if (!step || place < 0 || !stops[place + step]) return;
  event.preventDefault();
  stops[place + step].focus();
});

// -- the palette: Ctrl K or Cmd K ------------------------------------------------------------

// A combobox over a list that the server renders; the cursor stays in the field (ARIA's pattern "list
// autocomplete with manual selection").
const dialog = document.getElementById("palette");
const field = dialog?.querySelector("input");
const found = document.getElementById("places-found");
const options = () => [...found.querySelectorAll('[role="option"]')];

function choose(option) {
  for (const one of options()) one.setAttribute("aria-selected", String(one === option));
  field.setAttribute("aria-expanded", String(Boolean(option)));
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = options();
  if (!all.length) return;
  const place = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  choose(all[(place + by + all.length) % all.length]);
}

function open() {
  field.value = "";
  found.replaceChildren();
  choose(undefined);
  dialog.showModal();
  htmx.trigger(field, "pb:open");
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  const isText = event.target.matches?.("input:not([data-search]), textarea, select, [contenteditable]");
  if (!dialog || isText || document.documentElement.dataset.keys === "off") return;
  event.preventDefault();
  if (dialog.open) dialog.close();
  else if (!document.querySelector("dialog[open]")) open();
});

document.addEventListener("click", (event) => {
  if (!dialog || !event.target.closest("[data-show-palette]")) return;
  event.preventDefault();
  open();
});

field?.addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) {
    event.preventDefault();
    step(by);
  } else if (event.key === "Enter") {
    const chosen = found.querySelector('[aria-selected="true"]');
    // The form then asks for the page of all places.
    if (!chosen) return;
    event.preventDefault();
    chosen.click();
  }
});
found?.addEventListener("htmx:afterSwap", () => choose(options()[0]));
