// Numbers as they are written and drawn: percentages, signs, thousands, and axes with round numbers.

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
export const signed = (value, digits = 2) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
export const whole = (count) => Math.round(count).toLocaleString("en");
export const minus = (text) => String(text).replace("-", "−");
export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

// 1234567 -> "1.2M": for axes and labels with little room.
export function short(count) {
  const [size, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([each]) => Math.abs(count) >= each) || [1, ""];
  return minus(`${Number((count / size).toPrecision(3))}${unit}`);
}

// A range that holds all numbers (NaN left out), never empty.
export function range(values, low = Infinity, high = -Infinity) {
  for (const value of values) if (!Number.isNaN(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

// Round numbers within a range, about so many.
export function ticks([low, high], about = 4) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough * (1 - 1e-9));
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

// From numbers to places, straight.
export const linear = ([low, high], [start, end]) => (value) => start + ((value - low) / (high - low || 1)) * (end - start);

// An exponential moving average that does not lean towards zero at its start; NaN in, NaN out, and it goes on.
export function smooth(values, weight) {
  let [sum, mass] = [0, 0];
  return values.map((value) => {
    if (Number.isNaN(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}

// Where `value` would go into a sorted list: the nearest of its entries.
export function nearest(sorted, value) {
  return sorted.reduce((best, each, i) => (Math.abs(each - value) < Math.abs(sorted[best] - value) ? i : best), 0);
}
