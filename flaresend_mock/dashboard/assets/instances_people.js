// The scripts of the instances and people pages: dialogs, API keys, QR codes, and forms with lists.
"use strict";

(() => {
  const find = (id) => document.getElementById(id);
  const dialog = find("dialog");
  const openers = new WeakMap();

  function show(box) {
    if (!box || box.open) return;
    openers.set(box, document.activeElement?.id);
    box.showModal();
  }

  function done(words, detail) {
    tell(words || "Done");
    document.body.dispatchEvent(new CustomEvent("done", { detail }));
  }

  // --- dialogs: a loaded part opens its dialog once htmx has moved the focus; later, that would interrupt typing

  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "dialog-body") show(dialog);
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.target?.id === "dialog-body") tell("Not found: it was deleted.", true);
  });
  dialog.addEventListener("close", () => find("dialog-body").replaceChildren());
  find("told").addEventListener("close", () => { find("told-value").value = ""; });

  function report(title, text, more = "", key = "") {
    find("told-title").textContent = title;
    find("told-text").textContent = text;
    find("told-more").textContent = more;
    find("told-more").hidden = !more;
    find("told-key").hidden = !key;
    find("told-value").value = key;
    show(find("told"));
    if (key) find("told-value").select();
  }

  // --- the focus returns to what opened a dialog

  document.addEventListener("close", (event) => {
    const opener = openers.get(event.target); // an update may have replaced it by an equal one
    const lost = document.activeElement === document.body || event.target.contains(document.activeElement);
    if (opener && lost) find(opener)?.focus();
  }, true);

  // --- API keys

  async function copyKey(path, id) {
    const keys = await attempt(() => call("GET", path + "?with_secrets=true"));
    const key = keys?.api_keys.find((one) => one.id === id)?.api_key;
    if (!key) return;
    if (await copy(key, document.body)) tell("API key copied");
    else report("API key", "The browser blocks copying. Copy the key here.", "", key);
  }

  async function newKey(path) {
    const made = await attempt(() => call("POST", path, {}));
    if (!made) return;
    report("New API key", "The key works now.", "", made.api_key);
    done("API key created", made);
  }

  // --- test events and verification of a webhook

  async function ring(button) {
    const [method, path] = button.dataset.tell.split(" ");
    button.disabled = true;
    const found = await attempt(() => call(method, path));
    button.disabled = false;
    button.focus();
    if (!found) return;
    const { verified, reason, attempt: tried } = found;
    const response = tried?.status ? `The receiver returned ${tried.status} in ${Math.round(tried.milliseconds)} ms.` : "";
    const text = verified ? response || reason : `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
    report(`${button.dataset.title}: ${verified ? "passed" : "failed"}`, text, tried?.response || "");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const it = button.dataset;
    if ("shut" in it) button.closest("dialog").close();
    if (it.show) show(find(it.show));
    if (it.key) copyKey(it.key, it.id);
    if (it.newKey) newKey(it.newKey);
    if (it.tell) ring(button);
    if (it.addRow) {
      const rows = find(it.addRow);
      rows.append(rows.querySelector("template").content.cloneNode(true));
      rows.lastElementChild.querySelector("input").focus();
    }
    if ("dropRow" in it) {
      const row = button.closest("fieldset");
      (row.previousElementSibling?.querySelector?.("input") || row.parentElement.parentElement.querySelector("[data-add-row]")).focus();
      row.remove();
    }
  });

  // --- forms with lists

  const listed = (text) => text.split(/[,\n]/).map((one) => one.trim()).filter(Boolean);
  const amounts = (text) => listed(text).map((one) => {
    const amount = Number(one);
    if (Number.isNaN(amount)) throw new Error(`“${one}” is not a number of seconds.`);
    return amount;
  });

  const FORMS = {
    async webhook(form) {
      const given = read(form);
      const { no_secret: bare, ...body } = given;
      const kept = (await call("GET", form.dataset.path + "?with_secrets=true")).webhook;
      body.secret = bare ? null : given.secret || kept?.secret || null;
      body.verify_token = given.verify_token || kept?.verify_token || null;
      body.retries = amounts(form.elements.retries.value);
      return call("PUT", form.dataset.path + "/webhook", body);
    },
    event(form) {
      const { value } = form.elements.event;
      JSON.parse(value); // the emulator gets the text itself, in which keys keep their order, and numbers their digits
      return call("POST", "inbound", `{"event": ${value}, "instance": ${JSON.stringify(form.dataset.instance)}}`);
    },
    person(form) {
      const fields = form.elements;
      const rules = [...form.querySelectorAll(".rule")].map((row) => {
        const [when, reply, after] = ["when", "reply", "after"].map((name) => row.querySelector(`[name=${name}]`).value);
        return { when: when || null, reply: reply || null, after: after === "" ? 1 : Number(after) };
      });
      const body = { name: fields.name.value, on_whatsapp: fields.on_whatsapp.checked, addable: fields.addable.checked, rules };
      body.aliases = listed(fields.aliases.value);
      if (fields.lid.value) body.lid = fields.lid.value;
      return call("PUT", "people/" + encodeURIComponent(fields.number.value.trim()), body);
    },
    group(form) {
      const chosen = [...form.querySelectorAll("[name=participant]:checked")].map((one) => one.value);
      const participants = [...chosen, ...listed(form.elements.others.value)];
      if (!participants.length) throw new Error("Choose at least one member.");
      const instance = form.elements.instance.value;
      return call("POST", "groups", { subject: form.elements.subject.value, participants, instance });
    },
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const work = FORMS[form.dataset.form];
    if (!work) return;
    event.preventDefault();
    const found = await once(form, async () => work(form));
    if (!found) return;
    form.closest("dialog")?.close();
    done(form.dataset.done, found);
  });

  document.addEventListener("change", (event) => { // a sample fills a field
    const field = find(event.target.dataset?.fills);
    if (field) field.value = event.target.value;
  });

  document.addEventListener("input", (event) => { // filters a list of choices
    const list = find(event.target.dataset?.narrows);
    if (!list) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const label of list.querySelectorAll("label")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  });

  // --- updates do not replace unsaved input

  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const fields = "written" in event.detail.target.dataset ? event.detail.target.querySelectorAll("input, textarea") : [];
    if ([...fields].some(changed)) event.detail.shouldSwap = false;
  });

  // --- QR codes: an expired one is replaced

  const ends = new WeakMap();

  function tick() {
    for (const it of document.querySelectorAll("[data-expires]:not([data-frozen])")) {
      if (!ends.has(it)) ends.set(it, performance.now() + Number(it.dataset.expires) * 1000);
      const left = Math.max(0, Math.ceil((ends.get(it) - performance.now()) / 1000));
      it.textContent = left ? `Expires in ${left} s` : "Expired. A new one follows";
      it.previousElementSibling.value = left;
      if (!left) {
        ends.set(it, performance.now() + 5000);
        call("GET", it.dataset.of).catch(() => {}); // makes a new one, which triggers an update
      }
    }
  }

  setInterval(tick, 1000);

  // --- the keyboard focus stays in place when a button disappears

  let where = null;
  document.body.addEventListener("htmx:beforeSwap", () => {
    const card = document.activeElement?.closest?.(".phone-card");
    if (card && !dialog.open) where = card.id;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (where && document.activeElement === document.body) {
      const card = find(where);
      (card?.querySelector(".acts button, .scan button.main") || card)?.focus();
    }
    where = null;
  });
})();
