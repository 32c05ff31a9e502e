// A channel of a source over time: mean, least and most, the usual band, incidents and changes.
import { clock, number, plural } from "/assets/words.js";

const WIDTH = 1000;
const HEIGHT = 96;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

// `shown` is what `stream_app.dashboard.charts` makes of a history, `one` a channel of it, `at` the place of the point that is pointed at.
export const Chart = {
  template: `
    <figure class="sg-chart">
      <figcaption><b>{{ one.name }}</b>
        <span v-if="at !== null">{{ number(one.mean[at]) }} {{ one.unit }}<span v-if="one.min && one.min[at] !== null" class="sg-sub"> {{ number(one.min[at]) }} to {{ number(one.max[at]) }}</span></span>
        <span v-else-if="one.last !== null && one.last !== undefined">{{ number(one.last) }} {{ one.unit }}</span>
        <span class="sg-sub" v-if="one.usual">usual {{ number(one.usual[0]) }} to {{ number(one.usual[1]) }}</span></figcaption>
      <svg :viewBox="'0 0 ' + W + ' ' + H" preserveAspectRatio="none" role="img" :aria-label="words" @mousemove="move($event, $event.currentTarget)" @mousedown="press"
        @mouseup="release" @touchstart.passive="move($event.touches[0], $event.currentTarget)">
        <rect v-for="span in spans" :key="span.id" :class="'sg-alarm is-' + span.severity" :x="span.x" y="0" :width="span.width" :height="H"/>
        <rect v-if="drawn.band" class="sg-usual" x="0" :y="drawn.band[0]" :width="W" :height="drawn.band[1]"/>
        <path class="sg-range" :d="drawn.area"/><path class="sg-mean" :d="drawn.line" vector-effect="non-scaling-stroke"/>
        <line v-for="mark in marks" :key="mark.id" class="sg-change-mark" :x1="mark.x" :x2="mark.x" y1="0" :y2="H" vector-effect="non-scaling-stroke"/>
        <line v-if="at !== null" class="sg-cross" :x1="x(shown.time[at])" :x2="x(shown.time[at])" y1="0" :y2="H" vector-effect="non-scaling-stroke"/>
        <rect v-if="drag" class="sg-drag" :x="Math.min(...drag)" y="0" :width="Math.abs(drag[1] - drag[0])" :height="H"/>
      </svg>
      <div class="sg-axis" aria-hidden="true"><span v-for="tick in ticks" :key="tick.at" :style="{ left: tick.left + '%' }">{{ tick.text }}</span></div>
    </figure>
  `,
  props: { shown: Object, one: Object, at: { type: Number, default: null } },
  emits: ["point", "zoom"],
  data: () => ({ drag: null, W: WIDTH, H: HEIGHT }),
  computed: {
    drawn() {
      return this.shape();
    },
    spans() {
      return this.shown.incidents
        .filter(({ channels }) => this.concerns(channels))
        .map(({ id, begin, end, severity }) => {
          const left = Math.max(0, this.x(begin)), right = Math.min(WIDTH, this.x(end === null ? this.shown.end : end));
          return { id, severity, x: left, width: Math.max(right - left, 2), seen: right >= 0 && left <= WIDTH };
        })
        .filter(({ seen }) => seen);
    },
    marks() {
      const here = this.shown.marks.filter(({ channel }) => this.concerns([channel])).map((mark) => ({ ...mark, x: this.x(mark.at) }));
      return here.filter(({ x }) => x >= 0 && x <= WIDTH);
    },
    words() {
      const { name, unit, mean, usual } = this.one;
      const end = number(mean.findLast((value) => value !== null) ?? null);
      return `${name}${unit ? " in " + unit : ""}: ${end} at the end${usual ? `, usually ${number(usual[0])} to ${number(usual[1])}` : ""}`
        + (this.spans.length ? `; ${plural(this.spans.length, "incident")} in this time` : "");
    },
    ticks() {
      const { begin, end } = this.shown;
      const step = TICKS.find((size) => (end - begin) / size <= 5) || TICKS.at(-1);
      const zone = new Date(begin * 1000).getTimezoneOffset() * 60;
      const found = [];
      for (let at = Math.ceil((begin - zone) / step) * step + zone; at < end; at += step) {
        const left = (100 * (at - begin)) / (end - begin);
        const date = new Date(at * 1000);
        const text = step >= 86400 ? date.toLocaleDateString([], { month: "short", day: "numeric" })
          : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 ? { second: "2-digit" } : {}) });
        if (left > 4 && left < 96) found.push({ at, left, text });
      }
      return found;
    },
  },
  methods: {
    clock, number,
    x(ts) {
      const { begin, end } = this.shown;
      return (WIDTH * (ts - begin)) / (end - begin || 1);
    },
    concerns(channels) {
      return this.one.score || !channels.length || channels.includes("*") || channels.includes(this.one.name);
    },
    shape() {
      const { one, shown: { time, width } } = this;
      const there = [...(one.min || one.mean), ...(one.max || one.mean)].filter((value) => value !== null);
      let low = Math.min(...there), high = Math.max(...there);
      // The usual band is drawn as far as it leaves room for what is there.
      const room = high - low;
      if (one.usual) [low, high] = [Math.min(low, Math.max(one.usual[0], low - room)), Math.max(high, Math.min(one.usual[1], high + room))];
      if (one.score) low = 0;
      if (!(high > low)) [low, high] = [low - 1, high + 1];
      const pad = 0.06 * (high - low);
      const y = (value) => HEIGHT - (HEIGHT * (value - low + pad)) / (high - low + 2 * pad);
      // No line across gaps: where readings are further apart than three of the points beside them.
      const parts = [];
      time.forEach((ts, i) => {
        if (one.mean[i] === null) return;
        const part = parts.at(-1);
        const before = part && part.at(-1);
        const gap = before !== undefined && ts - time[before] > 3 * Math.max(width[i], width[before]);
        if (!part || gap) parts.push([i]);
        else part.push(i);
      });
      const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
      // A point alone is a short line.
      const line = parts.map((part) => path(part.length > 1 ? part.map((i) => [this.x(time[i]), y(one.mean[i])])
        : [-1, 1].map((aside) => [this.x(time[part[0]]) + aside, y(one.mean[part[0]])]))).join("");
      const area = one.min ? parts.map((part) => path([...part.map((i) => [this.x(time[i]), y(one.max[i] ?? one.mean[i])]),
        ...part.toReversed().map((i) => [this.x(time[i]), y(one.min[i] ?? one.mean[i])])]) + "Z").join("") : "";
      return { line, area, band: one.usual ? [y(one.usual[1]), Math.max(1, y(one.usual[0]) - y(one.usual[1]))] : null };
    },
    place(event, target) {
      const box = target.getBoundingClientRect();
      return (WIDTH * Math.min(Math.max(event.clientX - box.left, 0), box.width)) / box.width;
    },
    move(event, target) {
      const place = this.place(event, target);
      if (this.drag) this.drag = [this.drag[0], place];
      const away = this.shown.time.map((ts) => Math.abs(this.x(ts) - place));
      this.$emit("point", away.indexOf(Math.min(...away)));
    },
    press(event) {
      event.preventDefault();
      const place = this.place(event, event.currentTarget);
      this.drag = [place, place];
    },
    release() {
      const { begin, end } = this.shown;
      const [left, right] = (this.drag || [0, 0]).toSorted((a, b) => a - b);
      this.drag = null;
      if (right - left > 8) this.$emit("zoom", begin + (left / WIDTH) * (end - begin), begin + (right / WIDTH) * (end - begin));
    },
  },
};
