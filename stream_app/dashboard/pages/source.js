import { Chart } from "/assets/chart.js";
import { ago, clock, duration, iso, now, number, plural, utc } from "/assets/words.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note", fine: "Fine" };
const SPANS = [["5 min", 300], ["1 h", 3600], ["12 h", 43200], ["3 d", 259200], ["All", null]];

export default {
  components: { SgChart: Chart },
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
        <sg-chart v-for="one in channels" :key="one.name" class="sg-card" :one="one" :shown="news" :at="at" @point="at = $event" @zoom="ask"></sg-chart>
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
  data: () => ({ words: WORDS, spans: SPANS, chosen: 3600, zoomed: false, at: null }),
  computed: {
    clockNow: () => now.value,
    channels() {
      const { channels, score } = this.news;
      const scores = { name: "score", unit: "decades", mean: score, min: null, max: null, usual: null, last: null, score: true };
      return score.some((value) => value) ? [...channels, scores] : channels;
    },
  },
  watch: {
    news(news) {
      if (news.time && this.at >= news.time.length) this.at = null;
    },
  },
  methods: {
    ago, clock, duration, iso, number, plural, utc,
    query: (parts) => new URLSearchParams(parts).toString(),
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
  },
};
