// Writing as a person: texts, files, and every other kind of message. The server's refusals show at the form.
"use strict";

const bubbles = document.getElementById("bubbles");
const composer = document.getElementById("composer");
const text = document.getElementById("text");
const bubbleOf = (id) => document.querySelector(`[data-message="${CSS.escape(id)}"]`);

// --- what is written

const tray = document.getElementById("tray"); // the fields and files of a kind
const kind = document.getElementById("kind");
const attach = document.getElementById("attach"); // the menu of kinds
const attacher = document.getElementById("attacher"); // its button
const problem = document.getElementById("problem");
const sample = document.getElementById("sample");
const always = kind?.value; // the kind of each post in a channel; elsewhere none
let files = []; // each is a message of its own
let edited = null; // id and author of the message that is being edited
let draft = ""; // what had been written before the edit
let said = ""; // the text that is being sent
let awaited = false; // whether the page reloads once the tray is closed: its world was replaced

function refuse(words, field) {
  problem.textContent = words;
  problem.hidden = !words;
  field?.focus();
}

function fieldOf(words) { // the field that a refusal begins with
  const name = /^([\w.]+):/.exec(words)?.[1];
  return name && tray.querySelector(`[name="${name}"]:enabled, [data-part="${name.split(".").pop()}"]:enabled`);
}

function about(id, words) {
  const box = document.getElementById("about");
  box.hidden = !id;
  box.querySelector("span").textContent = words || "";
  box.querySelectorAll("input").forEach((one) => { one.value = id || ""; });
  document.querySelectorAll(".bubble.chosen").forEach((one) => one.classList.remove("chosen"));
  if (!id) return;
  bubbleOf(id)?.classList.add("chosen");
  if (tray.hidden) text.focus();
}

function leave() {
  if (edited) text.value = draft;
  edited = null;
  about(null);
  refuse("");
}

async function write(extra) {
  const body = { from: composer.querySelector("[name=from]").value, instance: composer.querySelector("[name=instance]").value };
  const group = composer.querySelector("[name=group]");
  if (group) body.group = group.value;
  return attempt(() => call("POST", "inbound", { ...body, ...extra }));
}

async function unsay(deletion) {
  if (await sure("Delete this message?", "It is deleted for everyone in this chat, as in WhatsApp.", "Delete")) write(deletion);
}

function cutSaid(words) { // what was typed meanwhile stays
  const rest = words.startsWith(said) ? words.slice(said.length) : words;
  said = "";
  return rest;
}

const shownKind = () => (tray.hidden ? "" : kind.value);
const targetOf = () => document.querySelector("#about input").value;
const sentNow = () => ({ kind: shownKind(), target: targetOf(), edited, fields: [...tray.querySelectorAll(".fields :is(input, select, textarea):enabled")] });

function clearSent(sent) { // the rest, such as a text beside a place or what was begun meanwhile, stays
  const same = shownKind() === sent.kind;
  if (same && takesFiles()) sample.value = "";
  if (same) composer.querySelectorAll(".grows:not([hidden]) [data-extra]").forEach((row) => row.remove());
  if (edited === sent.edited) text.value = cutSaid(text.value);
  else if (!sent.edited) draft = cutSaid(draft);
  sent.fields.forEach((one) => {
    if (one.options) one.selectedIndex = Math.max(0, [...one.options].findIndex((option) => option.defaultSelected));
    else if (one.type === "checkbox") one.checked = one.defaultChecked;
    else one.value = one.defaultValue;
  });
  if (edited && edited === sent.edited) draft += text.value;
  if (edited === sent.edited && targetOf() === sent.target) leave();
  if (same && !(takesFiles() && files.length)) closeTray();
  follow(true);
  if (tray.hidden) text.focus();
}

async function send() {
  if (composer.dataset.busy) return;
  refuse("");
  if (edited && !text.value.trim()) return refuse("An edit has a text. Delete the message instead.", text);
  const body = edited ? null : written();
  if (!edited && !body) return;
  composer.dataset.busy = "yes";
  said = text.disabled ? "" : text.value;
  const sent = sentNow();
  try {
    if (edited) await call("POST", "inbound", { ...who(), type: "edit", target: edited.id, from: edited.author, text: text.value });
    else if (takesFiles() && files.length) await sendFiles(body);
    else await call("POST", "inbound", body);
  } catch (error) {
    return refuse(error.message, fieldOf(error.message));
  } finally {
    delete composer.dataset.busy;
  }
  if (body?.event) tell("Sent to the application. Traffic shows the delivery.");
  clearSent(sent);
}

const who = () => Object.fromEntries([...composer.querySelectorAll("[type=hidden][name=instance], [type=hidden][name=group]")].map((one) => [one.name, one.value]));

async function sendFiles(body) {
  const chosen = kind.value;
  for (const file of files) { // the first one has the caption
    if (!files.includes(file)) continue; // removed meanwhile
    const type = fits(file, accepts(chosen)) ? chosen : kindOf(file);
    await call("POST", "inbound", withFile({ ...body, type }, file));
    files = files.filter((one) => one !== file);
    showPreviews();
    text.value = cutSaid(text.value);
    delete body.text;
    delete body.reply_to;
  }
}

// Returns the body of the request, or nothing if something is missing, which it shows.
function written() {
  const body = read(composer);
  if (tray.hidden) return body.text?.trim() || always ? body : text.focus();
  if (!kind.value) return refuse("Choose a kind of message.", kind);
  if (takesFiles() && !files.length && !sample.value && !always) return refuse("Choose a file, or use a sample.", composer.querySelector("[data-choose]"));
  const twice = body.options?.find((one, at) => body.options.indexOf(one) !== at);
  if (twice !== undefined) return refuse(`Two options are the same: ${twice}`, [...tray.querySelectorAll("[name=options]")].reverse().find((one) => one.value.trim() === twice));
  if (kind.value.startsWith("contact")) {
    const people = [...tray.querySelectorAll(".pair:not([hidden])")].map((row) => Object.fromEntries([...row.querySelectorAll("input")].filter((one) => one.value.trim()).map((one) => [one.dataset.part, one.value.trim()])));
    const named = people.filter((one) => one.name || one.number);
    if (kind.value === "contact") body.contact = named[0];
    else body.contacts = named;
  }
  for (const field of tray.querySelectorAll("[data-json]:enabled")) {
    try {
      body[field.name] = JSON.parse(field.value);
    } catch (error) {
      return refuse(`This is not JSON: ${error.message}`, field);
    }
    delete body.type; // a payload names its own
    if (field.name === "event") return { event: body.event, instance: body.instance };
  }
  return body;
}

// --- the kinds, and the fields of each

const takesFiles = () => !tray.hidden && !tray.querySelector(".files").hidden;
const accepts = (name) => (kind.options ? kind.querySelector(`option[value="${name}"]`) : kind).dataset.accept || "";
const fits = (file, accept) => !accept || accept.split(",").some((one) => (one.endsWith("*") ? file.type.startsWith(one.slice(0, -1)) : file.type === one));

function kindOf(file) {
  const family = file.type.split("/")[0];
  return always || (["image", "video", "audio"].includes(family) ? family : "document");
}

function showFields() { // shows the fields of the chosen kind, and sends no others
  composer.querySelectorAll("[data-for]").forEach((one) => {
    const shown = one.dataset.for.split(" ").includes(kind.value || "text") && !(tray.hidden && tray.contains(one));
    const isField = one.matches("input, textarea");
    if (!isField) one.hidden = !shown;
    (isField ? [one] : one.querySelectorAll("input, select, textarea")).forEach((field) => { field.disabled = !shown; });
  });
  text.dataset.words ??= text.placeholder;
  text.placeholder = text.disabled ? "No text goes with this" : takesFiles() && !always ? "Add a caption…" : text.dataset.words;
}

function openTray(name, focus = true) {
  if (edited) leave();
  refuse("");
  if (kind.options) kind.value = name;
  tray.hidden = false;
  if (always) attacher.setAttribute("aria-expanded", "true");
  if (sample.value && !composer.querySelector(`[data-sample="${sample.value}"][data-for~="${name}"]`)) sample.value = "";
  document.getElementById("file").accept = name ? accepts(name) : "";
  showFields();
  showPreviews();
  const field = takesFiles() ? tray.querySelector("[data-choose]") : tray.querySelector(".fields :is(input, select, textarea):enabled");
  const options = field?.closest("details");
  if (name && options) options.open = true; // there is nothing else
  if (focus) (name && field ? field : kind).focus();
}

function closeTray() { // what was filled in is still there when it is opened again
  if (kind.options) kind.value = "";
  tray.hidden = true;
  if (always) attacher.setAttribute("aria-expanded", "false");
  refuse("");
  showFields();
  if (awaited) replaced();
}

function growRows(box) { // another row below a full one
  const last = box.lastElementChild;
  if (box.children.length >= Number(box.dataset.grows) || ![...last.querySelectorAll("input")].some((one) => one.value)) return;
  const row = last.cloneNode(true);
  row.dataset.extra = "";
  row.querySelectorAll("input").forEach((one) => {
    one.value = "";
    one.required = false;
    for (const name of ["data-example", "placeholder"]) one.removeAttribute(name);
  });
  box.append(row);
}

// --- files

function addFiles(given) {
  const limit = Number(composer.dataset.limit);
  const bad = given.find((one) => !one.size || one.size > limit - 65536); // a form has a few bytes more
  const good = given.filter((one) => one.size && one.size <= limit - 65536);
  if (good.length) {
    files = takesFiles() ? [...files, ...good] : good;
    sample.value = "";
    const stays = !tray.hidden && !tray.querySelector(".files").hidden && fits(files[0], accepts(kind.value));
    openTray(stays ? kind.value : kindOf(files[0]), false);
    text.focus();
  }
  if (bad) refuse(bad.size ? `${bad.name} is too large: ${sizeOf(bad.size)}. The limit is ${sizeOf(limit)}, unless --max-body-size says otherwise.` : `${bad.name} is empty.`);
}

function sizeOf(count) {
  if (count === 1) return "1 byte";
  const unit = ["bytes", "KB", "MB", "GB"][Math.min(3, Math.floor(Math.log10(count || 1) / 3))];
  const amount = count / { bytes: 1, KB: 1e3, MB: 1e6, GB: 1e9 }[unit];
  return `${unit === "bytes" || amount >= 10 ? Math.round(amount) : amount.toFixed(1)} ${unit}`;
}

const links = []; // to files that are shown

function showPreviews() {
  const list = document.getElementById("previews");
  links.splice(0).forEach((one) => URL.revokeObjectURL(one));
  const shown = files.map((file) => ({ name: file.name, type: file.type, size: sizeOf(file.size), url: URL.createObjectURL(file), file }));
  links.push(...shown.map((one) => one.url));
  const button = composer.querySelector(`[data-sample="${sample.value}"]`);
  if (sample.value) {
    const type = { jpeg: "image", png: "image", webp: "image", mp4: "video", ogg: "audio" }[sample.value] || "";
    shown.push({ name: button.textContent, type, size: "a sample", url: `${page.mock}ui/samples/${sample.value}` });
  }
  list.replaceChildren(...shown.map(previewOf));
  list.hidden = !shown.length;
}

function previewOf(it) {
  const row = document.createElement("li");
  const family = it.type.split("/")[0];
  const tag = { image: "img", video: "video", audio: "audio" }[family];
  const plain = document.createElement("span");
  plain.textContent = (it.name.split(".").pop() || "file").slice(0, 4);
  plain.setAttribute("aria-hidden", "true");
  plain.className = "thumb";
  const picture = tag ? document.createElement(tag) : plain;
  if (tag) {
    picture.addEventListener("error", () => picture.replaceWith(plain)); // what no browser shows is sent all the same
    picture.src = it.url;
    if (tag === "img") picture.alt = "";
    else picture.controls = true;
    if (tag !== "audio") picture.className = "thumb";
  }
  const name = document.createElement("b");
  name.textContent = it.name;
  name.dir = "auto";
  const more = document.createElement("small");
  more.textContent = it.size;
  const words = document.createElement("span");
  words.className = "words";
  words.append(name, more);
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "shut";
  remove.textContent = "✕";
  remove.setAttribute("aria-label", `Remove ${it.name}`);
  remove.addEventListener("click", () => {
    if (it.file) files = files.filter((one) => one !== it.file);
    else sample.value = "";
    showPreviews();
    composer.querySelector("[data-choose]").focus();
  });
  row.append(picture, words, remove);
  return row;
}

// --- the menu

const COLUMNS = 5;

function openMenu(open) {
  attach.hidden = !open;
  attacher.setAttribute("aria-expanded", String(open));
  if (open) attach.querySelector("button").focus();
}

function pickKind(name) {
  openMenu(false);
  openTray(name);
  if (["image", "video", "document"].includes(name) && !files.length) document.getElementById("file").click();
  if (name) return;
  try {
    kind.showPicker();
  } catch { // older browsers: the select has the focus
  }
}

if (composer) {
  showFields();
  kind.addEventListener("change", () => { openTray(kind.value, false); });
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
    if (!attach.hidden) { openMenu(false); attacher.focus(); event.stopPropagation(); return; }
    if (!document.getElementById("about").hidden) leave();
    else if (!tray.hidden) closeTray();
    else return;
    event.stopPropagation();
    text.focus();
  });
  composer.addEventListener("input", (event) => {
    const box = event.target.closest(".grows");
    if (box) growRows(box);
  });

  attacher.addEventListener("click", () => {
    if (!always) return openMenu(attach.hidden);
    if (tray.hidden) openTray(always);
    else closeTray();
  });
  attach.addEventListener("keydown", (event) => {
    const all = [...attach.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (event.key === "Tab") return openMenu(false);
    const next = step ? (at + step + all.length) % all.length : { Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next].focus();
  });
  document.addEventListener("click", (event) => {
    if (!attach.hidden && !event.target.closest("#attach, #attacher")) openMenu(false);
  });
  composer.addEventListener("click", (event) => {
    const it = event.target.closest("button")?.dataset;
    if (!it) return;
    if ("kind" in it) pickKind(it.kind);
    if ("discard" in it) { closeTray(); text.focus(); }
    if ("choose" in it) document.getElementById("file").click();
    if (it.sample) {
      files = [];
      sample.value = it.sample;
      refuse("");
      showPreviews();
      (text.disabled ? composer.querySelector(".send") : text).focus();
    }
    if ("fill" in it) {
      tray.querySelectorAll("[data-example]:enabled").forEach((one) => { one.value ||= one.dataset.example; });
      tray.querySelectorAll(".grows:not([hidden])").forEach(growRows);
      composer.querySelector(".send").focus();
    }
  });

  document.getElementById("file").addEventListener("change", (event) => {
    addFiles([...event.target.files]);
    event.target.value = ""; // so that the same file may be chosen again
  });
  document.addEventListener("paste", (event) => {
    const given = [...(event.clipboardData?.files || [])];
    if (!given.length) return;
    event.preventDefault();
    addFiles(given);
  });
  const talk = composer.closest(".talk");
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragenter", "dragover"]) {
    talk.addEventListener(name, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      talk.classList.add("dropping");
    });
  }
  talk.addEventListener("dragleave", (event) => { if (!talk.contains(event.relatedTarget)) talk.classList.remove("dropping"); });
  talk.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    talk.classList.remove("dropping");
    addFiles([...event.dataTransfer.files]);
  });
  tray.querySelector("[name=latitude]").addEventListener("paste", (event) => { // both, as maps copy them
    const both = /^\s*(-?[\d.]+)\s*[,;]\s*(-?[\d.]+)\s*$/.exec(event.clipboardData.getData("text"));
    if (!both) return;
    event.preventDefault();
    [event.target.value, tray.querySelector("[name=longitude]").value] = both.slice(1);
  });
  document.getElementById("start").addEventListener("change", async (event) => {
    const name = event.target.value;
    const found = name ? await attempt(() => call("GET", `ui/samples/${name}`, undefined, "")) : { event: "", data: {} };
    if (!found) return;
    const payload = document.getElementById("payload");
    const own = composer.querySelector("[type=hidden][name=from]")?.value;
    const words = JSON.stringify(found, null, 2);
    payload.focus();
    payload.select(); // so that Ctrl+Z brings back what was written
    document.execCommand("insertText", false, own ? words.replaceAll("254712345678", own) : words);
  });

  const words = (id) => bubbleOf(id)?.querySelector(".text")?.textContent || "a message";
  bubbles.addEventListener("click", (event) => {
    const it = event.target.closest("button")?.dataset;
    if (!it) return choose(event.target);
    if (it.reply) { leave(); about(it.reply, "Reply to: " + words(it.reply)); }
    if (it.edit) {
      leave();
      closeTray();
      about(it.edit, "Edit: " + words(it.edit));
      edited = { id: it.edit, author: it.author };
      draft = text.value;
      text.value = it.text;
    }
    if (it.delete) unsay({ type: "delete", target: it.delete, from: it.author });
    if (it.forward) once(event.target.closest("button"), () => write({ forward: it.forward }));
    if (it.vote) write({ type: "poll_vote", target: it.vote, choices: [it.option] });
    if (it.album) {
      leave();
      openTray("image");
      tray.querySelector(".options").open = true;
      composer.querySelector("[name=album]").value = it.album;
    }
    if (it.react) pick(event.target.closest("button"), it.react);
  });

  // --- the draft survives a reload, and a reload waits for what fills the tray

  const kept = "flaresend-mock-draft " + location.pathname;
  if (sessionStorage.getItem(kept)) text.value = sessionStorage.getItem(kept);
  sessionStorage.removeItem(kept);
  window.addEventListener("pagehide", () => {
    const value = edited ? draft : text.value;
    if (value) sessionStorage.setItem(kept, value);
  });
  document.body.addEventListener("replaced", (event) => {
    if (tray.hidden) return;
    event.preventDefault();
    awaited = true;
    refuse("The world was replaced. Send or close this, and the page loads again.");
  });
  if (matchMedia("(hover: hover)").matches) text.focus({ preventScroll: true });
}
