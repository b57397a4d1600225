"use strict";
// The gallery: which images are shown, in which order. Tiles are made as they come near the window.

const CHUNK = 96;
const NONE = "(no class)";

/** @type {Record<string, [string, (image: any) => boolean]>} */
const STATES = {
  all: ["all pictures", () => true],
  failed: ["failed", (image) => image.failed],
  explained: ["explained", (image) => !image.failed],
  notices: ["with notices", (image) => image.notices.length > 0],
  random: ["a map no better than random", (image) => image.noBetter],
  wrong: ["not its true class", (image) => isWrong(image)],
};

const classOf = (image) => (image.failed ? "(failed)" : (image.label ?? NONE));
const folded = (text) => String(text).toLowerCase().replaceAll("_", " ");
const namesOf = (image) => (image.first ? [image.first.label, image.first.id].filter(Boolean).map(folded) : []);
const isWrong = (image) =>
  image.verdict ? image.verdict === "wrong" : Boolean(image.truth && image.first) && !namesOf(image).includes(folded(image.truth));

const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;
const byConfidence = (sign) => (a, b) => {
  if (a.confidence === null || b.confidence === null) return Number(a.confidence === null) - Number(b.confidence === null);
  return sign * (a.confidence - b.confidence);
};
const ORDERS = {
  least: byConfidence(1),
  most: byConfidence(-1),
  name: (a, b) => compareNames(a.path, b.path),
  given: () => 0,
};

const gallery = { shown: images, spec: "", made: 0, group: null, grid: null };

/** Fill the choices with what there is, and how often. */
function setUpGallery() {
  const counts = new Map();
  for (const image of images) if (!image.failed) counts.set(classOf(image), (counts.get(classOf(image)) ?? 0) + 1);
  const classes = [...counts].sort(([a], [b]) => compareNames(a, b));
  byId("class").append(element("option", { value: "", textContent: `all ${counts.size}` }));
  for (const [name, count] of classes) {
    byId("class").append(element("option", { value: name, textContent: `${name} (${count})` }));
  }
  for (const [name, [words, holds]] of Object.entries(STATES)) {
    const count = images.filter(holds).length;
    if (count || name === "all") byId("state").append(element("option", { value: name, textContent: `${words} (${count})` }));
  }
  const specs = [...new Set(images.flatMap((image) => image.explanations.map((each) => each.spec)))];
  specs.forEach((spec) => byId("map").append(element("option", { value: spec, textContent: spec })));
  byId("map").append(element("option", { value: "", textContent: "none" }));
  const tools = byId("tools");
  tools.addEventListener("input", showGallery);
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("reset", () => setTimeout(showGallery));
  new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && fillGallery(), {
    rootMargin: "800px",
  }).observe(byId("more"));
  byId("tiles").addEventListener("keydown", moveAmongTiles);
  showGallery();
}

/** The images that the tools ask for, in their order. */
function chosenImages() {
  const words = folded(byId("search").value).split(/\s+/).filter(Boolean);
  const [from, to] = ["from", "to"].map((id) => byId(id).valueAsNumber / 100);
  const limited = !(Number.isNaN(from) && Number.isNaN(to));
  const holds = STATES[byId("state").value][1];
  const wanted = byId("class").value;
  const chosen = images.filter((image) => {
    if (!holds(image) || (wanted && (image.failed || classOf(image) !== wanted))) return false;
    if (limited && (image.confidence === null || image.confidence < from || image.confidence > to)) return false;
    const text = folded([image.path, image.label ?? "", image.first?.id ?? ""].join(" "));
    return words.every((word) => text.includes(word));
  });
  chosen.sort(ORDERS[byId("sort").value]);
  if (byId("grouped").checked) chosen.sort((a, b) => compareNames(classOf(a), classOf(b)));
  return chosen;
}

function showGallery() {
  gallery.shown = chosenImages();
  gallery.spec = byId("map").value;
  gallery.made = 0;
  gallery.group = gallery.grid = null;
  byId("tiles").replaceChildren();
  const failed = gallery.shown.filter((image) => image.failed).length;
  const count = gallery.shown.length;
  byId("count").textContent = `${count} of ${images.length} pictures${failed ? `, ${failed} failed` : ""}`;
  fillGallery();
}

/** Make the next tiles; the window asks for more as it is scrolled. */
function fillGallery() {
  const until = Math.min(gallery.made + CHUNK, gallery.shown.length);
  for (; gallery.made < until; gallery.made += 1) {
    const image = gallery.shown[gallery.made];
    const group = byId("grouped").checked ? classOf(image) : "";
    if (group !== gallery.group) {
      gallery.group = group;
      gallery.grid = element("div", { className: "grid" });
      const count = gallery.shown.filter((each) => classOf(each) === group).length;
      const heading = group && element("h2", { className: "name", dir: "auto", textContent: `${group} (${count})` });
      byId("tiles").append(...(heading ? [heading] : []), gallery.grid);
    }
    gallery.grid.append(tileOf(image));
  }
  byId("more").textContent = gallery.made < gallery.shown.length ? "…" : "";
}

function tileOf(image) {
  const tile = element("a", { className: "tile", href: `#image=${image.number}` });
  const name = element("span", { className: "name path", dir: "auto", title: image.path, textContent: image.shortPath });
  if (image.failed) {
    const message = element("span", { className: "error", dir: "auto", textContent: image.record.error.message });
    tile.append(element("div", { className: "frame failed" }, message), element("strong", {}, "failed"), name);
    return tile;
  }
  const number = image.explanations.findIndex((each) => each.spec === gallery.spec);
  tile.append(
    element("div", { className: "frame" }, thumbnail(image, number)),
    element("strong", { className: "name", dir: "auto" }, image.label ?? "no prediction"),
    element("span", { className: "value" }, image.value),
    name,
  );
  const marks = [
    image.noBetter && "no better than random",
    isWrong(image) && `true class: ${image.truth}`,
    image.notices.length && `${image.notices.length} notice${image.notices.length > 1 ? "s" : ""}`,
    image.missing && "picture missing",
  ];
  tile.append(...marks.filter(Boolean).map((words) => element("span", { className: "mark", dir: "auto" }, words)));
  return tile;
}

function moveAmongTiles(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const tiles = [...byId("tiles").querySelectorAll(".tile")];
  tiles[tiles.indexOf(event.target) + step]?.focus();
  event.preventDefault();
}
