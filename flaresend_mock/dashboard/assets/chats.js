// The scripts of the chats page: the buttons of a bubble, following new messages, and the search. composer.js writes.
"use strict";

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

let picker = null; // the emojis, and the message that gets one

function unpick(focus = false) {
  if (focus) picker?.box.previousElementSibling?.focus();
  picker?.box.remove();
  picker = null;
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
  picker = { box, id };
  button.after(box);
  const edge = bubbles.getBoundingClientRect();
  if (box.getBoundingClientRect().bottom > edge.bottom) box.classList.add("up");
  if (box.getBoundingClientRect().right > edge.right) box.classList.add("left");
  box.firstChild.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (!event.target.closest(".emojis, [data-react]")) unpick();
});
document.body.addEventListener("htmx:beforeSwap", () => { if (picker) picker.focused = document.activeElement; });
document.body.addEventListener("htmx:afterSwap", () => { // an update may replace the bubble
  if (!picker || picker.box.isConnected) return;
  bubbleOf(picker.id)?.querySelector("[data-react]")?.after(picker.box);
  if (picker.box.contains(picker.focused)) picker.focused.focus({ preventScroll: true });
});

// --- following

const nearEnd = () => bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 160;
const newer = document.getElementById("newer"); // leads a reader of earlier messages to the end
const counted = () => bubbles.querySelectorAll(".bubble").length;
let following = true;
let lastTop = bubbles?.scrollTop;
let unread = 0;
let shownBefore = 0;

function heed() { // only a reader scrolls up; layout changes scroll down
  if (nearEnd()) following = true;
  else if (bubbles.scrollTop < lastTop) following = false;
  lastTop = bubbles.scrollTop;
}

function followOn() { // unless a reader has scrolled, whose event is still to come
  heed();
  if (following) follow(true);
}

function follow(now = nearEnd()) {
  following = now;
  if (!now || !bubbles) return;
  if (!document.getElementById("newest")) return location.assign(location.pathname);
  bubbles.scrollTop = bubbles.scrollHeight;
  lastTop = bubbles.scrollTop;
  lead();
}

function lead() {
  if (following) unread = 0;
  newer.hidden = following;
  newer.querySelector("span").textContent = unread ? `${unread} new message${unread > 1 ? "s" : ""}` : "";
  newer.setAttribute("aria-label", unread ? `${unread} new, to the newest message` : "To the newest message");
}

// The message that the address names. A page around an old message does not reach the end: what goes there loads another.
const at = new URLSearchParams(location.search).get("at");
const named = document.getElementById(location.hash.slice(1) || `m${at}`);

if (bubbles) {
  if (bubbles.contains(named)) { // after the browser's own way there, which ends once the page is loaded
    window.addEventListener("load", () => setTimeout(() => named.scrollIntoView({ block: "center" })));
  }
  follow(!bubbles.contains(named));
  bubbles.addEventListener("scroll", () => { heed(); lead(); }, { passive: true });
  newer.addEventListener("click", () => { follow(true); bubbles.focus({ preventScroll: true }); });
  bubbles.addEventListener("load", followOn, true);
  new ResizeObserver(followOn).observe(bubbles);
  let height = 0;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    shownBefore = counted();
    heed();
    if (event.target.classList?.contains("older")) height = bubbles.scrollHeight - bubbles.scrollTop;
    else height = 0;
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (height) bubbles.scrollTop = bubbles.scrollHeight - height;
    else if (following) follow(true);
    else if (event.detail.target?.id === "newest") unread += Math.max(0, counted() - shownBefore);
    shownBefore = counted(); // there is an event for each new element
    lead();
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

// --- suggestions: the keyboard focus stays on one that stays; else it goes on to the first

let suggested = "";
document.body.addEventListener("htmx:beforeSwap", ({ target }) => { if (target.id === "chips") suggested = target.contains(document.activeElement) && document.activeElement.textContent; });
document.body.addEventListener("htmx:afterSwap", ({ target }) => {
  const all = target.id === "chips" && suggested ? [...target.querySelectorAll("button"), document.getElementById("text")] : [];
  (all.find((one) => one?.textContent === suggested) || all[0])?.focus();
});
