"use strict";
// What the page was made from. Nothing here is ever read as markup: text reaches the page as text only.

const dataLines = (name) => {
  const text = document.getElementById(`${name}-data`).textContent;
  return text ? text.split("\n") : [];
};

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

const className = (named) => named.label ?? `class ${named.index}`;

const percent = (share) => `${(100 * share).toFixed(1)}%`;

/** A prediction's probability, or its value where the model returns values. */
const shownValue = (prediction, activation) =>
  activation === "none" ? String(Number(prediction.logit.toPrecision(4))) : percent(prediction.probability);

const targetName = (target) => {
  if (target === null) return "none: not for one class";
  if (target.kind === "similarity") return `likeness to ${target.reference.path ?? "a reference"}`;
  const against = target.against ? ` against ${className(target.against)}` : "";
  return `${target.lowers ? "what lowers " : ""}${className(target)}${against}`;
};

/** The start that all paths share, up to a slash; tiles leave it out. */
function folderOfAll(paths) {
  let shared = paths[0] ?? "";
  for (const path of paths) while (!path.startsWith(shared)) shared = shared.slice(0, -1);
  return shared.slice(0, shared.lastIndexOf("/") + 1);
}

/** One image: what the gallery filters and sorts by, beside the record itself. */
function readImage(given, number) {
  const record = given.record;
  const explanations = record.explanations ?? [];
  const first = record.predictions?.[0];
  const activation = record.model?.activation;
  return {
    ...given,
    number,
    explanations,
    path: record.image.path ?? "(a picture without a path)",
    shortPath: (record.image.path ?? "(a picture without a path)").slice(sharedFolder.length),
    failed: "error" in record,
    first,
    label: first ? className(first) : null,
    value: first ? shownValue(first, activation) : "",
    confidence: first && activation !== "none" ? first.probability : null,
    notices: [...(record.notices ?? []), ...explanations.flatMap((each) => each.notices)],
    noBetter: explanations.some((each) => each.check && !each.check.beats_random),
  };
}

/** The scores of a map, one after the other, row by row. */
function scoresOf(map) {
  if (!map.scores) {
    const bytes = bytesOf(map.data).buffer;
    map.scores = map.kind === "f4" ? new Float32Array(bytes) : new Float64Array(bytes);
  }
  return map.scores;
}

/** A score as the record has it: of a float32 the shortest decimal that means it. */
function asRecorded(score, kind) {
  if (kind === "f8") return score;
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(score.toPrecision(digits));
    if (Math.fround(short) === score) return short;
  }
  return Number(score.toPrecision(9));
}

/** The record as it was written, with its scores in their place. */
function wholeRecord(image) {
  if (image.failed) return image.record;
  const table = (map) => {
    const scores = Array.from(scoresOf(map), (score) => asRecorded(score, map.kind));
    return Array.from({ length: map.rows }, (_, row) => scores.slice(row * map.cols, (row + 1) * map.cols));
  };
  const explanations = image.record.explanations.map((each) => ({ ...each, scores: table(image.maps[each.scores]) }));
  return { ...image.record, explanations };
}

/** The address of an image's copy: beside the page, or in it. */
const pictureOf = (image) =>
  typeof image.picture === "number" ? `data:image/jpeg;base64,${embedded[image.picture]}` : image.picture;

/** An element with its properties, and children that are elements or text. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** @type {(id: string) => any} */
const byId = (id) => document.getElementById(id);
/** @type {(selector: string) => any} */
const query = (selector) => document.querySelector(selector);
const about = JSON.parse(dataLines("about")[0]);
const embedded = dataLines("pictures");
const given = dataLines("images").map((line) => JSON.parse(line));
const sharedFolder = folderOfAll(given.flatMap(({ record }) => record.image.path ?? []));
const images = given.map(readImage);
