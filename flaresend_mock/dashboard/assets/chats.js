// The scripts of the chats page: writing as a person, and following new messages.
"use strict";

const bubbles = document.getElementById("bubbles");
const composer = document.getElementById("composer");
const text = document.getElementById("text");
const extras = document.getElementById("extras");
const bubbleOf = (id) => document.querySelector(`[data-message="${CSS.escape(id)}"]`);

// --- writing

let edited = null; // id and author of the message that is being edited

function about(id, words) {
  const box = document.getElementById("about");
  box.hidden = !id;
  box.querySelector("span").textContent = words || "";
  box.querySelectorAll("input").forEach((one) => { one.value = id || ""; });
  document.querySelectorAll(".bubble.chosen").forEach((one) => one.classList.remove("chosen"));
  if (!id) return;
  bubbleOf(id)?.classList.add("chosen");
  text.focus();
}

function leave() {
  if (edited) text.value = "";
  edited = null;
  about(null);
}

function expand(open) {
  extras.hidden = !open;
  composer.querySelector("[data-toggle=extras]").setAttribute("aria-expanded", String(open));
}

function shownFor() {
  const kind = document.getElementById("kind").value;
  composer.querySelectorAll("[data-for]").forEach((one) => {
    const fits = one.dataset.for.split(" ").includes(kind || "text");
    const isField = one.matches("input, textarea");
    if (!isField) one.hidden = !fits;
    (isField ? [one] : one.querySelectorAll("input, select")).forEach((field) => { field.disabled = !fits; });
  });
}

async function write(extra) {
  const body = { from: composer.querySelector("[name=from]").value, instance: composer.querySelector("[name=instance]").value };
  const group = composer.querySelector("[name=group]");
  if (group) body.group = group.value;
  return attempt(() => call("POST", "inbound", { ...body, ...extra }));
}

async function send() {
  if (composer.dataset.busy) return;
  const body = read(composer);
  if (!(body instanceof FormData) && !body.text && !body.type && !body.media) return text.focus();
  composer.dataset.busy = "yes";
  const done = edited
    ? await write({ type: "edit", target: edited.id, from: edited.author, text: text.value })
    : await attempt(() => call("POST", "inbound", body));
  delete composer.dataset.busy;
  if (!done) return;
  const from = composer.querySelector("select[name=from]")?.value;
  composer.reset();
  if (from) composer.querySelector("select[name=from]").value = from;
  leave();
  shownFor();
  expand(false);
  follow(true);
  text.focus();
}

if (composer) {
  shownFor();
  document.getElementById("kind").addEventListener("change", shownFor);
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });
  composer.querySelector("[data-cancel]").addEventListener("click", () => { leave(); text.focus(); });
  composer.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (!document.getElementById("about").hidden) leave();
    else if (!extras.hidden) expand(false);
    else return;
    event.stopPropagation();
    text.focus();
  });

  const words = (id) => bubbleOf(id)?.querySelector(".text")?.textContent || "a message";
  bubbles.addEventListener("click", (event) => {
    const it = event.target.closest("button")?.dataset;
    if (!it) return choose(event.target);
    if (it.reply) { leave(); about(it.reply, "Reply to: " + words(it.reply)); }
    if (it.edit) {
      about(it.edit, "Edit: " + words(it.edit));
      edited = { id: it.edit, author: it.author };
      text.value = it.text;
    }
    if (it.delete) write({ type: "delete", target: it.delete, from: it.author });
    if (it.forward) write({ forward: it.forward });
    if (it.vote) write({ type: "poll_vote", target: it.vote, choices: [it.option] });
    if (it.album) {
      leave();
      expand(true);
      document.getElementById("kind").value = "image";
      shownFor();
      composer.querySelector("[name=album]").value = it.album;
    }
    if (it.react) pick(event.target.closest("button"), it.react);
  });

  // --- the draft survives a reload

  const draft = "flaresend-mock-draft " + location.pathname;
  if (sessionStorage.getItem(draft)) text.value = sessionStorage.getItem(draft);
  sessionStorage.removeItem(draft);
  window.addEventListener("pagehide", () => {
    if (text.value && !edited) sessionStorage.setItem(draft, text.value);
  });
  if (matchMedia("(hover: hover)").matches) text.focus({ preventScroll: true });
}

// --- the buttons of a bubble: shown on hover, or on a tap

function choose(place) {
  if (place.closest("a, audio, video") || String(getSelection())) return;
  const bubble = place.closest(".said")?.closest(".bubble");
  const was = bubble?.classList.contains("picked");
  document.querySelectorAll(".bubble.picked").forEach((one) => one.classList.remove("picked"));
  if (!bubble || was) return;
  bubble.classList.add("picked");
  bubble.scrollIntoView({ block: "nearest" });
}

function unpick(focus = false) {
  const box = document.querySelector(".emojis");
  if (focus) box?.previousElementSibling?.focus();
  box?.remove();
}

function pick(button, id) {
  unpick();
  const box = document.createElement("div");
  box.className = "emojis";
  box.setAttribute("role", "menu");
  box.setAttribute("aria-label", "React with");
  for (const emoji of ["👍", "❤️", "😂", "😮", "😢", "🙏", ""]) {
    const one = document.createElement("button");
    one.type = "button";
    one.setAttribute("role", "menuitem");
    one.textContent = emoji || "✕";
    one.setAttribute("aria-label", emoji || "Remove the reaction");
    one.addEventListener("click", () => { unpick(true); write({ type: "reaction", target: id, emoji }); });
    box.append(one);
  }
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    if (step) document.activeElement[step]?.focus();
    if (event.key === "Escape") { event.stopPropagation(); unpick(true); }
  });
  button.after(box);
  const edge = bubbles.getBoundingClientRect();
  if (box.getBoundingClientRect().bottom > edge.bottom) box.classList.add("up");
  if (box.getBoundingClientRect().right > edge.right) box.classList.add("left");
  box.firstChild.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (!event.target.closest(".emojis, [data-react]")) unpick();
});

// --- following

const nearEnd = () => bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 160;
let following = true;
let lastTop = bubbles?.scrollTop;

function follow(now = nearEnd()) {
  following = now;
  if (!now || !bubbles) return;
  bubbles.scrollTop = bubbles.scrollHeight;
  lastTop = bubbles.scrollTop; // a reader may scroll before the event of this one comes
}

if (bubbles) {
  follow(true);
  bubbles.addEventListener("scroll", () => { // only a reader scrolls up; layout changes scroll down
    if (nearEnd()) following = true;
    else if (bubbles.scrollTop < lastTop) following = false;
    lastTop = bubbles.scrollTop;
  }, { passive: true });
  bubbles.addEventListener("load", () => { if (following) follow(true); }, true);
  new ResizeObserver(() => { if (following) follow(true); }).observe(bubbles);
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

// --- search: Enter opens the first chat found

const search = document.getElementById("q");
let goes = false;

search.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !search.value) return;
  event.preventDefault();
  goes = true;
  search.form.requestSubmit();
});
for (const failed of ["htmx:responseError", "htmx:sendError"]) document.body.addEventListener(failed, () => { goes = false; });
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (!goes || event.target.id !== "list") return;
  goes = false;
  document.querySelector("#list .chat")?.click();
});
