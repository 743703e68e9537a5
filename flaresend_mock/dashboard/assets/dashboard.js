// What the pages do by themselves: everything they change, they change by calling the control plane.
"use strict";

const page = document.documentElement.dataset;
const bubbles = document.getElementById("bubbles");
const composer = document.getElementById("composer");

const world = () => "world=" + encodeURIComponent(page.world);

function tell(text, bad = false) {
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.textContent = text;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), bad ? 7000 : 2500);
}

// --- the control plane

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const url = page.mock + path + (path.includes("?") ? "&" : "?") + world();
  let answer;
  try {
    answer = await fetch(url, { method, headers, body });
  } catch {
    throw new Error("The emulator does not answer. Is it still running?");
  }
  const data = (answer.headers.get("Content-Type") || "").includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new Error(data.error?.message || answer.status + " " + answer.statusText);
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

function read(form) {
  const file = form.querySelector("input[type=file]")?.files[0];
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.type === "file") continue;
    if (field.value === "" && !("blank" in field.dataset)) continue;
    const value = field.type === "number" ? Number(field.value)
      : "list" in field.dataset ? field.value.split(",").map((one) => one.trim()).filter(Boolean)
      : field.type === "checkbox" ? field.checked : field.value;
    set(body, field.name, value);
  }
  if (!file) return body;
  const data = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (Array.isArray(value)) value.forEach((one) => data.append(name, one));
    else data.append(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  data.append("file", file);
  return data;
}

// --- writing

function about(id, words) {
  const box = document.getElementById("about");
  box.hidden = !id;
  box.querySelector("span").textContent = words || "";
  box.querySelector("input").value = id || "";
  document.querySelectorAll(".bubble.chosen").forEach((one) => one.classList.remove("chosen"));
  if (id) document.querySelector(`[data-message="${CSS.escape(id)}"]`)?.classList.add("chosen");
  if (id) document.getElementById("text").focus();
}

function shownFor() {
  const kind = document.getElementById("kind").value;
  composer.querySelectorAll("[data-for]").forEach((label) => {
    const fits = label.dataset.for.split(" ").includes(kind);
    label.hidden = !fits;
    label.querySelectorAll("input").forEach((field) => { field.disabled = !fits; });
  });
}

async function write(extra) {
  const sender = composer.querySelector("[name=from]").value;
  const body = { from: sender, instance: composer.querySelector("[name=instance]").value, ...extra };
  const group = composer.querySelector("[name=group]");
  if (group) body.group = group.value;
  return attempt(() => call("POST", "inbound", body));
}

if (composer) {
  const text = document.getElementById("text");
  let edited = null;
  shownFor();
  document.getElementById("kind").addEventListener("change", shownFor);
  composer.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (composer.dataset.busy) return;
    const body = read(composer);
    const empty = !(body instanceof FormData) && !body.text && !body.type && !body.media;
    if (empty) return text.focus();
    composer.dataset.busy = "yes";
    const done = edited
      ? await write({ type: "edit", about: edited, text: text.value })
      : await attempt(() => call("POST", "inbound", body));
    delete composer.dataset.busy;
    if (!done) return;
    const from = composer.querySelector("select[name=from]")?.value;
    composer.reset();
    if (from) composer.querySelector("select[name=from]").value = from;
    edited = null;
    about(null);
    shownFor();
    follow(true);
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });
  composer.querySelector("[data-cancel]").addEventListener("click", () => { edited = null; about(null); });

  const words = (id) => document.querySelector(`[data-message="${CSS.escape(id)}"] .text`)?.textContent || "a message";
  bubbles.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const it = button.dataset;
    if (it.reply) { edited = null; about(it.reply, "Reply to: " + words(it.reply)); }
    if (it.edit) { about(it.edit, "Edit: " + words(it.edit)); edited = it.edit; text.value = words(it.edit); }
    if (it.delete) write({ type: "delete", about: it.delete, from: it.author });
    if (it.forward) write({ forward: it.forward });
    if (it.react) pick(button, it.react);
  });
}

function pick(button, id) {
  document.querySelector(".emojis")?.remove();
  const box = document.createElement("div");
  box.className = "emojis";
  box.setAttribute("role", "menu");
  for (const emoji of ["👍", "❤️", "😂", "😮", "😢", "🙏", ""]) {
    const one = document.createElement("button");
    one.type = "button";
    one.setAttribute("role", "menuitem");
    one.textContent = emoji || "✕";
    one.setAttribute("aria-label", emoji || "Take the reaction back");
    one.addEventListener("click", () => { box.remove(); button.focus(); write({ type: "reaction", about: id, emoji }); });
    box.append(one);
  }
  button.after(box);
  box.firstChild.focus();
}

// --- following

const nearEnd = () => bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 160;
let following = true;

function follow(now = nearEnd()) {
  following = now;
  if (now && bubbles) bubbles.scrollTop = bubbles.scrollHeight;
}

if (bubbles) {
  follow(true);
  const size = () => bubbles.clientWidth + " " + bubbles.clientHeight;
  let settled = size(); // while that changes, it is not the reader who scrolls
  bubbles.addEventListener("scroll", () => { if (size() === settled) following = nearEnd(); }, { passive: true });
  bubbles.addEventListener("load", () => { if (following) follow(true); }, true);
  new ResizeObserver(() => {
    settled = size();
    if (following) follow(true);
  }).observe(bubbles);
  let height = 0;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.classList?.contains("older")) height = bubbles.scrollHeight - bubbles.scrollTop;
    else height = 0;
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    if (height) bubbles.scrollTop = bubbles.scrollHeight - height;
    else if (following) follow(true);
    if (bubbles.querySelector(".bubble")) document.getElementById("nothing")?.remove();
  });
}

document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id === "newest") {
    event.detail.parameters.oldest = bubbles.querySelector(".bubble")?.id.slice(1) || 0;
  }
});
document.body.addEventListener("htmx:responseError", (event) => {
  const lost = event.detail.xhr.status === 404 && ["newest", "list"].includes(event.detail.elt.id);
  if (lost) location.reload();
});
// --- the live stream: of each kind of event, the page hears at once and then every so often, the last one always

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

const stream = new EventSource(page.mock + "events?stream=true&" + world());
stream.addEventListener("open", () => hear("open")); // what happened since the page was made, or the stream was lost
for (const kind of KINDS) stream.addEventListener(kind, () => hear(kind));
stream.addEventListener("world", () => {
  if (document.body.dispatchEvent(new CustomEvent("replaced", { cancelable: true }))) location.reload();
});
window.addEventListener("pagehide", () => stream.close());

document.querySelector(".top nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// --- looking closer

const why = document.getElementById("why");
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === why) {
    why.hidden = false;
    why.querySelector("button")?.focus();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!event.target.closest(".switcher")) document.querySelector(".switcher[open]")?.removeAttribute("open");
  if (!event.target.closest(".emojis") && !button?.dataset.react) document.querySelector(".emojis")?.remove();
  if (!button) return;
  if ("close" in button.dataset && why) why.hidden = true;
  if (button.dataset.toggle) {
    const box = document.getElementById(button.dataset.toggle);
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    if (!box.hidden) box.querySelector("select, input")?.focus();
  }
  if (button.dataset.copy) {
    const source = document.getElementById(button.dataset.copy);
    await attempt(() => navigator.clipboard.writeText(source.textContent));
    tell("Copied");
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
    document.querySelector(".emojis")?.remove();
    const menu = document.querySelector(".switcher[open]");
    if (menu) { menu.open = false; menu.firstElementChild.focus(); }
    if (why) why.hidden = true;
  }
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    const search = document.getElementById("q");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

const address = document.querySelector("[data-address]");
if (address) address.textContent = new URL(page.mock + "..", location.href).href.replace(/\/$/, "");

// --- forms and switches of the other pages

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.call || form === composer) return;
  event.preventDefault();
  const [method, path] = form.dataset.call.split(" ");
  const done = await attempt(() => call(method, path, "empty" in form.dataset ? undefined : read(form)));
  if (!done) return;
  tell(form.dataset.done || "Done");
  if (!("keep" in form.dataset)) form.reset();
  if (!("stay" in form.dataset)) form.closest("dialog")?.close();
  document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
});
