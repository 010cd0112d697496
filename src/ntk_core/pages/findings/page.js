"use strict";

// The page is whole without this: it only adds sorting, filtering and copying.
(() => {
  const table = document.getElementById("verdict-table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const tools = document.getElementById("tools");
  const query = document.getElementById("query");
  const buttons = [...tools.querySelectorAll("button[data-verdict]")];
  const count = document.getElementById("count");
  let chosen = "";

  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.dataset.text.toLowerCase();
      const fits = (!chosen || row.dataset.verdict === chosen) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
    document.getElementById("none").hidden = shown > 0;
  };
  query.addEventListener("input", filter);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      chosen = button.dataset.verdict;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      filter();
    });
  }

  const heads = [...table.tHead.rows[0].cells];
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b, "en") : a - b);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.key;
      const sorted = [...rows].sort((a, b) => compare(key(a), key(b)));
      if (down) sorted.reverse();
      body.append(...sorted);
    });
  });

  for (const code of document.querySelectorAll("pre.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy the command");
    button.addEventListener("click", async () => {
      const text = code.querySelector("code");
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    code.after(button);
  }

  filter();
  tools.hidden = false;
})();
