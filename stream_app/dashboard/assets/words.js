// Times and numbers as people read them, and the clock that all pages share.
import { ref } from "vue";

let ahead = 0; // seconds by which the server's clock is ahead of the browser's
export const now = ref(Date.now() / 1000);

setInterval(() => (now.value = Date.now() / 1000 + ahead), 1000);

export function setServerTime(at) {
  const difference = at - Date.now() / 1000;
  // A message takes a moment; only a clock that is wrong is put right.
  ahead = Math.abs(difference) > 5 ? difference : 0;
  now.value = Date.now() / 1000 + ahead;
}

export function theme() {
  return document.documentElement.dataset.theme;
}

const sameDay = (a, b) => a.toDateString() === b.toDateString();

// In the viewer's zone; with the day unless it is that of another time, by default today.
export function clock(ts, beside = Date.now() / 1000) {
  if (!Number.isFinite(ts)) return "–";
  const at = new Date(ts * 1000);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  if (sameDay(at, new Date(beside * 1000))) return time;
  const thisYear = at.getFullYear() === new Date().getFullYear();
  const day = { month: "short", day: "numeric", ...(thisYear ? {} : { year: "numeric" }) };
  return `${at.toLocaleDateString([], day)}, ${time}`;
}

// As the event has it, in UTC.
export function utc(ts) {
  if (!Number.isFinite(ts)) return "–";
  return new Date(ts * 1000).toISOString().slice(0, 19).replace("T", " ") + "Z";
}

export const iso = (ts) => (Number.isFinite(ts) ? new Date(ts * 1000).toISOString() : "");

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// At most two units, as the command line says it.
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${number(Math.max(seconds, 0), 2)} s`;
  let whole = Math.round(seconds);
  const i = UNITS.findIndex(([, size]) => whole >= size);
  const [unit, size] = UNITS[i];
  const rest = i < 3 ? Math.floor((whole % size) / UNITS[i + 1][1]) : 0;
  return `${Math.floor(whole / size)} ${unit}` + (rest ? ` ${rest} ${UNITS[i + 1][0]}` : "");
}

export function ago(ts, at) {
  const seconds = Math.max(0, at - ts);
  return seconds < 1.5 ? "now" : `${duration(seconds < 10 ? Math.round(seconds) : seconds)} ago`;
}

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(2);
  if (size >= 10 ** digits) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(digits)));
}

export const percent = (share, digits = 0) => `${(share * 100).toFixed(digits)} %`;

export const plural = (n, word) => `${n.toLocaleString("en-US")} ${word}${n === 1 ? "" : "s"}`;
