"use strict";

// The page is whole without this: it opens what a link leads to, marks the section in view and copies commands.
(() => {
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of folded) fold.open = false;
  });

  const links = [...document.querySelectorAll("nav a")];
  const sections = links.map((link) => document.getElementById(link.hash.slice(1)));
  const mark = () => {
    const last = sections.findLastIndex((section) => section.getBoundingClientRect().top < innerHeight / 3);
    links.forEach((link, i) => (i === Math.max(last, 0) ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  addEventListener("scroll", mark, { passive: true });
  mark();

  const status = document.createElement("p");
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.body.append(status);
  for (const code of document.querySelectorAll("pre.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    const name = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", `${word} the command of ${code.dataset.of}`);
    };
    name("Copy");
    button.addEventListener("click", async () => {
      const text = code.querySelector("code");
      try {
        await navigator.clipboard.writeText(text.textContent);
        name("Copied");
      } catch {
        getSelection().selectAllChildren(text);
        name("Selected");
      }
      status.textContent = button.getAttribute("aria-label");
      setTimeout(() => {
        name("Copy");
        status.textContent = "";
      }, 1500);
    });
    code.after(button);
  }
})();
