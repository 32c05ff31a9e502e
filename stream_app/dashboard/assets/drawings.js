// A matrix of deviations, a course over time, points in a plane; see drawings.py.
import { clock, iso, number, plural, utc } from "/assets/words.js";

const WIDTH = 1000;
const HEIGHT = 120;
const USUAL = 3; // normal scores of 1 value in 400 are larger
const FULL = 8;
const MOST = 3; // times the bound that are drawn: what is far beyond must not flatten the rest

// Of columns in which nothing is known nothing is drawn.
export const Matrix = {
  template: `
    <p v-if="!part.matrix.rows.length" class="sg-sub">{{ part.nothing }}</p>
    <div v-else class="sg-table sg-matrix"><table>
      <thead><tr><th scope="col"><span class="sg-hidden">Name</span></th><th v-for="i in columns" :key="i" scope="col">{{ part.matrix.heads[i] }}</th></tr></thead>
      <tbody><tr v-for="[name, values] in part.matrix.rows" :key="name"><th scope="row">{{ name }}</th>
        <td v-for="i in columns" :key="i" :style="style(values[i])">{{ text(values[i]) }}</td></tr></tbody>
    </table></div>`,
  props: { part: Object },
  computed: {
    columns() {
      const { heads, rows } = this.part.matrix;
      return heads.map((_, i) => i).filter((i) => rows.some(([, values]) => values[i] !== null));
    },
  },
  methods: {
    text(value) {
      if (value === null) return "–";
      const size = Math.abs(value).toFixed(1);
      return Math.abs(value) < USUAL ? size : (value > 0 ? "↑ " : "↓ ") + size;
    },
    style(value) {
      const strength = Math.min(1, Math.max(0, (Math.abs(value ?? 0) - USUAL) / (FULL - USUAL)));
      const colour = value > 0 ? "critical" : "info";
      return strength ? { background: `color-mix(in srgb, var(--${colour}) ${Math.round(10 + 30 * strength)}%, transparent)` } : {};
    },
  },
};

export const Course = {
  template: `
    <figure class="sg-course"><svg :viewBox="'0 0 ' + W + ' ' + H" preserveAspectRatio="none" role="img" :aria-label="said">
        <rect v-for="(span, i) in spans" :key="i" class="is-open" :x="span.x" y="0" :width="span.width" :height="H"/>
        <line v-for="(mark, i) in marks" :key="'m' + i" class="is-mark" :x1="mark.x" :x2="mark.x" y1="0" :y2="H" vector-effect="non-scaling-stroke"><title>{{ mark.text }}</title></line>
        <line class="is-bound" x1="0" :x2="W" :y1="bound" :y2="bound" vector-effect="non-scaling-stroke"/>
        <polyline :points="line" vector-effect="non-scaling-stroke"/></svg>
      <figcaption class="sg-sub"><time :datetime="iso(first)">{{ clock(first) }}</time> to <time :datetime="iso(last)">{{ clock(last) }}</time>
        (events {{ utc(first) }} to {{ utc(last) }})</figcaption></figure>`,
  props: { part: Object },
  data: () => ({ W: WIDTH, H: HEIGHT, bound: HEIGHT * (1 - 1 / MOST) }),
  computed: {
    values() {
      return this.part.course.values;
    },
    first() {
      return this.values[0]?.[0];
    },
    last() {
      return this.values.at(-1)?.[0];
    },
    line() {
      return this.values
        .filter(([, value, bound]) => value !== null && bound)
        .map(([at, value, bound]) => `${this.x(at).toFixed(1)},${(HEIGHT * (1 - Math.min(value / bound, MOST) / MOST)).toFixed(1)}`)
        .join(" ");
    },
    spans() {
      const spans = [];
      let open = null;
      this.values.forEach(([at, , , lasts], i) => {
        const x = this.x(i ? this.values[i - 1][0] : at);
        if (lasts && open === null) open = x;
        if (open !== null && (!lasts || i === this.values.length - 1)) {
          spans.push({ x: open, width: Math.max(3, (lasts ? this.x(at) : x) - open) });
          open = null;
        }
      });
      return spans;
    },
    marks() {
      return this.part.course.marks
        .filter(([at]) => at >= this.first && at <= this.last)
        .map(([at, text]) => ({ x: this.x(at), text: `${clock(at)} ${text}` }));
    },
    said() {
      return `${this.part.title}: ${plural(this.spans.length, "incident")}, ${plural(this.marks.length, "change")}`;
    },
  },
  methods: {
    clock, iso, number, utc,
    x(at) {
      return (WIDTH * (at - this.first)) / Math.max(1, this.last - this.first);
    },
  },
};

export const Points = {
  template: `
    <p v-if="!part.points.length" class="sg-sub">None yet.</p>
    <svg v-else class="sg-points" viewBox="-4 -4 308 208" role="img" :aria-label="part.title + ': ' + part.points.length + ' windows, ' + marked + ' during incidents'">
      <circle v-for="(one, i) in placed" :key="i" :cx="one.x" :cy="one.y" r="3" :class="{ 'is-marked': one.marked }"/></svg>`,
  props: { part: Object },
  computed: {
    marked() {
      return this.part.points.filter(([, , marked]) => marked).length;
    },
    placed() {
      const scale = (values, size) => {
        const least = Math.min(...values);
        const most = Math.max(...values);
        return (value) => (size * (value - least)) / (most - least || 1);
      };
      const x = scale(this.part.points.map(([one]) => one), 300);
      const y = scale(this.part.points.map(([, one]) => one), 200);
      return this.part.points.map(([a, b, marked]) => ({ x: x(a), y: 200 - y(b), marked }));
    },
  },
};
