// A page of the documentation: its Markdown becomes HTML. Links to files that are not shipped become plain text.
"use strict";

(() => {
  const guide = document.getElementById("guide");
  const { root, names } = guide.dataset;
  const known = new Set(JSON.parse(names).map((name) => new URL(root + name, location.href).pathname));

  guide.innerHTML = marked.parse(guide.textContent);

  const used = new Map();
  for (const heading of guide.querySelectorAll("h1, h2, h3, h4")) { // as GitHub names them
    const id = heading.textContent.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-");
    const count = used.get(id) || 0;
    used.set(id, count + 1);
    heading.id = count ? `${id}-${count}` : id;
  }
  for (const link of guide.querySelectorAll("a[href]")) {
    if (link.origin !== location.origin) link.rel = "noopener noreferrer";
    else if (!known.has(link.pathname)) link.replaceWith(...link.childNodes);
  }
  for (const table of guide.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "wide";
    box.tabIndex = 0;
    table.replaceWith(box);
    box.append(table);
  }
  for (const code of guide.querySelectorAll("pre")) code.tabIndex = 0;
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
})();
