import { ago, clock, duration, iso, now, number, percent, plural, utc } from "/assets/words.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note", fine: "Fine" };
const QUIET = 60; // seconds without a write after which a tile says so

export default {
  template: `
    <section aria-label="Sources">
      <h1 class="sg-hidden">Now</h1>
      <div class="sg-tally" role="status">
        <template v-if="news.loading"><span>Reading the sources …</span></template>
        <template v-else>
          <span><b>{{ news.all.toLocaleString("en-US") }}</b> source{{ news.all === 1 ? "" : "s" }}</span>
          <span v-for="(word, state) in words" :key="state" :class="'sg-mark is-' + state"><i aria-hidden="true"></i><b>{{
            news.counts[state].toLocaleString("en-US") }}</b> {{ word.toLowerCase() }}</span>
        </template>
      </div>
      <form class="sg-tools" role="search" @submit.prevent>
        <input type="search" v-model="search" placeholder="Search sources" aria-label="Search sources" @input="ask(0)">
        <select v-model="stream" aria-label="Stream" @change="ask(0)">
          <option value="">All streams</option>
          <option v-for="one in news.streams" :key="one">{{ one }}</option>
        </select>
        <select v-model="order" aria-label="Order" @change="ask(0)">
          <option value="urgency">Most urgent first</option>
          <option value="name">By name</option>
        </select>
      </form>
      <div v-if="news.loading" class="sg-grid" aria-hidden="true"><div v-for="i in 12" :key="i" class="sg-tile sg-ghost"></div></div>
      <div v-else-if="!news.all" class="sg-empty">
        <h2>No sources yet</h2>
        <p>Sources appear here with their first event. Is a worker running, and does it write to this Redis?</p>
        <code>streamgauge worker</code>
      </div>
      <div v-else-if="!news.found" class="sg-empty"><h2>No source is called so</h2><p>Try fewer letters, or another stream.</p></div>
      <ul v-else class="sg-grid">
        <li v-for="one in news.tiles" :key="one.stream + ' ' + one.name" :class="'sg-tile is-' + one.state">
          <a :href="link(one)" :aria-label="one.name + ', ' + words[one.state]">
            <span class="sg-tile-head"><b :title="one.name">{{ one.name }}</b>
              <span :class="'sg-mark is-' + one.state"><i aria-hidden="true"></i>{{ words[one.state] }}</span></span>
            <span class="sg-sub">{{ one.stream }}<template v-if="one.incidents"> · {{ plural(one.incidents, "incident") }}{{
              one.seen ? ", seen" : "" }}</template></span>
            <svg class="sg-spark" viewBox="0 0 200 44" preserveAspectRatio="none" role="img" :aria-label="one.measure ? one.measure + ' lately' : 'No values'">
              <polyline v-if="one.trail && one.trail.length > 1" :points="points(one.trail)" vector-effect="non-scaling-stroke"/>
              <line v-else x1="0" y1="22" x2="200" y2="22" stroke-dasharray="2 5" vector-effect="non-scaling-stroke"/>
            </svg>
            <span class="sg-tile-row"><span>{{ one.measure || "–" }}</span><b>{{
              one.measure && one.measure.includes("accuracy") ? percent(one.last, 1) : number(one.last) }}</b></span>
            <span class="sg-tile-foot">
              <time :datetime="iso(one.event)" :title="'Newest event: ' + clock(one.event) + ' (' + utc(one.event) + ')'">{{
                one.written === undefined ? clock(one.event) : ago(one.written, now) }}</time>
              <span v-if="lag(one) !== null" title="From the event to its features in Redis">lag {{ duration(lag(one)) }}</span>
              <span v-if="one.written && now - one.written > quiet" class="is-warning-text">quiet</span>
              <span v-if="one.learning" :title="'Events until it is judged'">learning: {{ number(one.learning) }} to go</span>
              <span v-if="one.missing" class="is-warning-text">{{ percent(one.missing, one.missing < 0.1 ? 1 : 0) }} missing</span>
            </span>
          </a>
        </li>
      </ul>
      <nav v-if="news.found > news.tiles.length" class="sg-pages" aria-label="Parts of the list">
        <button type="button" class="sg-button" :disabled="!news.first" @click="ask(page - 1)">Previous</button>
        <span role="status">{{ (news.first + 1).toLocaleString("en-US") }}–{{ (news.first + news.tiles.length).toLocaleString("en-US")
          }} of {{ news.found.toLocaleString("en-US") }}</span>
        <button type="button" class="sg-button" :disabled="news.first + news.tiles.length >= news.found" @click="ask(page + 1)">Next</button>
      </nav>
    </section>
  `,
  props: { news: Object, question: Object },
  emits: ["ask"],
  data() {
    return { ...this.question, words: WORDS, quiet: QUIET };
  },
  computed: { now: () => now.value },
  methods: {
    ago, clock, duration, iso, number, percent, plural, utc,
    ask(page) {
      this.page = page;
      this.$emit("ask", { search: this.search, stream: this.stream, order: this.order, page });
    },
    link(one) {
      return "/source?" + new URLSearchParams({ stream: one.stream, name: one.name });
    },
    // Of a replay of the past there is none that means something.
    lag(one) {
      const seconds = one.written - one.event;
      return seconds >= 0 && seconds < 86400 ? seconds : null;
    },
    points(values) {
      const low = Math.min(...values), high = Math.max(...values), height = high - low || 1;
      return values
        .map((value, i) => `${((200 * i) / (values.length - 1)).toFixed(1)},${(41 - (38 * (value - low)) / height).toFixed(1)}`)
        .join(" ");
    },
  },
};
