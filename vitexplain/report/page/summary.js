"use strict";
// The summary: counts, classes with their mean maps, confusions; and the judge's tables.

/** A table; columns whose name ends in ">" are right-aligned. */
function table(columns, rows) {
  const side = (column) => (columns[column].endsWith(">") ? "number" : "");
  const head = columns.map((name) => element("th", { scope: "col", className: name.endsWith(">") ? "number" : "" }, name.replace(/>$/, "").trim()));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((cell, column) => element("td", { className: side(column), dir: "auto" }, cell))));
  return element("div", { className: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

const definitions = (facts) =>
  element("dl", {}, ...Object.entries(facts).flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", { dir: "auto" }, value)]));

function countBy(items, nameOf) {
  const counts = new Map();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || compareNames(a, b));
}

/** The mean of a class's maps, each as shares of its own colour scale; null if their grids differ. */
function meanMap(members, spec) {
  let sum = null, count = 0, shape = null;
  for (const image of members) {
    const number = image.explanations.findIndex((each) => each.spec === spec);
    if (number < 0) continue;
    const map = image.maps[number];
    const levels = levelsOf(map, image.explanations[number].display);
    if (!shape) {
      shape = map;
      sum = levels.map(() => 0);
    }
    if (map.rows !== shape.rows || map.cols !== shape.cols || map.signed !== shape.signed) return null;
    levels.forEach((level, place) => { sum[place] += level; });
    count += 1;
  }
  return count ? { levels: sum.map((each) => each / count), rows: shape.rows, cols: shape.cols, signed: shape.signed, count } : null;
}

function showSummary() {
  const section = byId("summary");
  section.replaceChildren();
  const explained = images.filter((image) => !image.failed);
  const checked = explained.filter((image) => image.explanations.some((each) => each.check));
  const counts = {
    pictures: String(images.length),
    explained: String(explained.length),
    failed: String(images.length - explained.length),
    "with notices": String(images.filter((image) => image.notices.length).length),
  };
  if (checked.length) counts["a map no better than random"] = `${images.filter((image) => image.noBetter).length} of ${checked.length} checked`;
  const { settings } = about;
  if (settings) {
    counts.model = String(settings.model?.name ?? settings.model);
    counts.methods = Object.keys(settings.methods ?? {}).join(", ");
    counts.folder = String(settings.folder);
  }
  section.append(element("h2", {}, "Counts"), definitions(counts));
  if (checked.length) section.append(...checkSummary(explained));
  section.append(...confusions(explained), ...classSummary(explained), ...noticeSummary(), ...failureSummary());
}

function checkSummary(explained) {
  const checks = explained.flatMap((image) => image.explanations.filter((each) => each.check));
  const rows = countBy(checks, (each) => each.spec).map(([spec, count]) => {
    const better = checks.filter((each) => each.spec === spec && each.check.beats_random).length;
    return [spec, String(count), percent(better / count)];
  });
  return [element("h2", {}, "Checked by removal"), table(["method", "maps>", "better than random>"], rows)];
}

function confusions(explained) {
  const known = explained.filter((image) => image.truth && image.first && image.verdict !== "no class");
  if (!known.length) return [];
  const wrong = known.filter(isWrong);
  const rows = countBy(wrong, (image) => JSON.stringify([image.truth, image.label]))
    .slice(0, 100).map(([pair, count]) => [...JSON.parse(pair), String(count)]);
  const words = `${known.length - wrong.length} of ${known.length} pictures (${percent(1 - wrong.length / known.length)}) are predicted as their true class.`;
  return [element("h2", {}, "Confusions"), element("p", {}, words), ...(rows.length ? [table(["true class", "predicted", "pictures>"], rows)] : [])];
}

function classSummary(explained) {
  if (!explained.length) return [];
  const grid = element("div", { className: "grid" });
  for (const [name, count] of countBy(explained, classOf).slice(0, 200)) {
    const members = explained.filter((image) => classOf(image) === name);
    const known = members.filter((image) => image.confidence !== null);
    const mean = known.reduce((sum, image) => sum + image.confidence, 0) / known.length;
    const found = meanMap(members, gallery.spec || members[0].explanations[0]?.spec);
    const button = element("button", { type: "button", className: "tile" });
    if (found) {
      const canvas = element("canvas", { className: "mean" });
      paintLevels(canvas, found.levels, found.rows, found.cols, found.signed, false);
      button.append(canvas);
    } else button.append(element("span", { className: "mark" }, "grids differ: no mean map"));
    button.append(element("strong", { className: "name", dir: "auto" }, name));
    button.append(element("span", { className: "value" }, `${count} picture${count > 1 ? "s" : ""}${known.length ? `, ${percent(mean)} on average` : ""}`));
    button.addEventListener("click", () => {
      byId("tools").reset();
      byId("class").value = name;
      chooseTab("gallery");
      setTimeout(() => { byId("class").value = name; showGallery(); });
    });
    grid.append(button);
  }
  const words = `Mean maps of ${gallery.spec || "the first method"}, by predicted class: the mean over the pictures of each patch's place on its picture's own colour scale. Choose one to see its pictures.`;
  return [element("h2", {}, "Classes"), element("p", {}, words), grid];
}

function noticeSummary() {
  const all = images.flatMap((image) => [...new Set(image.notices.map((text) => text.split(":")[0]))]);
  if (!all.length) return [];
  return [element("h2", {}, "Notices"), table(["notice", "pictures>"], countBy(all, (text) => text).map(([text, count]) => [text, String(count)]))];
}

function failureSummary() {
  const failed = images.filter((image) => image.failed);
  if (!failed.length) return [];
  return [element("h2", {}, "Failed"), table(["picture", "error"], failed.map((image) => [image.path, image.record.error.message]))];
}

function showJudged() {
  const section = byId("judged");
  if (section.childElementCount || !about.judged) return;
  const { model, tables, conclusions, notices } = about.judged;
  section.append(element("h2", {}, `Which method to trust: ${model}`));
  section.append(...conclusions.map((text) => element("p", { className: "conclusion" }, text)));
  section.append(...notices.map((text) => element("p", { className: "note" }, text)));
  for (const { title, columns, rows, notes } of tables) {
    section.append(element("h3", {}, title), table(columns, rows), ...notes.map((text) => element("p", {}, text)));
  }
  section.append(...about.plots.filter(Boolean).map(figureLink));
}
