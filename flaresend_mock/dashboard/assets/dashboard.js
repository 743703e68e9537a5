// The scripts of all pages. They change things only by calling the control plane.
"use strict";

const page = document.documentElement.dataset;

const world = () => "world=" + encodeURIComponent(page.world);

function tell(text, bad = false) {
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.textContent = text;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), bad ? 7000 : 2500);
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

// --- a pressed element is not replaced: a click needs the same element when it is released

let pressed = null;
let held = false;

function released() {
  setTimeout(() => { // after the click
    pressed = null;
    if (held) hear("open");
    held = false;
  });
}

document.addEventListener("pointerdown", (event) => { pressed = event.target; }, true);
for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, released, true);

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  const byItself = requestConfig.triggeringEvent?.type.startsWith("news-") ?? true;
  const place = target.id === "newest" ? target.parentElement : target;
  if (!pressed || !byItself || !place.contains(pressed)) return;
  event.detail.shouldSwap = false;
  held = true;
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
  if (event.detail.xhr.status === 404 && ["newest", "list", "status"].includes(event.detail.elt.id)) replaced();
});

follows();

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

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch { // pages over plain HTTP have no clipboard, except on localhost
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!event.target.closest(".switcher")) document.querySelector(".switcher[open]")?.removeAttribute("open");
  if (!button) return;
  if ("close" in button.dataset) shut();
  if (button.dataset.toggle) {
    const box = document.getElementById(button.dataset.toggle);
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    if (!box.hidden) box.querySelector("select, input")?.focus();
  }
  if (button.dataset.copy) {
    const done = await copy(document.getElementById(button.dataset.copy));
    tell(done ? "Copied" : "The browser blocks copying. The text is selected: press Ctrl+C", !done);
  }
  if (button.dataset.do) {
    const [method, path] = button.dataset.do.split(" ");
    const done = await attempt(() => call(method, path, button.dataset.body ? JSON.parse(button.dataset.body) : undefined));
    if (done) {
      tell(button.dataset.done || "Done");
      document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector(".switcher[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
    shut();
  }
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    const search = document.getElementById("q");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

const address = document.querySelector("[data-address]");
if (address) address.textContent = new URL(page.mock + "..", location.href).href.replace(/\/$/, "");

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
  const body = "empty" in form.dataset ? undefined : read(form);
  const saved = sending(form);
  const nothing = "changes" in form.dataset && !Object.keys(body).length;
  const done = nothing ? {} : await attempt(() => call(method, path, body));
  if (!done) return;
  tell(form.dataset.done || "Done");
  if ("keep" in form.dataset) saved();
  else form.reset();
  if (!("stay" in form.dataset)) form.closest("dialog")?.close();
  document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
});
