"use strict";
// The viewer: one image with its maps, the score of each patch, predictions, facts and the record.

const viewer = { image: null, number: 0, patch: null };

const modeChosen = () => query("input[name=mode]:checked").value;

function setUpViewer() {
  const dialog = byId("viewer");
  byId("close").addEventListener("click", () => dialog.close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", "#");
    query(`.tile[href="#image=${viewer.image.number}"]`)?.focus();
  });
  dialog.addEventListener("keydown", onKey);
  byId("method").addEventListener("change", chooseMethod);
  byId("target").addEventListener("change", () => showMap(Number(byId("target").value)));
  byId("modes").addEventListener("change", drawStage);
  byId("opacity").addEventListener("input", drawOpacity);
  const stage = byId("stage");
  stage.addEventListener("pointermove", (event) => showPatch(patchUnder(event)));
  stage.addEventListener("pointerdown", (event) => showPatch(patchUnder(event)));
  stage.addEventListener("pointerleave", () => showPatch(null));
}

/** Open the image that the address names, or close the viewer. */
function followAddress() {
  const asked = /^#image=(\d+)$/.exec(location.hash);
  const image = asked && images[Number(asked[1])];
  if (image) showImage(image);
  else if (byId("viewer").open) byId("viewer").close();
}

function step(by) {
  const place = gallery.shown.indexOf(viewer.image);
  const next = gallery.shown[place + by];
  if (!next) return;
  history.replaceState(null, "", `#image=${next.number}`);
  showImage(next);
}

function onKey(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.target === byId("stage") && event.key.startsWith("Arrow")) {
    movePatch(event.key);
    event.preventDefault();
  } else if (by && !event.target.matches("input, select")) {
    step(by);
    event.preventDefault();
  }
}

function showImage(image) {
  const before = viewer.image?.explanations[viewer.number]?.spec ?? gallery.spec;
  viewer.image = image;
  const place = gallery.shown.indexOf(image);
  byId("viewer-title").textContent = image.path;
  byId("place").textContent = place < 0 ? "" : `${place + 1} of ${gallery.shown.length}`;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place < 0 || place + 1 >= gallery.shown.length;
  byId("seen").hidden = image.failed;
  byId("facts").replaceChildren(...factsOf(image));
  if (!image.failed) {
    const specs = [...new Set(image.explanations.map((each) => each.spec))];
    byId("method").replaceChildren(...specs.map((spec) => element("option", { value: spec, textContent: spec })));
    byId("method").value = specs.includes(before) ? before : (specs[0] ?? "");
    chooseMethod();
  }
  if (!byId("viewer").open) byId("viewer").showModal();
}

/** Offer the targets of the method chosen, and show the first. */
function chooseMethod() {
  const { image } = viewer;
  const numbers = image.explanations.flatMap((each, number) => (each.spec === byId("method").value ? [number] : []));
  const choice = (number) => element("option", { value: number, textContent: targetName(image.explanations[number].target) });
  byId("target").replaceChildren(...numbers.map(choice));
  byId("target").disabled = numbers.length < 2;
  showMap(numbers[0] ?? 0);
}

function showMap(number) {
  viewer.number = number;
  viewer.patch = null;
  drawStage();
  drawMapFacts();
}

/** Draw the colour scale with what its ends mean. */
function drawScale() {
  const { image, number } = viewer;
  const explanation = image.explanations[number];
  byId("scale").hidden = !explanation;
  if (!explanation) return;
  const { signed } = image.maps[number];
  const { low, high } = scaleOf(image, number, byId("cut").checked);
  const [from, to] = [low, high].map((end) => String(Number(end.toPrecision(3))));
  paintLevels(byId("bar"), Array.from({ length: 256 }, (_, level) => level / 255), 1, 256, signed, false);
  byId("low").textContent = signed ? `${from}, against` : from;
  byId("high").textContent = `${to} ${explanation.unit}${signed ? ", for" : ""}`;
}

/** Draw the picture and the map over it. */
function drawStage() {
  const { image, number } = viewer;
  const source = pictureOf(image);
  const written = writtenOverlay(image, number);
  query("input[value=written]").disabled = !written;
  query("input[value=picture]").disabled = !source;
  let mode = modeChosen();
  if (query("input[name=mode]:checked").disabled) {
    mode = written && mode === "picture" ? "written" : "overlay";
    query(`input[value=${mode}]`).checked = true;
  }
  byId("without").textContent = source ? "" : `The picture itself is not shown: ${image.missing ?? "no copy of it"}.`;
  byId("without").hidden = Boolean(source);
  const stage = byId("stage");
  if (mode === "written") {
    stage.replaceChildren(element("img", { className: "file", src: written, alt: "The overlay as it was written" }));
  } else {
    const frame = pictureFrame(image.record);
    const { width, height } = image.record.image;
    frame.style.setProperty("--ratio", width / height);
    if (source) frame.append(element("img", { src: source, alt: "", className: mode === "overlay" ? "grey" : "" }));
    if (mode !== "picture" && image.maps[number]) {
      const canvas = element("canvas", { className: byId("smooth").checked ? "map smooth" : "map" });
      paintMap(canvas, image, number, mode === "overlay" && Boolean(source), byId("cut").checked);
      placeOnView(canvas, image.record);
      frame.append(canvas);
    }
    const cursor = element("div", { className: "cursor", hidden: true });
    frame.append(cursor);
    stage.replaceChildren(frame);
  }
  stage.setAttribute("aria-label", `${modeChosen()} of ${image.path}; arrow keys move over the patches`);
  drawScale();
  drawOpacity();
  showPatch(viewer.patch);
}

function drawOpacity() {
  const share = byId("opacity").value;
  byId("opacity-shown").textContent = `${share}%`;
  byId("opacity-label").hidden = modeChosen() === "picture" || modeChosen() === "written";
  const canvas = query("#stage .map");
  if (canvas) canvas.style.opacity = share / 100;
}

/** The patch under the pointer as {row, col}; null outside the view. */
function patchUnder(event) {
  const map = viewer.image.maps[viewer.number];
  const frame = query("#stage .picture");
  if (!map || !frame) return null;
  const { left, top, width, height } = frame.getBoundingClientRect();
  const { image } = viewer.image.record;
  const [x0, y0, x1, y1] = image.view.box;
  const x = ((event.clientX - left) / width) * image.width;
  const y = ((event.clientY - top) / height) * image.height;
  const [row, col] = [Math.floor(((y - y0) / (y1 - y0)) * map.rows), Math.floor(((x - x0) / (x1 - x0)) * map.cols)];
  return row >= 0 && row < map.rows && col >= 0 && col < map.cols ? { row, col } : null;
}

function movePatch(key) {
  const map = viewer.image.maps[viewer.number];
  if (!map) return;
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  const { row, col } = viewer.patch ?? { row: Math.floor(map.rows / 2) - down, col: Math.floor(map.cols / 2) - right };
  const inside = (place, most) => Math.min(most - 1, Math.max(0, place));
  showPatch({ row: inside(row + down, map.rows), col: inside(col + right, map.cols) });
}

/** Say the score of a patch as the record has it, and mark the patch. */
function showPatch(patch) {
  viewer.patch = patch;
  const map = viewer.image.maps[viewer.number];
  const cursor = query("#stage .cursor");
  if (cursor) cursor.hidden = !patch;
  if (!patch) {
    byId("patch").textContent = map ? `${map.rows} x ${map.cols} patches: point at one for its score` : "";
    return;
  }
  const explanation = viewer.image.explanations[viewer.number];
  const score = asRecorded(scoresOf(map)[patch.row * map.cols + patch.col], map.kind);
  const higher = scoresOf(map).filter((each) => each > scoresOf(map)[patch.row * map.cols + patch.col]).length;
  byId("patch").textContent =
    `row ${patch.row}, column ${patch.col}: ${score} (${explanation.unit}), place ${higher + 1} of ${map.rows * map.cols}`;
  if (!cursor) return;
  const { image } = viewer.image.record;
  const [x0, y0, x1, y1] = image.view.box;
  const [width, height] = [(x1 - x0) / map.cols, (y1 - y0) / map.rows];
  cursor.style.left = `${(100 * (x0 + patch.col * width)) / image.width}%`;
  cursor.style.top = `${(100 * (y0 + patch.row * height)) / image.height}%`;
  cursor.style.width = `${(100 * width) / image.width}%`;
  cursor.style.height = `${(100 * height) / image.height}%`;
}

/** Everything that is said about an image. */
function factsOf(image) {
  const { record } = image;
  const parts = [];
  if (image.failed) {
    const { type, message } = record.error;
    parts.push(element("p", { className: "error", dir: "auto" }, `${type}: ${message}`));
  } else {
    const rows = record.predictions.map((each) => [className(each), shownValue(each, record.model.activation)]);
    if (image.truth) parts.push(element("p", { dir: "auto" }, `True class: ${image.truth}${isWrong(image) ? ", not what was predicted" : ""}`));
    parts.push(rows.length ? table(["prediction", "probability>"], rows) : element("p", {}, "The model has no classes."));
    parts.push(element("div", { id: "map-facts" }));
    parts.push(...(record.notices ?? []).map((text) => element("p", { className: "note" }, text)));
    const { image: picture, model } = record;
    const facts = {
      size: `${picture.width} x ${picture.height} pixels, ${picture.view.kind} of ${picture.view.size.join(" x ")} seen`,
      model: `${model.name} (${model.source})`,
      grid: `${model.grid.join(" x ")} patches, ${model.layers} layers, ${model.heads} heads`,
      "SHA-256": picture.sha256,
    };
    parts.push(definitions(facts));
    const figures = (image.figures ?? []).filter(Boolean);
    if (figures.length) {
      parts.push(element("h3", {}, "Figures"));
      parts.push(...figures.map((source) => figureLink(source)));
    }
  }
  const text = element("pre", { tabIndex: 0, role: "region", ariaLabel: "Record" });
  const details = element("details", { id: "record" }, element("summary", {}, "Record (JSON)"), text);
  details.addEventListener("toggle", () => {
    if (details.open && !text.textContent) text.textContent = JSON.stringify(wholeRecord(image), null, 1);
  });
  return [...parts, details];
}

const figureLink = (source) => {
  const picture = element("img", { src: source, alt: "A figure that lies in the folder", loading: "lazy", className: "figure" });
  return element("a", { href: source, target: "_blank", rel: "noopener" }, picture);
};

/** What is said about the map that is shown. */
function drawMapFacts() {
  const explanation = viewer.image.explanations[viewer.number];
  const files = Object.entries(viewer.image.maps[viewer.number]?.files ?? {});
  const links = files.map(([kind, address]) =>
    address ? element("a", { href: address, target: "_blank", rel: "noopener" }, kind.replaceAll("_", " "))
            : element("span", { className: "note" }, `${kind.replaceAll("_", " ")}: missing in the folder`));
  byId("links").replaceChildren(...links);
  if (!explanation) return;
  const { layers, source, statistics, check, notices } = explanation;
  const shown = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));
  const facts = { layers: layers.join(" to "), source: source ?? "none" };
  for (const [name, value] of Object.entries(statistics)) {
    if (value !== null) facts[name.replaceAll("_", " ")] = shown(value);
  }
  const parts = [...notices.map((text) => element("p", { className: "note", dir: "auto" }, text))];
  if (check) parts.push(...checkOf(check));
  byId("map-facts").replaceChildren(...parts, definitions(facts));
}

/** A check by removal: what the model answers without, and with only, some of the patches. */
function checkOf(check) {
  const answer = (value) => (check.of === "probability" ? percent(value) : String(Number(value.toPrecision(3))));
  const mean = (draws) => draws.reduce((sum, each) => sum + each, 0) / draws.length;
  const { removed, kept, patches } = check;
  const rows = [
    [`the ${patches} highest`, answer(removed.highest), answer(kept.highest)],
    [`${patches} random, mean of ${removed.random.length}`, answer(mean(removed.random)), answer(mean(kept.random))],
    [`the ${patches} lowest`, answer(removed.lowest), answer(kept.lowest)],
    ["all", answer(check.empty), answer(check.whole)],
  ];
  const verdict = check.beats_random ? "Better than random patches." : "No better than random patches.";
  return [
    element("h3", {}, "Checked by removal"),
    table(["patches", "without them>", "with them alone>"], rows),
    element("p", { className: check.beats_random ? "" : "note" }, verdict),
  ];
}
