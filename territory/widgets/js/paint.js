// The pixels of a board, as territory.world.picture and territory.viz.board draw them. Nothing here needs a page.

const BOARD_PIXELS = 512; // the longer side, about
const PLAIN = [1, 1, 0.92, 0.84]; // what terrain leaves of a player's colour
const GROUND = [[38, 52, 66], [232, 228, 216], [205, 197, 180], [170, 160, 144]]; // water, plains, highland, mountain
const INK = [20, 24, 28];
const WHITE = [255, 255, 255];
export const GREY = [128, 128, 128]; // behind weights: one grey everywhere, so that one weight is one colour
const [FLAT, LIT, SHADED, EDGE] = [0, 1, 2, 3];
const ME = 1;
const CITY_BIT = 128; // of an owner: players are 0 to 51

const word = new Uint32Array(1);
const bytes = new Uint8ClampedArray(word.buffer);
// A colour as one number, which is written many times faster than as three.
const packed = ([red, green, blue]) => {
  bytes.set([red, green, blue, 255]);
  return word[0];
};

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
  const flat = colours.map((part) => part.map((grounds) => grounds.map(packed)));
  const [white, ink, outlines] = [packed(WHITE), packed(INK), players.map(packed)];
  const pixels = new Uint8ClampedArray(4 * height * width);
  const words = new Uint32Array(pixels.buffer);
  const near = (row, column) => Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
  const around = (row, column) => [near(row - 1, column), near(row + 1, column), near(row, column - 1), near(row, column + 1)];
  // A part of a tile: from row y up to y2 and from column x up to x2 of its pixels.
  const fill = (row, column, y, x, y2, x2, colour) => {
    for (let first = (row * scale + y) * width + column * scale; y < y2; y++, first += width) {
      for (let at = first + x; at < first + x2; at++) words[at] = colour;
    }
  };
  // Lines along the sides of a tile behind which `differs` holds.
  const fillSides = (row, column, far, [north, south, west, east], differs, colour) => {
    if (differs(north)) fill(row, column, 0, 0, far, scale, colour);
    if (differs(south)) fill(row, column, scale - far, 0, scale, scale, colour);
    if (differs(west)) fill(row, column, 0, 0, scale, far, colour);
    if (differs(east)) fill(row, column, 0, scale - far, scale, scale, colour);
  };

  // A tile as the game shows it: its ground lit from the north-west, its edge, and who attacks it.
  const paintTile = (now, row, column) => {
    const tile = row * columns + column;
    const [owner, ground, front, sides] = [now.owner[tile], terrain[tile], now.fronts[tile], around(row, column)];
    const colour = (part) => (front ? packed(colours[part][owner][ground].map((value, c) => (players[front][c] + value) / 2)) : flat[part][owner][ground]);
    const lit = (rise) => colour(rise > 0 ? LIT : rise < 0 ? SHADED : FLAT);
    fill(row, column, 0, 0, scale, scale, colour(FLAT));
    if (scale >= 3) {
      const [down, right] = [ground - terrain[sides[0]], ground - terrain[sides[2]]];
      if (down) fill(row, column, 0, 1, 1, scale, lit(down));
      if (right) fill(row, column, 1, 0, scale, 1, lit(right));
      if (down + right) fill(row, column, 0, 0, 1, 1, lit(down + right));
    }
    if (owner) fillSides(row, column, reach, sides, (side) => now.owner[side] !== owner, colour(EDGE));
  };
  const paintCity = (row, column) => {
    for (let y = 0; y < 3 * scale; y++) {
      for (let x = 0; x < 3 * scale; x++) {
        const [down, right] = [(row - 1) * scale + y, (column - 1) * scale + x];
        const away = Math.hypot((y + 0.5) / scale - 1.5, (x + 0.5) / scale - 1.5);
        if (down < 0 || right < 0 || down >= height || right >= width || away > 1.5) continue;
        words[down * width + right] = away <= 0.8 ? white : ink;
      }
    }
  };
  const eachTile = (what) => {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) what(row, column, row * columns + column);
  };
  const paintCities = (now) => now.city.forEach((stands, tile) => stands && paintCity(Math.floor(tile / columns), tile % columns));

  // Weights: one colour for each, over one grey; owners are outlines in their colours, coasts a dark line.
  const paintWeights = (now, heatAt) => eachTile((row, column, tile) => {
    const [owner, sides] = [now.owner[tile], around(row, column)];
    const line = owner ? (owner === ME ? white : outlines[owner]) : ink;
    const differs = owner ? (side) => now.owner[side] !== owner : (side) => !terrain[tile] && terrain[side] > 0;
    fill(row, column, 0, 0, scale, scale, heatAt(row, column));
    fillSides(row, column, outline, sides, differs, line);
  });
  // The same over the owners' colours; borders and cities stay on top.
  const layOver = (now, heatAt, strength) => eachTile((row, column, tile) => {
    const [owner, heat, [north, south, west, east]] = [now.owner[tile], heatAt(row, column), around(row, column)];
    const edge = (side) => Number(owner > 0 && now.owner[side] !== owner);
    if (now.city[tile]) return;
    for (let y = edge(north); y < scale - edge(south); y++) {
      for (let x = edge(west); x < scale - edge(east); x++) {
        const at = ((row * scale + y) * width + column * scale + x) * 4;
        for (let c = 0; c < 3; c++) pixels[at + c] = (1 - strength) * pixels[at + c] + strength * heat[c];
      }
    }
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
      paintWeights(now, heatsOf(over, blend(over.palette, over.strength, GREY).map(packed)));
      paintCities(now);
    }
    return pixels;
  };
  return { paint, width, height };
}

// Draws what a painter paints; the canvas takes its size.
export function showOn(canvas, { paint, width, height }, now, over = null) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(paint(now, over), width, height), 0, 0);
}

// Owners and cities of tiles as they come from the kernel.
export const tilesOf = (owned) => ({ owner: owned.map((each) => each & ~CITY_BIT), city: owned.map((each) => (each & CITY_BIT ? 1 : 0)) });

// A function that draws boards as the kernel sends them: uint8 (3, rows, columns), terrain, owners and fronts.
export function boardOn(canvas, players) {
  let [painter, known, sides] = [null, [], ""];
  return (board, [rows, columns]) => {
    const part = (i) => new Uint8Array(board.buffer, board.byteOffset + i * rows * columns, rows * columns);
    const terrain = part(0);
    if (sides !== `${rows} ${columns}` || terrain.some((ground, tile) => ground !== known[tile])) { // another game
      [known, sides] = [terrain, `${rows} ${columns}`];
      painter = makePainter(players, { rows, columns, terrain });
    }
    showOn(canvas, painter, { ...tilesOf(part(1)), fronts: part(2) });
  };
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
