// The board as territory.world.picture draws it, under attention as territory.viz.board lays it over.

const BOARD_PIXELS = 512; // the longer side, about
const PLAIN = [1, 1, 0.92, 0.84]; // what terrain leaves of a player's colour
const GROUND = [[38, 52, 66], [232, 228, 216], [205, 197, 180], [170, 160, 144]]; // water, plains, highland, mountain
const INK = [20, 24, 28];
const FLAT = 0, LIT = 1, SHADED = 2, EDGE = 3;
const ME = 1;

// colours[part][owner][terrain] -> [red, green, blue]
function pixelColours(players) {
  const mix = (colour, share, other) => colour.map((value) => Math.round(share * value + (1 - share) * other));
  const flat = (owner, terrain) =>
    owner === 0 || terrain === 0 ? GROUND[terrain] : players[owner].map((value) => value * PLAIN[terrain]);
  const ways = [
    (c) => mix(c, 1, 0),
    (c) => mix(c, 0.86, 255),
    (c) => mix(c, 0.86, 0),
    (c, owner, terrain) =>
      owner === 0 || terrain === 0 ? mix(c, 1, 0) : owner === ME ? mix(c, 0.2, 255) : mix(c, 0.55, 0),
  ];
  return ways.map((way) => players.map((_, owner) => GROUND.map((_, terrain) => way(flat(owner, terrain), owner, terrain))));
}

function makePainter(players, game) {
  const { rows, columns, terrain } = game;
  const scale = Math.max(1, Math.floor(BOARD_PIXELS / Math.max(rows, columns)));
  const reach = Math.floor((scale + 5) / 6);
  const colours = pixelColours(players);
  const [height, width] = [rows * scale, columns * scale];
  const rgb = new Uint8ClampedArray(height * width * 3);
  const near = (row, column) => Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);

  // Every pixel of a tile: its ground, lit from the north-west, its edge, and who attacks it.
  const paintTile = (now, row, column) => {
    const tile = row * columns + column;
    const [owner, ground, front] = [now.owner[tile], terrain[tile], now.fronts[tile]];
    const [north, south] = [near(row - 1, column), near(row + 1, column)];
    const [west, east] = [near(row, column - 1), near(row, column + 1)];
    for (let y = 0; y < scale; y++) {
      for (let x = 0; x < scale; x++) {
        const rise = scale < 3 ? 0 : 2 * ground - (y ? ground : terrain[north]) - (x ? ground : terrain[west]);
        const edge = owner > 0 && (
          (y < reach && now.owner[north] !== owner) || (y >= scale - reach && now.owner[south] !== owner) ||
          (x < reach && now.owner[west] !== owner) || (x >= scale - reach && now.owner[east] !== owner));
        const colour = colours[edge ? EDGE : rise > 0 ? LIT : rise < 0 ? SHADED : FLAT][owner][ground];
        const at = ((row * scale + y) * width + column * scale + x) * 3;
        for (let c = 0; c < 3; c++) rgb[at + c] = front ? (players[front][c] + colour[c]) / 2 : colour[c];
      }
    }
  };
  const paintCity = (row, column) => {
    for (let y = 0; y < 3 * scale; y++) {
      for (let x = 0; x < 3 * scale; x++) {
        const [down, right] = [(row - 1) * scale + y, (column - 1) * scale + x];
        const away = Math.hypot((y + 0.5) / scale - 1.5, (x + 0.5) / scale - 1.5);
        if (down < 0 || right < 0 || down >= height || right >= width || away > 1.5) continue;
        const colour = away <= 0.8 ? [255, 255, 255] : INK;
        for (let c = 0; c < 3; c++) rgb[(down * width + right) * 3 + c] = colour[c];
      }
    }
  };
  const paintBoard = (now) => {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) paintTile(now, row, column);
    now.city.forEach((stands, tile) => stands && paintCity(Math.floor(tile / columns), tile % columns));
  };

  // Borders and cities stay on top of the attention, so that the map is never lost.
  const onTop = (now, tile, row, column, y, x) => {
    const owner = now.owner[tile];
    if (now.city[tile]) return true;
    return owner > 0 && (
      (y === 0 && now.owner[near(row - 1, column)] !== owner) || (y === scale - 1 && now.owner[near(row + 1, column)] !== owner) ||
      (x === 0 && now.owner[near(row, column - 1)] !== owner) || (x === scale - 1 && now.owner[near(row, column + 1)] !== owner));
  };
  const layOver = (now, { grid, size, low, high, strength, palette }) => {
    const [down, right] = [rows / size[0], columns / size[1]];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const tile = row * columns + column;
        const value = grid[Math.floor(row / down) * size[1] + Math.floor(column / right)];
        const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
        const heat = palette[Math.floor(share * 255)];
        for (let y = 0; y < scale; y++) {
          for (let x = 0; x < scale; x++) {
            if (onTop(now, tile, row, column, y, x)) continue;
            const at = ((row * scale + y) * width + column * scale + x) * 3;
            for (let c = 0; c < 3; c++) rgb[at + c] = (1 - strength) * rgb[at + c] + strength * heat[c];
          }
        }
      }
    }
  };

  return (canvas, now, over) => {
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    paintBoard(now);
    if (over) layOver(now, over);
    const image = new ImageData(width, height);
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
      image.data[to] = rgb[from];
      image.data[to + 1] = rgb[from + 1];
      image.data[to + 2] = rgb[from + 2];
      image.data[to + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
}

// A board to point at, with marks for the chosen tile and the cell it lies in.
function makeBoard(name, { game, point, leave, act, move }) {
  const canvas = make("canvas", "explorer-board", { "aria-hidden": "true" });
  const [tile, cell] = [make("i", "explorer-tile"), make("i", "explorer-cell")];
  const view = make("div", "explorer-map", {
    tabindex: 0, role: "application", "data-control": "board",
    "aria-label": `the board as ${name} sees it; arrow keys move over it, Enter chooses or paints, Escape lets go`,
  }, canvas, cell, tile);
  const tileAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const place = (at, start, length, count) => Math.min(Math.max(Math.floor(((at - start) / length) * count), 0), count - 1);
    const { rows, columns } = game();
    return [place(event.clientY, box.top, box.height, rows), place(event.clientX, box.left, box.width, columns)];
  };
  view.addEventListener("pointermove", (event) => {
    point(tileAt(event));
    if (event.buttons & 1) act(tileAt(event), true);
  });
  view.addEventListener("pointerdown", (event) => event.button === 0 && act(tileAt(event), false));
  view.addEventListener("pointerleave", leave);
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  view.addEventListener("keydown", (event) => {
    if (event.code in steps) move(steps[event.code], event.shiftKey);
    else if (event.code === "Enter") act(null, false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const mark = (element, box) => {
    element.hidden = box === null;
    if (box === null) return;
    const { rows, columns } = game();
    const [top, left, height, width] = box;
    const sides = { top: top / rows, left: left / columns, height: height / rows, width: width / columns };
    for (const [side, share] of Object.entries(sides)) element.style[side] = `${100 * share}%`;
  };
  const markAt = (place, grid) => {
    mark(tile, place && [...place, 1, 1]);
    if (!place || !grid) return mark(cell, null);
    const [height, width] = [game().rows / grid[0], game().columns / grid[1]];
    mark(cell, [Math.floor(place[0] / height) * height, Math.floor(place[1] / width) * width, height, width]);
  };
  return { view, canvas, markAt };
}
