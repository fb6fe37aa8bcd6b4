// Everything that the explorer says in sentences.

import { minus, percent, whole } from "../numbers.js";
import { cellOf } from "./data.js";

export const KEYS_SAY =
  "Keys: ← → a step, with Shift ten, Home and End, space plays; L layer, H head, P colours, O owners, [ ] overlay, W what if. " +
  "Tab to a board: arrows move over it, Enter chooses or paints, Escape lets go.";
export const FIRST = "Try first: drag the time slider, then click a tile. Then turn on “what if” and move “growth”.";
const GROUNDS = ["water", "plains", "highland", "mountain"];

export const troopsOf = (density) => (2 ** ((12 * density) / 255) - 1).toFixed(0); // the plane's log scale, read backwards

export function layerName({ name, heads, grid, queries, keys }) {
  if (!heads) return `${name} · ${grid[0]}×${grid[1]} cells`;
  const sides = queries === "one" && keys === "one" ? "1×1" : `${queries} → ${keys}`;
  return `${name} · ${sides}`;
}

// Where the game stands, in one line.
export function standingOf({ game, recorded: { step }, words }) {
  const land = game.terrain.reduce((sum, ground) => sum + (ground > 0), 0);
  const ordered = words.actions[game.at("action", step)[0]] || "nothing: this is the last moment";
  return `Step ${game.at("step", step)[0]} of ${game.at("step", game.length - 1)[0]} · ` +
    `owns ${percent(game.at("tiles", step)[1] / land, 1)} of the land · ` +
    `${whole(game.at("troops", step)[1])} troops at home · ordered: ${ordered}`;
}

// What a tile is and what every network gives it.
export function tileSays(state, [row, column]) {
  const { game, words } = state;
  const [at, now] = [row * game.columns + column, state.now()];
  const owner = now.owner[at];
  const parts = [`Row ${row}, column ${column}: ${GROUNDS[game.terrain[at]]}${now.city[at] ? " with a city" : ""}`];
  if (game.terrain[at]) parts.push(owner ? words.players[owner] : "nobody's land");
  if (owner) parts.push(`${whole(game.at("troops", now.step)[owner])} troops at home, ${troopsOf(now.density[at])} on a tile`);
  state.networks().forEach(({ name }, number) => {
    const over = state.overOf(number);
    const whose = state.networks().length > 1 ? `${name} ` : "";
    if (!over) return;
    const weight = over.grid[cellOf({ grid: over.size }, game, [row, column])];
    parts.push(`${whose}${state.get("layers")[number]} ${minus(weight.toFixed(3))}`);
  });
  return `${parts.join(" · ")}.`;
}

// How to read the picture of a layer, and what of the network could not be read.
export function layerSays(state, number, over) {
  const asked = state.words.relevance.find(([name]) => name === state.get("layers")[number]);
  if (asked) return over ? asked[1] : `${asked[1]} Asking the kernel …`;
  const [layer, { note }] = [state.layerOf(number), state.networks()[number]];
  return [layer && pictureSays(state, number, layer, over), note].filter(Boolean).join(" ");
}

function pictureSays(state, number, layer, over) {
  const stat = state.words.stats[state.get("stat")][0];
  if (layer.queries === "one" && layer.keys === "one") {
    return "One query and one key: the softmax has nothing to choose from, so this weight is 1.000 in every state, whatever the map shows.";
  }
  if (!over) return `These weights (${layer.queries} → ${layer.keys}) make no grid over the map.`;
  if (!layer.heads) return "How far each cell's gate is open.";
  const token = Math.min(state.get("tokens")[number], layer.others - 1);
  const says = layer.queries === layer.keys && token >= 0 ? "What the class token attends to: the first token, before those of the cells." : {
    "stats cells": `What “${stat}” attends to: its weights over the cells sum to 1. Choose another statistic beside it.`,
    "cells stats": `How much each cell attends to “${stat}”, of its weights over the 16 statistics. Choose another beside it.`,
    "cells cells": state.tile() ? "What the chosen cell attends to." : "What cells attend to, on average: click one to see its own.",
  }[`${layer.queries} ${layer.keys}`] || otherSays(layer, token);
  return `${says} ${layer.guess}`.trim();
}

// Of tokens that are no cells: latents, a query that pools.
function otherSays({ keys, others }, token) {
  if (keys !== "cells") return `How much each cell attends to token ${Math.max(token, 0) + 1} of ${others}.`;
  if (others === 1) return "What the one query attends to.";
  return token < 0 ? `What ${others} queries attend to, on average: choose a token to see its own.` : `What query ${token + 1} of ${others} attends to.`;
}
