// The pixels of a board, as territory.world.picture and territory.viz.board draw them. Nothing here needs a page.

const BOARD_PIXELS = 512; // the longer side, about
const PLAIN = [1, 1, 0.92, 0.84]; // what terrain leaves of a player's colour
const GROUND = [[38, 52, 66], [232, 228, 216], [205, 197, 180], [170, 160, 144]]; // water, plains, highland, mountain
const INK = [20, 24, 28];
const WHITE = [255, 255, 255];
export const GREY = [128, 128, 128]; // behind weights: one grey everywhere, so that one weight is one colour
const [FLAT, LIT, SHADED, EDGE] = [0, 1, 2, 3];
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

// The colours of a palette as they are seen at a strength over one colour: what the bar shows.
export const blend = (palette, strength, ground) =>
  palette.map((colour) => colour.map((value, c) => (1 - strength) * ground[c] + strength * value));

// Whose colours lie behind weights where owners' colours are shown: my land, somebody else's, nobody's.
export const groundsOf = (players) => [players[ME], players[ME + 1] || players[ME], GROUND[1]];

// A function that draws a moment, under weights or without: RGBA, `width` by `height`.
export function makePainter(players, { rows, columns, terrain }) {
  const scale = Math.max(1, Math.floor(BOARD_PIXELS / Math.max(rows, columns)));
  const reach = Math.floor((scale + 5) / 6);
  const outline = Math.ceil(scale / 3);
  const [height, width] = [rows * scale, columns * scale];
  const colours = pixelColours(players);
  const pixels = new Uint8ClampedArray(4 * height * width).fill(255);
  const near = (row, column) => Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
  const around = (row, column) => [near(row - 1, column), near(row + 1, column), near(row, column - 1), near(row, column + 1)];
  const put = (at, colour) => {
    pixels[at] = colour[0];
    pixels[at + 1] = colour[1];
    pixels[at + 2] = colour[2];
  };
  // Whether a pixel lies within `far` of a side behind which `differs` holds.
  const atSide = (y, x, far, [north, south, west, east], differs) =>
    (y < far && differs(north)) || (y >= scale - far && differs(south)) ||
    (x < far && differs(west)) || (x >= scale - far && differs(east));
  const eachPixel = (row, column, what) => {
    for (let y = 0; y < scale; y++) {
      for (let x = 0; x < scale; x++) what(((row * scale + y) * width + column * scale + x) * 4, y, x);
    }
  };

  // A tile as the game shows it: its ground lit from the north-west, its edge, and who attacks it.
  const paintTile = (now, row, column) => {
    const tile = row * columns + column;
    const [owner, ground, front, sides] = [now.owner[tile], terrain[tile], now.fronts[tile], around(row, column)];
    const other = (side) => now.owner[side] !== owner;
    eachPixel(row, column, (at, y, x) => {
      const rise = scale < 3 ? 0 : 2 * ground - (y ? ground : terrain[sides[0]]) - (x ? ground : terrain[sides[2]]);
      const edge = owner > 0 && atSide(y, x, reach, sides, other);
      const colour = colours[edge ? EDGE : rise > 0 ? LIT : rise < 0 ? SHADED : FLAT][owner][ground];
      put(at, front ? colour.map((value, c) => (players[front][c] + value) / 2) : colour);
    });
  };
  const paintCity = (row, column) => {
    for (let y = 0; y < 3 * scale; y++) {
      for (let x = 0; x < 3 * scale; x++) {
        const [down, right] = [(row - 1) * scale + y, (column - 1) * scale + x];
        const away = Math.hypot((y + 0.5) / scale - 1.5, (x + 0.5) / scale - 1.5);
        if (down < 0 || right < 0 || down >= height || right >= width || away > 1.5) continue;
        put((down * width + right) * 4, away <= 0.8 ? WHITE : INK);
      }
    }
  };
  const eachTile = (what) => {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) what(row, column, row * columns + column);
  };
  const paintCities = (now) => now.city.forEach((stands, tile) => stands && paintCity(Math.floor(tile / columns), tile % columns));

  // Weights: one colour for each, over one grey; owners are outlines in their colours, coasts a dark line.
  const paintWeights = (now, heatAt) => eachTile((row, column, tile) => {
    const [owner, heat, sides] = [now.owner[tile], heatAt(row, column), around(row, column)];
    const line = owner ? (owner === ME ? WHITE : players[owner]) : INK;
    const differs = owner ? (side) => now.owner[side] !== owner : (side) => !terrain[tile] && terrain[side] > 0;
    eachPixel(row, column, (at, y, x) => put(at, atSide(y, x, outline, sides, differs) ? line : heat));
  });
  // The same over the owners' colours; borders and cities stay on top.
  const layOver = (now, heatAt, strength) => eachTile((row, column, tile) => {
    const [owner, heat, sides] = [now.owner[tile], heatAt(row, column), around(row, column)];
    const other = (side) => now.owner[side] !== owner;
    if (now.city[tile]) return;
    eachPixel(row, column, (at, y, x) => {
      if (owner > 0 && atSide(y, x, 1, sides, other)) return;
      for (let c = 0; c < 3; c++) pixels[at + c] = (1 - strength) * pixels[at + c] + strength * heat[c];
    });
  });

  const heatsOf = ({ grid, size, low, high }, palette) => {
    const [down, right] = [rows / size[0], columns / size[1]];
    return (row, column) => {
      const value = grid[Math.floor(row / down) * size[1] + Math.floor(column / right)];
      return palette[levelOf(value, low, high)];
    };
  };
  const paint = (now, over) => {
    if (!over || over.owners) {
      eachTile((row, column) => paintTile(now, row, column));
      paintCities(now);
      if (over) layOver(now, heatsOf(over, over.palette), over.strength);
    } else {
      paintWeights(now, heatsOf(over, blend(over.palette, over.strength, GREY)));
      paintCities(now);
    }
    return pixels;
  };
  return { paint, width, height };
}

// Which of the 256 colours a weight has.
export function levelOf(value, low, high) {
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
  return Math.floor(share * 255);
}

// A grid alone, one pixel a cell: RGBA.
export function paintGrid({ grid, low, high }, palette) {
  const pixels = new Uint8ClampedArray(4 * grid.length).fill(255);
  grid.forEach((value, i) => pixels.set(palette[levelOf(value, low, high)], 4 * i));
  return pixels;
}

// Paint one tile, or a disc around it, into a moment that may be changed.
export function brushOver(game, now, densities, { tool, owner, density, brush }, [row, column]) {
  const reach = ["owner", "density"].includes(tool) ? (brush - 1) / 2 : 0;
  for (let r = row - reach; r <= row + reach; r++) {
    for (let c = column - reach; c <= column + reach; c++) {
      const outside = r < 0 || c < 0 || r >= game.rows || c >= game.columns;
      const tile = r * game.columns + c;
      if (outside || !game.terrain[tile] || Math.hypot(r - row, c - column) > reach + 0.3) continue;
      if (tool === "owner") {
        [now.owner[tile], now.density[tile], now.fronts[tile]] = [owner, densities[owner], 0];
        if (!owner) now.city[tile] = 0;
      } else if (now.owner[tile]) {
        if (tool === "density") now.density[tile] = density;
        else now.city[tile] = tool === "city" ? 1 : 0;
      }
    }
  }
}
