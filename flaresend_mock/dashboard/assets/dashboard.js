// The scripts of all pages. They change things only by calling the control plane.
"use strict";

const page = document.documentElement.dataset;

const world = () => "world=" + encodeURIComponent(page.world);

// A notice is of a kind: "good" for what was done, "bad" for what failed, "info" for all else. It is shown inside an open
// dialog, which would cover it.
const toasts = document.getElementById("toasts");
const host = () => [...document.querySelectorAll("dialog[open]")].pop() || document.body;

function tell(text, kind = "good") {
  const toast = document.createElement("div");
  const name = kind === true ? "bad" : kind || "good";
  toast.className = "toast " + name;
  toast.textContent = text;
  if (toasts.parentElement !== host()) host().append(toasts);
  toasts.append(toast);
  setTimeout(() => toast.remove(), name === "bad" ? 7000 : 2500);
}

document.addEventListener("close", () => { if (toasts.parentElement !== host()) host().append(toasts); }, true);

// Asks before something is deleted. Resolves to whether the user agrees.
function sure(title, text, yes) {
  const box = document.getElementById("sure");
  box.querySelector("h2").textContent = title;
  box.querySelector("p").textContent = text || "";
  box.querySelector("[data-yes]").textContent = yes;
  box.returnValue = "";
  box.showModal();
  const mine = (box.asked = (box.asked || 0) + 1);
  return new Promise((resolve) => {
    box.addEventListener("close", function closed() {
      if (box.open && box.asked === mine) return; // the event comes after the next question was asked
      box.removeEventListener("close", closed);
      resolve(box.asked === mine && box.returnValue === "yes");
    });
  });
}

// --- the control plane

async function call(method, path, body, query = world()) { // a body of text is JSON already
  const headers = {};
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    if (typeof body !== "string") body = JSON.stringify(body);
  }
  const url = page.mock + path + (query ? (path.includes("?") ? "&" : "?") + query : "");
  let response;
  try {
    response = await fetch(url, { method, headers, body });
  } catch {
    throw new Error("The emulator does not respond. Is it still running?");
  }
  const data = (response.headers.get("Content-Type") || "").includes("json") ? await response.json() : {};
  if (response.status === 401) replaced(); // asks for the token
  if (!response.ok) throw new Error(data.error?.message || response.status + " " + response.statusText);
  return data;
}

async function attempt(work) {
  try {
    return await work();
  } catch (problem) {
    tell(problem.message, true);
    return undefined;
  }
}

const busy = new Set();
const actOf = (place) => JSON.stringify(place.dataset); // an update may replace a button between two clicks

async function once(place, work) { // drops a second click or Enter while the call of the first is under way
  const act = actOf(place);
  if (busy.has(act)) return undefined;
  busy.add(act);
  const done = await attempt(work);
  busy.delete(act);
  return done;
}

function set(body, name, value) {
  const names = name.split(".");
  const last = names.pop();
  for (const one of names) body = body[one] ??= {};
  body[last] = value;
}

function changed(field) {
  if (field.options) return !field.selectedOptions[0]?.defaultSelected && field.selectedIndex > 0;
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}

function read(form) {
  const file = form.querySelector("input[type=file]:not(:disabled)")?.files[0];
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.type === "file") continue;
    if (field.value === "" && !("blank" in field.dataset)) continue;
    if ("changes" in form.dataset && !changed(field)) continue; // so that a change made elsewhere stays
    if ("many" in field.dataset) { // one of several fields of this name
      if (field.value.trim()) (body[field.name] ??= []).push(field.value.trim());
      continue;
    }
    const value = field.type === "number" || "number" in field.dataset ? Number(field.value)
      : "list" in field.dataset ? field.value.split(",").map((one) => one.trim()).filter(Boolean)
      : field.type === "checkbox" ? field.checked : field.value;
    set(body, field.name, value);
  }
  return file ? withFile(body, file) : body;
}

function withFile(body, file) {
  const data = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (Array.isArray(value)) value.forEach((one) => data.append(name, one));
    else data.append(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  data.append("file", file);
  return data;
}

// --- the live stream: each kind of event triggers an update at once, then at most at intervals; the last always does

const PACE = 300;
const KINDS = ["message", "request", "delivery", "task", "instance", "group", "channel", "person", "webhook", "clock", "fault"];
const resting = new Map();

function hear(kind) {
  if (resting.has(kind)) {
    resting.set(kind, true);
    return;
  }
  resting.set(kind, false);
  document.body.dispatchEvent(new CustomEvent("news-" + kind));
  setTimeout(() => {
    const more = resting.get(kind);
    resting.delete(kind);
    if (more) hear(kind);
  }, PACE);
}

// A browser allows few connections per host: hidden tabs close theirs.
const lost = document.getElementById("lost");
let stream = null;
let retrying = 0;

function listen() {
  stream = new EventSource(page.mock + "events?stream=true&" + world());
  stream.addEventListener("open", () => {
    lost.hidden = true;
    hear("open"); // loads what happened since the page was rendered or the stream was lost
  });
  stream.addEventListener("error", () => {
    setTimeout(() => { lost.hidden = !stream || stream.readyState === EventSource.OPEN; }, 1000); // unless it reconnects
    if (stream.readyState === EventSource.CLOSED) retrying = setTimeout(listen, 3000); // the browser gives up
  });
  for (const kind of KINDS) stream.addEventListener(kind, () => hear(kind));
  stream.addEventListener("world", replaced);
}

function hush() {
  clearTimeout(retrying);
  stream?.close();
  stream = null;
}

function follows() {
  if (document.hidden) hush();
  else if (!stream) listen();
}

document.addEventListener("visibilitychange", follows);
window.addEventListener("pagehide", hush);
window.addEventListener("pageshow", (event) => { if (event.persisted) follows(); });

// --- nothing is replaced or moved while the mouse is pressed: a click needs the same element when it is released

let pressed = false;
let held = false;

function released() {
  setTimeout(() => { // after the click
    pressed = false;
    if (held) hear("open");
    held = false;
  });
}

document.addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel", "dragend", "contextmenu"]) document.addEventListener(end, released, true);

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const byItself = event.detail.requestConfig.triggeringEvent?.type.startsWith("news-") ?? true;
  if (!pressed || !byItself) return;
  event.detail.shouldSwap = false;
  held = true;
});

// --- what is open in a list stays open when the list is replaced

const unfolded = (place) => [...place.querySelectorAll("details[id][open]")].map((one) => one.id);
let opened = [];
document.body.addEventListener("htmx:beforeSwap", (event) => { opened = unfolded(event.detail.target); });
document.body.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  opened = [];
});

// --- the world or the emulator was replaced: reload the page

const RELOADED = "flaresend-mock-reloaded";
const PAUSE = 3000;
let leaving = false;

function replaced() {
  if (leaving || !document.body.dispatchEvent(new CustomEvent("replaced", { cancelable: true }))) return;
  leaving = true;
  const last = Number(sessionStorage.getItem(RELOADED)) || 0;
  const rest = Math.max(0, Math.min(PAUSE, last + PAUSE - Date.now())); // at most one reload per pause
  setTimeout(() => {
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
  }, rest);
}

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "status" && document.getElementById("edition")?.dataset.edition !== page.edition) replaced();
});
document.body.addEventListener("htmx:responseError", (event) => {
  const { xhr, elt } = event.detail;
  if (xhr.status !== 404) return;
  if (["newest", "list", "status"].includes(elt.id)) replaced();
  else if (elt.matches(".inside")) elt.textContent = "This entry is no longer kept.";
  else if (elt.matches("[data-why]")) tell("This message is no longer kept.", "info");
});

document.addEventListener("DOMContentLoaded", follows); // once htmx listens: news that come before are lost

document.querySelector(".top nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// --- details

const why = document.getElementById("why");
let opener = null;

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target === why && !why.contains(event.target)) opener = event.target.id;
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target !== why) return;
  why.hidden = false;
  why.scrollTop = 0;
  why.querySelector("button")?.focus();
});

function shut() {
  if (!why || why.hidden) return;
  why.hidden = true;
  document.getElementById(opener)?.focus();
}

async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // pages over plain HTTP have no clipboard, except on localhost
    document.addEventListener("copy", (event) => {
      event.clipboardData.setData("text/plain", text);
      event.preventDefault();
    }, { once: true });
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    const done = document.execCommand("copy");
    if (done) getSelection().removeAllRanges();
    return done;
  }
}

const copied = (done, words) => tell(done ? words : "The browser blocks copying. The text is selected: press Ctrl+C", done ? "good" : "bad");

// The text of an element; where it names an API key that the page does not show, the key takes the place of its mask.
async function textOf(source) {
  const text = source.value ?? source.textContent;
  if (!source.dataset.keys) return text;
  const found = await attempt(() => call("GET", source.dataset.keys + "?with_secrets=true"));
  const key = found?.api_keys[0]?.api_key.replace(/['\\]/g, (one) => `'\\${one}${one === "'" ? "" : '""'}'`); // as shell.py
  return text.replace(source.dataset.mask, () => key || source.dataset.mask);
}

function openDialog(box) {
  for (const menu of document.querySelectorAll(".menu[open]")) menu.open = false;
  if (!box.open) box.showModal();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  const link = event.target.closest("a[data-link]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    copied(await copy(link.href, link), "Link copied");
  }
  if (!button) return;
  if ("yes" in button.dataset) button.closest("dialog").close("yes");
  if ("no" in button.dataset) button.closest("dialog").close();
  if (button.dataset.open) openDialog(document.getElementById(button.dataset.open));
  if ("close" in button.dataset) shut();
  if (button.dataset.copy) {
    const source = document.getElementById(button.dataset.copy);
    copied(await copy(await textOf(source), source), "Copied");
  }
  if (button.dataset.newWorld) {
    const made = await once(button, () => call("POST", "worlds", { fixture: button.dataset.newWorld }, ""));
    if (made) {
      busy.add(actOf(button)); // until this page is left
      location.href = page.mock + "ui/w/" + encodeURIComponent(made.name) + "/chats";
    }
  }
  if (button.dataset.do) {
    const it = button.dataset; // an update may replace the button while the user thinks
    const [method, path] = it.do.split(" ");
    if (it.ask && !(await sure(it.ask, it.askMore, it.askYes || button.textContent.trim() || button.title))) return;
    const done = await once(button, () => call(method, path, it.body ? JSON.parse(it.body) : undefined));
    if (done) {
      if (it.ask && !("stay" in it)) button.closest("dialog")?.close();
      if (it.done !== "") tell(it.done || "Done");
      document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
    }
  }
});

(() => {
  // --- the keyboard

  const FIELDS = "input, textarea, select";

  function step(by) { // to the next chat, or the next entry of the traffic
    const places = [...document.querySelectorAll(".chatlist .chat, #rows > .entry > details > summary")].filter((one) => one.checkVisibility());
    const at = places.findIndex((one) => one === document.activeElement || one.hasAttribute("aria-current"));
    const next = places[at < 0 ? (by > 0 ? 0 : places.length - 1) : at + by];
    if (next?.matches("a")) next.click();
    next?.focus();
  }

  function retreat() {
    const menu = document.querySelector(".menu[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
    else if (why && !why.hidden) shut();
    else if (document.activeElement?.matches(FIELDS)) document.activeElement.blur();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.isComposing || document.querySelector("dialog[open]")) return;
    const writes = event.target.closest(FIELDS) !== null;
    const search = document.getElementById("q");
    const tab = /^[1-9]$/.test(event.key) && document.querySelectorAll(".top nav a")[event.key - 1];
    const steps = event.altKey ? { ArrowDown: 1, ArrowUp: -1 } : writes ? {} : { j: 1, k: -1 };
    if (event.key === "Escape") return retreat();
    if (event.key in steps) step(steps[event.key]);
    else if (event.altKey || writes) return;
    else if (event.key === "?") openDialog(document.getElementById("keys"));
    else if (event.key === "/" && search) search.focus();
    else if (tab) tab.click();
    else return;
    event.preventDefault();
  });

  // --- unread messages, in the navigation and in the title. A hidden tab has no stream, and asks from time to time.

  const title = document.title;
  const ASKS = 10000;

  function count() {
    const unread = Number(document.getElementById("unread")?.dataset.unread);
    document.title = unread ? `(${unread}) ${title}` : title;
  }

  count();
  for (const swap of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.body.addEventListener(swap, count);
  setInterval(() => { if (document.hidden) hear("unread"); }, ASKS);

  // --- an open entry of the traffic is named in the address; one that is not in the list has a page of its own

  const rows = document.getElementById("rows");
  document.addEventListener("toggle", (event) => {
    const entry = rows && event.target.parentElement;
    if (!entry?.matches(".entry")) return;
    if (event.target.open) history.replaceState(null, "", "#" + entry.id);
    else if (location.hash === "#" + entry.id) history.replaceState(null, "", location.pathname + location.search);
  }, true);
  window.addEventListener("load", () => {
    const named = rows && location.hash.match(/^#entry-(\d+)$/);
    const entry = named && document.querySelector(location.hash + " > details");
    if (entry) {
      entry.open = true;
      entry.parentElement.scrollIntoView({ block: "nearest" });
    } else if (named) location.replace("traffic/" + named[1]);
  });
})();

// --- forms and switches

function sending(form) { // returns a function to call once the form is saved: its values are then no longer unsaved
  const sent = [...form.querySelectorAll("input, textarea")].map((field) => [field, field.value, field.checked]);
  return () => {
    for (const [field, value, checked] of sent) {
      if (field.type === "checkbox") field.defaultChecked = checked;
      else if (field.type !== "file") field.defaultValue = value;
    }
  };
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.call || form.id === "composer") return;
  event.preventDefault();
  const [method, path] = form.dataset.call.split(" ");
  const body = read(form);
  const saved = sending(form);
  const nothing = "changes" in form.dataset && !Object.keys(body).length;
  const done = nothing ? {} : await once(form, () => call(method, path, body));
  if (!done) return;
  tell(form.dataset.done || "Done");
  if ("keep" in form.dataset) saved();
  else form.reset();
  if (!("stay" in form.dataset)) form.closest("dialog")?.close();
  document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
});
