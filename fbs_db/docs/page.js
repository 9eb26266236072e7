"use strict";
(() => {
  const box = document.getElementById("search");
  const told = document.getElementById("found");
  const apart = document.querySelectorAll("[data-apart]");
  const sections = document.querySelectorAll("section.component");
  const low = (node) => node.textContent.toLowerCase();
  const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
    entry,
    kind: entry.dataset.kind,
    head: [...entry.querySelectorAll(".head")].map(low).join(" "),
    facts: [...entry.querySelectorAll(".facts")].map(low).join(" "),
    rows: [...entry.querySelectorAll("tbody tr")].map((row) => ({ row, text: low(row) })),
    of: entry.querySelector(".of"),
    link: document.querySelector(`nav a[data-to="${CSS.escape(entry.id)}"]`),
  }));

  function show(terms) {
    const counts = new Map();
    const has = (text) => terms.every((term) => text.includes(term));
    for (const { entry, kind, head, facts, rows, of, link } of entries) {
      // An entry that is meant itself is shown whole, else those of its rows that are.
      const whole = has(head);
      const meant = whole ? rows : rows.filter(({ text }) => has(`${head} ${text}`));
      const fact = !whole && meant.length === 0 && has(`${head} ${facts}`);
      const seen = whole || fact || meant.length > 0;
      const shown = new Set(fact ? rows : meant);
      entry.hidden = !seen;
      if (link) link.parentElement.hidden = !seen;
      for (const one of rows) one.row.hidden = !shown.has(one);
      if (of) of.textContent = seen && shown.size < rows.length ? `${shown.size} of ${rows.length} columns match` : "";
      if (seen && kind) counts.set(kind, (counts.get(kind) || 0) + 1);
      if (seen && !whole && !fact && of) {
        counts.set("column", (counts.get("column") || 0) + meant.length);
      }
    }
    for (const section of sections) section.hidden = !section.querySelector(".entry:not([hidden])");
    for (const part of document.querySelectorAll("nav .component")) {
      part.hidden = !part.querySelector("li:not([hidden]) > a[data-to]");
      for (const more of part.querySelectorAll("details")) {
        more.hidden = !more.querySelector("li:not([hidden])");
        more.open = terms.length > 0;
      }
    }
    for (const part of apart) part.hidden = terms.length > 0;
    const said = ["table", "view", "function", "column", "list"]
      .filter((kind) => counts.get(kind))
      .map((kind) => `${counts.get(kind)} ${kind}${counts.get(kind) === 1 ? "" : "s"}`);
    told.textContent = terms.length === 0 ? "" : said.join(", ") || "Nothing matches.";
    mark(terms);
  }

  function mark(terms) {
    if (!window.CSS || !CSS.highlights) return;
    CSS.highlights.delete("found");
    if (terms.length === 0) return;
    const ranges = [];
    for (const { entry } of entries) {
      if (entry.hidden) continue;
      const walk = document.createTreeWalker(entry, NodeFilter.SHOW_TEXT);
      while (walk.nextNode() && ranges.length < 3000) {
        const text = walk.currentNode.data.toLowerCase();
        for (const term of terms) {
          for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
            const range = new Range();
            range.setStart(walk.currentNode, at);
            range.setEnd(walk.currentNode, at + term.length);
            ranges.push(range);
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  const search = () => show(box.value.toLowerCase().split(/\s+/).filter(Boolean));

  function clear() {
    box.value = "";
    search();
  }

  // A link to what the search hides ends the search.
  function follow() {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    if (target.closest("[hidden]")) clear();
    for (let more = target.closest("details"); more; more = more.parentElement.closest("details")) more.open = true;
    target.scrollIntoView();
  }

  box.addEventListener("input", search);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
    if (event.key === "Enter") {
      const first = entries.find(({ entry }) => !entry.hidden);
      if (first && box.value.trim()) first.entry.scrollIntoView();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  window.addEventListener("hashchange", follow);

  const picture = document.querySelector(".picture");
  const size = document.getElementById("size");
  if (size) {
    size.hidden = false;
    size.addEventListener("click", () => {
      const full = picture.classList.toggle("full");
      size.textContent = full ? "Fit to the page" : "Full size";
    });
  }
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open])")];
    for (const more of opened) more.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const more of opened) more.open = false;
  });
  if (box.value) search();
  follow();
})();
