"use strict";
// Scores as colours, one pixel a patch; the browser enlarges them. Drawing never alters scores.

const palettes = Object.fromEntries(Object.entries(about.palettes).map(([use, base64]) => [use, bytesOf(base64)]));

const INDISTINCT = 1e-5; // scores that differ by less of the largest are equal but for rounding

/** Scores as shares of the colour scale, 0 to 1; equal ones are all in its middle. */
function levelsOf(map, { low, high }) {
  const equal = high - low <= INDISTINCT * Math.max(Math.abs(low), Math.abs(high));
  return Array.from(scoresOf(map), (score) => (equal ? 0.5 : Math.min(1, Math.max(0, (score - low) / (high - low)))));
}

/** The ends of an explanation's colour scale: the record's, or without the one in a hundred patches that stretch it. */
function scaleOf(image, number, cut = false) {
  const { low, high } = image.explanations[number].display;
  if (!cut) return { low, high };
  const { signed } = image.maps[number];
  const sorted = Array.from(scoresOf(image.maps[number]), (score) => (signed ? Math.abs(score) : score)).sort((a, b) => a - b);
  const most = sorted[Math.ceil(0.99 * sorted.length) - 1];
  return { low: signed ? -most : low, high: most };
}

/** Paint levels; `fade` makes a patch the more transparent the less it says. */
function paintLevels(canvas, levels, rows, cols, signed, fade) {
  canvas.width = cols;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(cols, rows);
  const colours = palettes[signed ? "signed" : "colours"];
  levels.forEach((level, place) => {
    const colour = Math.round(level * 255) * 3;
    // The middle of the signed map is white: the root keeps what stands out of it visible.
    const said = signed ? Math.sqrt(Math.abs(2 * level - 1)) : level;
    pixels.data.set([...colours.subarray(colour, colour + 3), fade ? Math.round(255 * said) : 255], place * 4);
  });
  context.putImageData(pixels, 0, 0);
}

/** Paint one explanation of an image. */
function paintMap(canvas, image, number, fade, cut = false) {
  const map = image.maps[number];
  paintLevels(canvas, levelsOf(map, scaleOf(image, number, cut)), map.rows, map.cols, map.signed, fade);
}

/** Lay something over the part of the picture that the model saw. */
function placeOnView(overlay, record) {
  const { width, height, view } = record.image;
  const [left, top, right, bottom] = view.box;
  overlay.style.left = `${(100 * left) / width}%`;
  overlay.style.top = `${(100 * top) / height}%`;
  overlay.style.width = `${(100 * (right - left)) / width}%`;
  overlay.style.height = `${(100 * (bottom - top)) / height}%`;
}

/** A frame of the picture's shape. */
function pictureFrame(record) {
  const { width, height } = record.image;
  const frame = element("div", { className: width < height ? "picture tall" : "picture" });
  frame.style.aspectRatio = `${width} / ${height}`;
  return frame;
}

/** The overlay that the run wrote, for pictures that cannot be shown. */
const writtenOverlay = (image, number) => image.maps[number]?.files.overlay ?? null;

/** A picture with its map, as a tile shows it. */
function thumbnail(image, number) {
  const source = pictureOf(image);
  const written = source ? null : writtenOverlay(image, number);
  const frame = pictureFrame(image.record);
  if (source || written) {
    frame.append(element("img", { src: source ?? written, alt: "", loading: "lazy", decoding: "async" }));
  }
  if (!written && image.maps[number]) {
    const canvas = element("canvas", { className: "map" });
    paintMap(canvas, image, number, Boolean(source));
    placeOnView(canvas, image.record);
    frame.append(canvas);
  }
  return frame;
}
