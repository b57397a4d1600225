"use strict";
// The parts of the page are put together.

const TABS = { gallery: null, summary: showSummary, judged: showJudged };

function chooseTab(name) {
  for (const each of Object.keys(TABS)) {
    byId(each).hidden = each !== name;
    byId(`tab-${each}`).setAttribute("aria-selected", String(each === name));
    byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
  }
  TABS[name]?.();
}

function setUpTabs() {
  byId("tab-gallery").hidden = byId("tab-summary").hidden = images.length === 0;
  byId("tab-judged").hidden = !about.judged;
  for (const name of Object.keys(TABS)) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => chooseTab(name));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      const open = Object.keys(TABS).filter((each) => !byId(`tab-${each}`).hidden);
      const next = open[(open.indexOf(name) + by + open.length) % open.length];
      chooseTab(next);
      byId(`tab-${next}`).focus();
    });
  }
}

function showNotes() {
  const without = images.filter((image) => image.missing);
  const notes = [...about.notes];
  if (without.length) {
    const count = without.length === 1 ? "1 picture is not shown itself" : `${without.length} pictures are not shown themselves`;
    notes.push(`${count}, only maps and the files that were written; the first: ${without[0].missing}.`);
  }
  if (!notes.length) return;
  const box = byId("notes");
  box.hidden = false;
  box.querySelector("summary").textContent = notes.length === 1 ? "1 thing is missing" : `${notes.length} things are missing`;
  box.querySelector("ul").append(...notes.map((text) => element("li", { dir: "auto" }, text)));
}

byId("folder").textContent = about.folder;
showNotes();
setUpTabs();
setUpGallery();
setUpViewer();
chooseTab(images.length ? "gallery" : "judged");
window.addEventListener("hashchange", followAddress);
document.addEventListener("keydown", (/** @type {any} */ event) => {
  if (event.key === "/" && !byId("viewer").open && !event.target.matches("input, select")) {
    byId("search").focus();
    event.preventDefault();
  }
});
followAddress();
