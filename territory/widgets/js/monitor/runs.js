// Runs as columns of numbers, and what is drawn of them. Nothing here needs a page.

import { minus, percent, smooth } from "../numbers.js";

const SHARES = ["win_rate", "land_share", "idle_share", "clip_fraction"];
export const spoken = (name) => name.replaceAll("_", " ");
export const isShare = (names) => names.every((name) => SHARES.includes(name));

export function written(name, value) {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (SHARES.includes(name)) return percent(value, 1);
  return minus(Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
}

// One run's records as one column of numbers for each field: float64, field after field.
export function readColumns(bytes, fields, from, length) {
  const column = (row) => Array.from({ length }, (_, i) => bytes.getFloat64(from + 8 * (row * length + i), true));
  return { length, ...Object.fromEntries(fields.map((name, row) => [name, column(row)])) };
}

// The run that is watched, and those beside it: [{name, columns}].
export function readRuns(get) {
  const { fields } = get("words");
  const own = get("history");
  const runs = own.byteLength || !get("others").names?.length ? [{ name: get("words").name, columns: readColumns(own, fields, 0, own.byteLength / 8 / fields.length) }] : [];
  let from = 0;
  for (const [i, name] of (get("others").names || []).entries()) {
    const length = get("others").lengths[i];
    runs.push({ name, columns: readColumns(get("compared"), fields, from, length) });
    from += 8 * fields.length * length;
  }
  return runs;
}

// The curves of one panel: for each run that is not hidden, and each field, its points, smoothed, with its look.
export function curvesOf(runs, names, weight, hidden = new Set()) {
  return runs.flatMap(({ name: run, columns }, number) => hidden.has(run) ? [] : names.map((field, i) => ({
    run, field, steps: columns.step, raw: columns[field], values: weight ? smooth(columns[field], weight) : columns[field],
    colour: runs.length > 1 ? number : i, dash: i,
  })));
}

// Points of a polyline, NaN left out.
export const pointsOf = (steps, values, across, down) =>
  steps.flatMap((step, i) => (Number.isNaN(values[i]) ? [] : [`${across(step).toFixed(2)},${down(values[i]).toFixed(2)}`])).join(" ");
