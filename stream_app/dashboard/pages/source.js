import { ago, clock, duration, iso, now, number, plural, utc } from "/assets/words.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note", fine: "Fine" };
const SPANS = [["5 min", 300], ["1 h", 3600], ["12 h", 43200], ["3 d", 259200], ["All", null]];
const WIDTH = 1000;
const HEIGHT = 96;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

export default {
  template: `
    <div v-if="news.state === 'loading'" class="sg-empty" role="status"><h1>Source</h1><p>{{ news.problem || "Reading …" }}</p></div>
    <div v-else-if="news.state === 'none'" class="sg-empty"><h1>There is no such source</h1>
      <p>Nothing is known of {{ news.source || "it" }} in {{ news.stream || "any stream" }}: no features, no history, no incident.</p>
      <a class="sg-button" href="/">All sources</a></div>
    <article v-else class="sg-case">
      <p class="sg-path"><a :href="'/?' + query({ stream: news.stream })">{{ news.stream }}</a> <span aria-hidden="true">/</span> {{ news.source }}</p>
      <header>
        <div class="sg-chips"><span :class="'sg-mark is-' + news.severity"><i aria-hidden="true"></i>{{ words[news.severity] }}</span>
          <span v-if="news.live && news.live.learning" class="sg-chip sg-progress">
            learning: {{ number(news.live.warmup - news.live.learning) }} of {{ number(news.live.warmup) }}
            <progress :max="news.live.warmup" :value="news.live.warmup - news.live.learning" aria-label="Warm-up"></progress></span></div>
        <h1>{{ news.source }}</h1>
        <p class="sg-lead" v-if="news.live">written {{ ago(news.live.written, clockNow) }} · newest event {{ clock(news.live.event) }}
          <span class="sg-sub">(event {{ utc(news.live.event) }})</span>
          <template v-if="news.live.events"> · {{ plural(news.live.events, "event") }}</template></p>
      </header>
      <div class="sg-tools" role="toolbar" aria-label="Time shown">
        <div class="sg-switch"><button v-for="[word, span] in spans" :key="word" type="button" :aria-pressed="!zoomed && chosen === span"
          @click="choose(span)">{{ word }}</button></div>
        <button type="button" class="sg-button" @click="scale(0.5)" aria-label="Zoom in">+</button>
        <button type="button" class="sg-button" @click="scale(2)" aria-label="Zoom out">−</button>
        <button type="button" class="sg-button" @click="shift(-0.5)" aria-label="Earlier">←</button>
        <button type="button" class="sg-button" @click="shift(0.5)" aria-label="Later">→</button>
        <span class="sg-sub" role="status">{{ news.time.length ? clock(news.begin) + " to " + clock(news.end, news.begin) + " · " + duration(news.end - news.begin)
          + (zoomed ? "" : ", following") : "" }}</span>
      </div>
      <div v-if="!news.time.length" class="sg-empty"><h2>No history</h2>
        <p>Workers write it while events come, unless the stream has <code>history = false</code>.</p></div>
      <div v-else class="sg-charts" @mouseleave="at = null">
        <figure v-for="one in drawn" :key="one.name" class="sg-card sg-chart">
          <figcaption><b>{{ one.name }}</b>
            <span v-if="at !== null">{{ number(one.mean[at]) }} {{ one.unit }}<span v-if="one.min && one.min[at] !== null" class="sg-sub"> {{ number(one.min[at]) }} to {{ number(one.max[at]) }}</span></span>
            <span v-else-if="one.last !== null && one.last !== undefined">{{ number(one.last) }} {{ one.unit }}</span>
            <span class="sg-sub" v-if="one.usual">usual {{ number(one.usual[0]) }} to {{ number(one.usual[1]) }}</span></figcaption>
          <svg :viewBox="'0 0 ' + W + ' ' + H" preserveAspectRatio="none" role="img" :aria-label="describe(one)" @mousemove="move" @mousedown="press" @mouseup="release"
            @touchstart.passive="move($event.touches[0], $event.currentTarget)" @dblclick="choose(chosen)">
            <rect v-for="span in one.spans" :key="span.id" :class="'sg-alarm is-' + span.severity" :x="span.x" y="0" :width="span.width" :height="H"/>
            <rect v-if="one.band" class="sg-usual" x="0" :y="one.band[0]" :width="W" :height="one.band[1]"/>
            <path class="sg-range" :d="one.area"/><path class="sg-mean" :d="one.line" vector-effect="non-scaling-stroke"/>
            <line v-for="mark in one.marks" :key="mark.id" class="sg-change-mark" :x1="mark.x" :x2="mark.x" y1="0" :y2="H" vector-effect="non-scaling-stroke"/>
            <line v-if="at !== null" class="sg-cross" :x1="x(news.time[at])" :x2="x(news.time[at])" y1="0" :y2="H" vector-effect="non-scaling-stroke"/>
            <rect v-if="drag" class="sg-drag" :x="Math.min(...drag)" y="0" :width="Math.abs(drag[1] - drag[0])" :height="H"/>
          </svg>
          <div class="sg-axis" aria-hidden="true"><span v-for="tick in ticks" :key="tick.at" :style="{ left: tick.left + '%' }">{{ tick.text }}</span></div>
        </figure>
        <p class="sg-legend sg-sub"><span><i class="is-line"></i>mean</span><span><i class="is-range"></i>least to most</span>
          <span><i class="is-usual"></i>usual: 98 % of what is kept, incidents left out</span><span><i class="is-alarm"></i>incident</span>
          <span><i class="is-mark"></i>drift or change</span><span v-if="at !== null"><time :datetime="iso(news.time[at])">{{ clock(news.time[at]) }}</time> (event {{ utc(news.time[at]) }})</span></p>
      </div>
      <section class="sg-card" v-if="news.incidents.length"><h2>Incidents</h2>
        <ul class="sg-list"><li v-for="one in news.incidents" :key="one.id"><span :class="'sg-mark is-' + one.severity"><i aria-hidden="true"></i>{{ words[one.severity] }}</span>
          <a :href="'/incidents/' + one.id">{{ one.summary }}</a><span class="sg-sub">{{ clock(one.begin) }} · {{ one.end === null ? "firing" : "for " + duration(one.end - one.begin) }}</span>
          <button type="button" class="sg-button is-small" @click="show(one)">Show</button></li></ul></section>
    </article>
  `,
  props: { news: Object },
  emits: ["ask"],
  data: () => ({ words: WORDS, spans: SPANS, chosen: 3600, zoomed: false, at: null, drag: null, W: WIDTH, H: HEIGHT }),
  computed: {
    clockNow: () => now.value,
    drawn() {
      const { channels, score } = this.news;
      const all = channels.map((one) => ({ ...one }));
      if (score.some((value) => value)) all.push({ name: "score", unit: "decades", mean: score, min: null, max: null, usual: null, last: null, positive: true });
      return all.map((one) => this.shape(one));
    },
    ticks() {
      const { begin, end } = this.news;
      const step = TICKS.find((size) => (end - begin) / size <= 5) || TICKS.at(-1);
      const zone = new Date(begin * 1000).getTimezoneOffset() * 60;
      const first = Math.ceil((begin - zone) / step) * step + zone;
      const found = [];
      for (let at = first; at < end; at += step) {
        const left = (100 * (at - begin)) / (end - begin);
        const date = new Date(at * 1000);
        const text = step >= 86400 ? date.toLocaleDateString([], { month: "short", day: "numeric" })
          : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 ? { second: "2-digit" } : {}) });
        if (left > 3 && left < 97) found.push({ at, left, text });
      }
      return found;
    },
  },
  methods: {
    ago, clock, duration, iso, number, plural, utc,
    query: (parts) => new URLSearchParams(parts).toString(),
    x(ts) {
      const { begin, end } = this.news;
      return (WIDTH * (ts - begin)) / (end - begin || 1);
    },
    shape(one) {
      const { time, width, incidents, marks, end } = this.news;
      const there = [...(one.min || one.mean), ...(one.max || one.mean)].filter((value) => value !== null);
      let low = Math.min(...there), high = Math.max(...there);
      // The usual band is drawn as far as it leaves room for what is there.
      const room = high - low;
      if (one.usual) [low, high] = [Math.min(low, Math.max(one.usual[0], low - room)), Math.max(high, Math.min(one.usual[1], high + room))];
      if (one.positive) low = 0;
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
      const line = parts.map((part) => path(part.length > 1 ? part.map((i) => [this.x(time[i]), y(one.mean[i])])
        : [[this.x(time[part[0]]) - 1, y(one.mean[part[0]])], [this.x(time[part[0]]) + 1, y(one.mean[part[0]])]])).join("");
      const area = one.min ? parts.map((part) => path([...part.map((i) => [this.x(time[i]), y(one.max[i] ?? one.mean[i])]),
        ...part.toReversed().map((i) => [this.x(time[i]), y(one.min[i] ?? one.mean[i])])]) + "Z").join("") : "";
      const about = (channels) => one.positive || !channels.length || channels.includes("*") || channels.includes(one.name);
      const spans = incidents.filter(({ channels }) => about(channels)).map(({ id, begin: from, end: to, severity }) => {
        const left = Math.max(0, this.x(from)), right = Math.min(WIDTH, this.x(to === null ? end : to));
        return { id, severity, x: left, width: Math.max(right - left, 2), seen: right >= 0 && left <= WIDTH };
      }).filter(({ seen, width: wide, x }) => seen && x + wide >= 0 && x <= WIDTH);
      const seen = marks.filter(({ channel }) => about([channel])).map((mark) => ({ ...mark, x: this.x(mark.at) })).filter(({ x }) => x >= 0 && x <= WIDTH);
      const band = one.usual ? [y(one.usual[1]), Math.max(1, y(one.usual[0]) - y(one.usual[1]))] : null;
      return { ...one, line, area, spans, marks: seen, band };
    },
    describe(one) {
      const usual = one.usual ? `, usually ${number(one.usual[0])} to ${number(one.usual[1])}` : "";
      const alarms = one.spans.length ? `; ${plural(one.spans.length, "incident")} in this time` : "";
      return `${one.name}${one.unit ? " in " + one.unit : ""}: ${number(one.mean.findLast((value) => value !== null) ?? null)} at the end${usual}${alarms}`;
    },
    choose(span) {
      this.chosen = span;
      this.zoomed = false;
      this.$emit("ask", { span });
    },
    ask(begin, end) {
      this.zoomed = true;
      this.at = null;
      this.$emit("ask", { begin, end });
    },
    show({ begin, end }) {
      const until = end ?? this.news.kept[1];
      const around = Math.max(60, 0.5 * (until - begin));
      this.ask(begin - around, until + around);
    },
    scale(factor) {
      const { begin, end } = this.news;
      const half = Math.max(10, (factor * (end - begin)) / 2), middle = (begin + end) / 2;
      this.ask(middle - half, middle + half);
    },
    shift(part) {
      const { begin, end } = this.news;
      this.ask(begin + part * (end - begin), end + part * (end - begin));
    },
    place(event, target = event.currentTarget) {
      const box = target.getBoundingClientRect();
      return (WIDTH * Math.min(Math.max(event.clientX - box.left, 0), box.width)) / box.width;
    },
    move(event, target) {
      const at = this.place(event, target instanceof Element ? target : event.currentTarget);
      if (this.drag) this.drag = [this.drag[0], at];
      let best = null, least = Infinity;
      this.news.time.forEach((ts, i) => {
        const away = Math.abs(this.x(ts) - at);
        if (away < least) [best, least] = [i, away];
      });
      this.at = best;
    },
    press(event) {
      event.preventDefault();
      this.drag = [this.place(event), this.place(event)];
    },
    release() {
      const [a, b] = (this.drag || [0, 0]).map((place) => this.news.begin + (place / WIDTH) * (this.news.end - this.news.begin)).sort((p, q) => p - q);
      const wide = this.drag && Math.abs(this.drag[1] - this.drag[0]) > 8;
      this.drag = null;
      if (wide) this.ask(a, b);
    },
  },
};
