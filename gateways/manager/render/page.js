// Keeps the status page fresh. What it draws the server has drawn before it, in the same way: page.py and chart.py.
"use strict";

const WIDTH = 600, HEIGHT = 100, STEP = 2;
const PAUSE = 1000, PATIENCE = 10000; // milliseconds

function durationText(seconds) {
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds >= 0.01 ? 0 : 1)} ms`;
  if (seconds < 10) return `${(Math.trunc(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 60) return `${Math.trunc(seconds)} s`;
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.trunc(seconds / 60), hours = Math.trunc(minutes / 60);
  if (minutes < 60) return `${minutes}m ${two(Math.trunc(seconds) % 60)}s`;
  return hours < 48 ? `${hours}h ${two(minutes % 60)}m` : `${Math.trunc(hours / 24)}d ${two(hours % 24)}h`;
}

function sizeText(size) {
  let unit = "B";
  for (const larger of ["KiB", "MiB", "GiB", "TiB"]) {
    if (size < 1000) break;
    size /= 1024;
    unit = larger;
  }
  return unit !== "B" && size < 99.95 ? `${size.toFixed(1)} ${unit}` : `${size.toFixed(0)} ${unit}`;
}

// How a figure is shown, where it is not shown as it is.
const SHOW = {
  "start since": durationText,
  "memory": sizeText,
  "last request memory": sizeText,
  "bytes sent": sizeText,
};

// What the cells of a worker show.
const CELLS = {
  "in hand": (worker) => `${worker["requests in hand"]} / ${worker.threads}`,
  "duration": (worker) => (worker["request uri"] === "-" ? "" : durationText(worker["request duration"] / 1e6)),
  "request": (worker) => (worker["request uri"] === "-" ? "" : `${worker["request method"]} ${worker["request uri"]}`),
};

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showFigures(place, figures) {
  for (const element of place.querySelectorAll("[data-figure]")) {
    const value = figures[element.dataset.figure];
    const as = SHOW[element.dataset.figure];
    show(element, as ? as(value) : String(value));
  }
}

function series(values) {
  values = values.slice(-(WIDTH / STEP + 1));
  const top = Math.max(0, ...values);
  const first = WIDTH - (values.length - 1) * STEP;
  const points = values.map((value, i) => `${first + i * STEP},${+(HEIGHT - (value * HEIGHT) / (top || 1)).toFixed(1)}`);
  return { points: points.join(" "), first, last: values.length ? values[values.length - 1] : 0, top };
}

function drawChart(section, history) {
  const rate = series(history.slice(1).map((moment, i) => Math.max(0, moment[1] - history[i][1])));
  const hand = series(history.slice(1).map((moment) => moment[0]));
  const area = rate.points && `${rate.first},${HEIGHT} ${rate.points} ${WIDTH},${HEIGHT}`;
  section.querySelector("polygon").setAttribute("points", area);
  for (const [name, drawn] of [["rate", rate], ["hand", hand]]) {
    section.querySelector(`polyline.${name}`).setAttribute("points", drawn.points);
    show(section.querySelector(`.${name} .last`), String(drawn.last));
    show(section.querySelector(`.${name} .top`), String(drawn.top));
  }
}

function showWorkers(section, workers) {
  const body = section.querySelector("tbody");
  const rows = new Map([...body.rows].map((row) => [row.dataset.worker, row]));
  workers.forEach((worker, index) => {
    const number = String(worker.worker);
    let row = rows.get(number);
    rows.delete(number);
    if (!row) {
      row = document.getElementById("worker").content.firstElementChild.cloneNode(true);
      row.dataset.worker = number;
    }
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] || null);
    row.dataset.state = worker.state;
    showFigures(row, worker);
    for (const cell of row.querySelectorAll("[data-cell]")) show(cell, CELLS[cell.dataset.cell](worker));
    row.querySelector(".request").title = CELLS.request(worker);
  });
  for (const row of rows.values()) row.remove();
}

function showAlert(place, text) {
  place.hidden = !text;
  show(place, text);
}

function reloadText(pool) {
  if (pool.reload === "failed") return `The last reload failed, the old workers serve on: ${pool["reload failure"]}`;
  return pool.reload === "booting" ? "New workers are starting." : "";
}

function showAll(status) {
  const sections = new Map([...document.querySelectorAll("[data-pool]")].map((one) => [one.dataset.pool, one]));
  if (status.pools.length !== sections.size || status.pools.some((pool) => !sections.has(pool.pool))) {
    location.reload(); // another configuration
    return;
  }
  if (status.pools.length) showFigures(document.querySelector("header"), status.pools[0]);
  for (const pool of status.pools) {
    const section = sections.get(pool.pool);
    showFigures(section, pool);
    showAlert(section.querySelector(".alert"), reloadText(pool));
    drawChart(section, pool.history);
    showWorkers(section, pool.processes);
  }
}

const button = document.getElementById("refresh");
const trouble = document.getElementById("trouble");
let paused = false;

async function refresh() {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE);
  try {
    const answer = await fetch("?json&full&all&history", { cache: "no-store", signal: abort.signal });
    if (!answer.ok) throw new Error(`the answer was ${answer.status}`);
    showAll(await answer.json());
    showAlert(trouble, "");
    document.body.dataset.refreshed = String(Number(document.body.dataset.refreshed || 0) + 1);
  } catch (error) {
    showAlert(trouble, `No news since ${new Date().toLocaleTimeString()}: ${error.message}`);
  } finally {
    clearTimeout(timer);
  }
}

async function keepFresh() {
  if (!paused && !document.hidden) await refresh();
  setTimeout(keepFresh, PAUSE);
}

button.hidden = false;
button.addEventListener("click", () => {
  paused = !paused;
  show(button, paused ? "Go on" : "Pause");
});
setTimeout(keepFresh, PAUSE);
