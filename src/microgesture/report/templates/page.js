"use strict";
/* Without this script the page shows everything, tables in the order of the config. */
(() => {
  const make = (text, name, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = name;
    button.textContent = text;
    if (label) button.setAttribute("aria-label", label);
    return button;
  };

  /* A heading sorts by its column: largest number or first name first, then the reverse, then as given. */
  const compare = (column, numbers, sign) => (one, other) => {
    const [a, b] = [one, other].map((row) => row.cells[column]);
    if (!numbers) return sign * a.textContent.localeCompare(b.textContent, "en", { numeric: true });
    const [x, y] = [a, b].map((cell) => cell.dataset.sort ?? "");
    if (x === "" || y === "") return (x === "") - (y === ""); /* what has no number stays last */
    return sign * (Number(x) - Number(y));
  };
  for (const table of document.querySelectorAll("table.sorts")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const given = [...body.rows];
    heads.forEach((head, column) => {
      const numbers = given.some((row) => row.cells[column].dataset.sort);
      const order = numbers ? ["descending", "ascending"] : ["ascending", "descending"];
      const button = make(head.textContent, "sort");
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const next = order[order.indexOf(head.getAttribute("aria-sort")) + 1];
        for (const one of heads) one.removeAttribute("aria-sort");
        table.classList.toggle("sorted", Boolean(next));
        if (next) head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        body.append(...(next ? [...given].sort(compare(column, numbers, sign)) : given));
      });
    });
  }

  /* Every figure can be looked at in the whole window. */
  const [dialog, box, image, words] = ["dialog", "div", "img", "p"].map((tag) => document.createElement(tag));
  const close = make("Close", "close");
  dialog.setAttribute("aria-label", "Enlarged figure");
  box.className = "scroll";
  box.tabIndex = 0; /* so that arrow keys move a large figure */
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Figure");
  box.append(image);
  dialog.append(close, box, words);
  document.body.append(dialog);
  for (const figure of document.querySelectorAll("figure")) {
    const [shown, caption] = [figure.querySelector("img"), figure.querySelector("figcaption")];
    const button = make("Enlarge", "enlarge", `Enlarge: ${shown.alt}`);
    button.addEventListener("click", () => {
      image.src = shown.src;
      image.alt = shown.alt;
      image.style.setProperty("--w", shown.style.getPropertyValue("--w"));
      words.textContent = caption.textContent;
      dialog.showModal();
    });
    figure.append(button);
  }
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); /* the shade around it */
  });

  /* Errors by class and by clip or subject. */
  const form = document.querySelector("form.filters");
  if (form) {
    const [classes, clip] = [form.elements.namedItem("class"), form.elements.namedItem("clip")];
    const items = [...document.querySelectorAll("[data-clip]")];
    const listed = items.filter((item) => item.matches("tr")).length;
    const apply = () => {
      const part = clip.value.trim().toLowerCase();
      for (const item of items) {
        const { true: truth, taken, clip: name, subject } = item.dataset;
        const ofClass = !classes.value || truth === classes.value || taken === classes.value;
        item.hidden = !ofClass || !`${name}\n${subject}`.toLowerCase().includes(part);
      }
      const left = items.filter((item) => item.matches("tr") && !item.hidden).length;
      form.querySelector("output").textContent = `${left} of ${listed} errors`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    form.hidden = false;
    apply();
  }

  /* What does not scroll need not stop the Tab key. */
  const boxes = [...document.querySelectorAll("main .scroll")];
  const settle = () => {
    for (const box of boxes) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  window.addEventListener("resize", settle);
  for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", settle);
  settle();

  /* Paper cannot be opened. */
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.closed = "";
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of document.querySelectorAll("details[data-closed]")) {
      details.open = false;
      delete details.dataset.closed;
    }
  });
})();
