// The scripts of the schedule and worlds pages: the clock, countdowns, and actions on worlds. Uses dashboard.js.
"use strict";

(() => {
  const show = (box) => { box.hidden = false; box.scrollIntoView({ block: "nearest" }); };
  const refresh = (id) => document.getElementById(id)?.dispatchEvent(new Event("refresh"));

  document.addEventListener("click", (event) => {
    const hidden = event.target.closest("[data-hide]");
    if (hidden) document.getElementById(hidden.dataset.hide).hidden = true;
  });

  // --- the clock

  const units = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function spoken(milliseconds) { // as schedule.py does
    let left = Math.floor(Math.abs(milliseconds) / 1000);
    const words = [];
    for (const [unit, seconds] of units) {
      const count = Math.floor(left / seconds);
      left %= seconds;
      if (count) words.push(unit !== "day" ? `${count} ${unit}` : count === 1 ? "1 day" : `${count.toLocaleString("en")} days`);
      if (words.length === 2 || (words.length && !count)) break;
    }
    return words.join(" ") || "0 s";
  }

  let face = null; // the element that shows the time, and when it arrived by this computer's clock
  let came = 0;

  function look() {
    const found = document.querySelector("[data-clock]");
    if (found !== face) { face = found; came = performance.now(); }
    return face;
  }

  const shown = () => Number(face.dataset.now) + ("frozen" in face.dataset ? 0 : performance.now() - came);
  const ahead = () => Number(face.dataset.ahead) - ("frozen" in face.dataset ? performance.now() - came : 0);

  const formats = {};
  function written(moment, options) {
    const zone = face.dataset.zone;
    const key = zone + JSON.stringify(options);
    formats[key] ??= new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
    return formats[key].format(moment);
  }

  function stamp(moment) { // as time.html does
    const day = (of) => written(of, { day: "2-digit", month: "short" });
    const year = (of) => written(of, { year: "numeric" });
    const time = written(moment, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    if (year(moment) !== year(shown())) return `${day(moment)} ${year(moment)} ${time}`;
    return day(moment) === day(shown()) ? time : `${day(moment)} ${time}`;
  }

  function turn(hand, degrees) {
    face.querySelector(`[data-hand=${hand}]`).setAttribute("transform", `rotate(${degrees.toFixed(2)} 50 50)`);
  }

  function tick() {
    if (!look()) return;
    const now = shown();
    if (!("frozen" in face.dataset)) {
      try {
        const time = written(now, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
        const [hours, minutes, seconds] = time.split(":").map(Number);
        const place = face.querySelector("[data-time]");
        place.textContent = time;
        place.dateTime = new Date(now).toISOString();
        const [weekday, date] = [written(now, { weekday: "long" }), written(now, { day: "numeric", month: "long", year: "numeric" })];
        face.querySelector("[data-date]").textContent = `${weekday}, ${date}`;
        turn("hours", ((hours % 12) + minutes / 60) * 30);
        turn("minutes", (minutes + seconds / 60) * 6);
        turn("seconds", seconds * 6);
      } catch (problem) {
        if (!(problem instanceof RangeError)) throw problem; // the browser does not know the time zone
      }
    }
    const away = document.querySelector("[data-away]");
    if (away) away.textContent = `${spoken(Math.round(ahead() / 1000) * 1000)} ${ahead() > 0 ? "ahead of" : "behind"}`;
    document.querySelectorAll("[data-until-ms]").forEach((one) => {
      const left = Number(one.dataset.untilMs) - now;
      one.textContent = left > 0 ? "in " + spoken(left + 999) : one.dataset.over;
      one.classList.toggle("wait", left > 0 && one.matches(".pill"));
      one.classList.toggle("bad", left <= 0 && one.matches(".pill"));
    });
  }

  function beat() {
    tick();
    setTimeout(beat, face ? 1000 - (((shown() % 1000) + 1000) % 1000) + 5 : 1000);
  }

  if (document.getElementById("clock")) {
    beat();
    document.body.addEventListener("htmx:afterSwap", tick);
    document.addEventListener("visibilitychange", () => { // a computer counts no milliseconds while it sleeps
      if (!document.hidden) { refresh("clock"); refresh("due"); }
    });
    document.body.addEventListener("done", (event) => { if (event.detail?.fired) tellFired(event.detail); });
    document.addEventListener("click", (event) => {
      const until = event.target.closest("[data-until]");
      if (until) advanceTo(document.getElementById(until.dataset.until));
      if (event.target.closest("[data-real-time]")) toRealTime();
    });
  }

  async function change(method, path, body, said) {
    const done = await attempt(() => call(method, path, body));
    if (!done) return;
    tell(said);
    document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
  }

  function advanceTo(field) {
    if (field.reportValidity()) change("POST", "clock/advance", { to: field.value }, "Advanced");
  }

  async function toRealTime() {
    const fresh = await attempt(async () => {
      const response = await fetch(document.getElementById("clock").getAttribute("hx-get"));
      return new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-clock]").dataset;
    });
    if (!fresh) return;
    const real = new Date(Number(fresh.now) - Number(fresh.ahead)).toISOString();
    change("PATCH", "clock", { now: real, frozen: false }, "The clock shows real time");
  }

  const kinds = { task: "Scheduled message", auto_reply: "Auto-reply", pairing: "Pairing", "delivery retry": "Webhook retry", "delayed delivery": "Delayed event" };

  function tellFired(response) {
    const box = document.getElementById("fired");
    const count = response.fired.length;
    box.querySelector("h2 span").textContent = count === 0 ? "Nothing was due" : count === 1 ? "1 timer fired" : `${count} timers fired`;
    box.querySelector("ol").replaceChildren(...response.fired.slice(0, 100).map((one) => {
      const row = document.createElement("li");
      const known = document.querySelector(`[data-due="${CSS.escape(one.kind + " " + one.id)}"]`);
      const at = document.createElement("time");
      at.dateTime = one.at;
      at.textContent = face ? stamp(Date.parse(one.at)) : one.at;
      const result = document.createElement("span");
      result.className = "pill " + ({ sent: "good", failed: "bad" }[one.result] || "off");
      result.textContent = one.kind === "auto_reply" && one.result !== "failed" ? "sent" : one.result; // in place of the message's id
      const line = document.createElement("span");
      line.dir = "auto";
      const kind = kinds[one.kind] || one.kind;
      const id = one.kind === "auto_reply" ? "" : " " + one.id;
      line.textContent = (known ? known.dataset.line : kind + id) + (one.reason ? ` (${one.reason})` : "");
      row.append(at, line, result);
      return row;
    }));
    if (count > 100) box.querySelector("h2 span").textContent += "; the first 100:";
    show(box);
  }

  // --- worlds

  const note = document.getElementById("note");
  if (!note) return;
  const KEPT = "flaresend-mock-note";
  let busy = 0;
  let missed = false;

  // Actions on the world of this page reload the page, once their result is known.
  document.body.addEventListener("replaced", (event) => {
    if (busy) { missed = true; event.preventDefault(); }
  }, true);

  function say(text, warnings = [], made = null) {
    note.hidden = true;
    if (!warnings.length && !made) return tell(text);
    note.className = "box told " + (warnings.length ? "warn" : "good");
    note.querySelector("h2 span").textContent = text;
    note.querySelector(".made").hidden = !made;
    if (made) {
      document.getElementById("made-key").value = made.api_key;
      document.getElementById("made-open").href = note.dataset.worlds + encodeURIComponent(made.name) + "/chats";
    }
    note.querySelector("ul").replaceChildren(...warnings.map((one) => {
      const row = document.createElement("li");
      row.textContent = one;
      return row;
    }));
    return show(note);
  }

  function ask(method, path, name, body) {
    return call(method, path, body, name === null ? "" : "world=" + encodeURIComponent(name));
  }

  // `then` is what becomes of the world: "replaced", "gone", or empty if it stays.
  async function act(name, work, said, then = "") {
    busy += 1;
    const done = await attempt(work);
    busy -= 1;
    const [text, warnings, made] = done ? said(done) : ["", []];
    const own = done && then && name === page.world;
    if (own || missed) {
      missed = false;
      if (done) sessionStorage.setItem(KEPT, JSON.stringify([text, warnings]));
      if (own && then === "gone") location.href = note.dataset.default;
      else location.reload();
    } else if (done) {
      say(text, warnings, made);
      document.body.dispatchEvent(new CustomEvent("done", { detail: done }));
    }
    return done;
  }

  const kept = sessionStorage.getItem(KEPT);
  if (kept) {
    sessionStorage.removeItem(KEPT);
    say(...JSON.parse(kept));
  }

  async function take(name, file) {
    const text = await attempt(() => file.text());
    if (text === undefined) return;
    let data = null;
    try {
      data = JSON.parse(text);
    } catch { /* said below */ }
    if (data === null || typeof data !== "object" || Array.isArray(data)) {
      tell(`${file.name} is not a world in JSON. Nothing was imported.`, true);
      return;
    }
    if (!(await sure(`Import ${file.name} into ${name}?`, "The file replaces everything in this world. Snapshots stay.", "Import"))) return;
    await act(name, () => ask("PUT", "world", name, text), (done) => [
      done.warnings?.length ? `${file.name} was imported into ${name}, but:` : `${file.name} was imported into ${name}`, done.warnings || [],
    ], "replaced");
  }

  const file = document.getElementById("import-file");
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (chosen) take(file.dataset.world, chosen);
    file.value = "";
  });

  const naming = document.getElementById("name-snapshot");
  document.getElementById("new-snapshot").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const name = naming.dataset.world;
    const wanted = form.elements.name.value;
    const same = [...document.querySelectorAll(`[data-name="${CSS.escape(name)}"] [data-restore]`)].some((one) => one.dataset.restore === wanted);
    if (same && !(await sure(`Replace the snapshot ${wanted}?`, "The former snapshot of this name is lost.", "Replace"))) return;
    const done = await act(name, () => ask("POST", "snapshots/" + encodeURIComponent(wanted), name),
      (kept) => [`Snapshot ${kept.name} of ${name} taken`, []]);
    if (done) { form.reset(); naming.close(); }
  });

  const settings = document.getElementById("settings");
  settings.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { world: name, shown } = settings.dataset;
    const former = JSON.parse(shown);
    const changes = {};
    for (const field of event.target.querySelectorAll("[name]")) {
      const value = field.value === "" ? null : field.type === "number" ? Number(field.value) : field.value;
      if (value !== former[field.name]) changes[field.name] = value; // so that a change made elsewhere stays
    }
    if (!Object.keys(changes).length) return settings.close();
    if (await act(name, () => ask("PATCH", "world", name, changes), () => [`Settings of ${name} saved`, []])) settings.close();
  });

  document.getElementById("new-world").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const done = await once(form, () => act(null, () => ask("POST", "worlds", null, read(form)), (made) => [
      `The world ${made.name} was created`, made.warnings || [], made,
    ]));
    if (done) { form.reset(); form.closest("details").open = false; }
  });

  document.getElementById("worlds").addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const name = event.target.closest("[data-name]")?.dataset.name;
    if (!button || name === undefined) return;
    const it = button.dataset;
    if ("take" in it) {
      naming.dataset.world = name;
      naming.querySelector("h2").textContent = `Take a snapshot of ${name}`;
      naming.showModal();
    } else if ("settings" in it) {
      Object.assign(settings.dataset, { world: name, shown: it.settings });
      settings.querySelector("h2").textContent = `Settings of ${name}`;
      for (const [field, value] of Object.entries(JSON.parse(it.settings))) settings.querySelector(`[name=${field}]`).value = value ?? "";
      settings.showModal();
    } else if ("import" in it) {
      file.dataset.world = name;
      file.click();
    } else if ("restore" in it) {
      if (!(await sure(`Restore ${name} to ${it.restore}?`, "Everything since the snapshot is lost, unless another snapshot has it.", "Restore"))) return;
      act(name, () => ask("POST", `snapshots/${encodeURIComponent(it.restore)}/restore`, name), () => [`${name} was restored to ${it.restore}`, []], "replaced");
    } else if ("forget" in it) {
      if (!(await sure(`Delete the snapshot ${it.forget}?`, `${name} cannot be restored to it any more.`, "Delete"))) return;
      act(name, () => ask("DELETE", "snapshots/" + encodeURIComponent(it.forget), name), () => [`Snapshot ${it.forget} deleted`, []]);
    } else if ("reset" in it) {
      if (!(await sure(`Reset ${name}?`, "The world returns to its initial state. Everything since then is lost. Snapshots stay.", "Reset"))) return;
      act(name, () => ask("POST", "reset", name), () => [`${name} was reset`, []], "replaced");
    } else if ("delete" in it) {
      if (!(await sure(`Delete ${name}?`, "The world and its snapshots are deleted, and its API keys stop working.", "Delete"))) return;
      act(name, () => ask("DELETE", "worlds/" + encodeURIComponent(name), null), () => [`${name} was deleted`, []], "gone");
    }
  });

  // Files can be dropped on the card of a world. Beside the cards, the drop is ignored.
  const carries = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const over = (card) => document.querySelectorAll(".world.over").forEach((one) => { if (one !== card) one.classList.remove("over"); });
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const card = event.target.closest?.(".world") || null;
    over(card);
    card?.classList.add("over");
    event.dataTransfer.dropEffect = card ? "copy" : "none";
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(null); });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const card = event.target.closest?.(".world");
    over(null);
    const [dropped] = event.dataTransfer.files;
    if (card && dropped) take(card.dataset.name, dropped);
  });
})();
