import { Chart } from "/assets/chart.js";
import { clock, duration, iso, now, number, percent, plural, utc } from "/assets/words.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note" };

export default {
  components: { SgChart: Chart },
  template: `
    <div v-if="news.state === 'loading'" class="sg-empty" role="status"><h1>Incident</h1><p>{{ news.problem || "Reading …" }}</p></div>
    <div v-else-if="news.state === 'none'" class="sg-empty"><h1>There is no such incident</h1>
      <p>{{ news.id }} is not kept any more, or never was.</p><a class="sg-button" href="/incidents?all=1">Recent incidents</a></div>
    <article v-else class="sg-case">
      <p class="sg-path"><a href="/incidents">Incidents</a> <span aria-hidden="true">/</span> {{ news.id.slice(0, 8) }}</p>
      <header>
        <div class="sg-chips"><span :class="'sg-mark is-' + news.severity"><i aria-hidden="true"></i>{{ words[news.severity] }}</span>
          <span class="sg-chip" :class="{ 'is-on': news.firing }">{{ news.firing ? "Firing" : "Resolved" }}</span>
          <span v-if="news.acknowledged" class="sg-chip">Acknowledged</span><span v-if="muted" class="sg-chip">Muted</span>
          <span v-if="news.verdict" class="sg-chip">{{ news.verdict.real ? "Real" : "False alarm" }}</span></div>
        <h1>{{ news.summary }}</h1>
        <p class="sg-lead"><a :href="'/source?' + query({ stream: news.stream, name: news.source })">{{ news.source }}</a> in {{ news.stream }} ·
          since <time :datetime="iso(news.began)">{{ clock(news.began) }}</time> <span class="sg-sub">(event {{ utc(news.began) }})</span> ·
          {{ news.firing ? "still firing" : "lasted " + duration(news.changed - news.began) }}</p>
        <p v-for="one in news.members.filter((one) => one.explanation)" :key="one.id">{{ one.explanation }}</p>
      </header>
      <section v-if="news.chart && news.chart.time.length" class="sg-card" @mouseleave="at = null"><h2>Channels to blame, over their usual band
          <a class="sg-sub" :href="'/source?' + query({ stream: news.stream, name: news.source })">all channels</a></h2>
        <div class="sg-charts"><sg-chart v-for="one in news.chart.channels" :key="one.name" :one="one" :shown="news.chart" :at="at" @point="at = $event"></sg-chart></div>
        <p v-if="at !== null" class="sg-sub"><time :datetime="iso(news.chart.time[at])">{{ clock(news.chart.time[at]) }}</time> (event {{ utc(news.chart.time[at]) }})</p>
      </section>
      <div class="sg-columns">
        <section class="sg-card" v-if="changes.length"><h2>From → to</h2>
          <div v-for="one in changes" :key="one.key" class="sg-change">
            <p><b>{{ one.name }}</b> <span class="sg-sub">{{ one.what }}</span></p>
            <p class="sg-big">{{ number(one.before) }} <span aria-hidden="true">→</span><span class="sg-hidden">to</span> {{ number(one.after) }}</p>
            <svg v-if="one.rows" class="sg-excerpt" viewBox="0 0 300 56" preserveAspectRatio="none" role="img" :aria-label="one.name + ' around the beginning'">
              <rect v-if="one.rows.band" class="sg-usual" x="0" :y="one.rows.band[0]" width="300" :height="one.rows.band[1]"/>
              <line class="sg-change-mark" :x1="one.rows.begin" :x2="one.rows.begin" y1="0" y2="56" vector-effect="non-scaling-stroke"/>
              <polyline class="sg-mean" :points="one.rows.points" vector-effect="non-scaling-stroke"/>
            </svg>
            <svg v-if="one.scale" class="sg-band" viewBox="0 0 300 34" role="img" :aria-label="'usually ' + number(one.low) + ' to ' + number(one.high)">
              <rect class="is-band" :x="one.scale(one.low)" y="8" :width="Math.max(2, one.scale(one.high) - one.scale(one.low))" height="12" rx="3"/>
              <line x1="0" x2="300" y1="14" y2="14"/><circle class="is-before" :cx="one.scale(one.before)" cy="14" r="4"/>
              <circle class="is-after" :cx="one.scale(one.after)" cy="14" r="6"/>
            </svg>
            <p v-if="one.scale" class="sg-sub">usually {{ number(one.low) }} to {{ number(one.high) }}</p>
          </div>
        </section>
        <section class="sg-card" v-if="blamed.length"><h2>What is to blame</h2>
          <ul class="sg-bars"><li v-for="[name, share] in blamed" :key="name"><span>{{ name }}</span>
            <span class="sg-bar"><i :style="{ width: 100 * share + '%' }"></i></span><b>{{ percent(share) }}</b></li></ul>
        </section>
        <section class="sg-card"><h2>Evidence</h2>
          <dl class="sg-facts"><template v-for="one in news.members.slice(0, 6)" :key="one.id">
            <dt>{{ one.detector }}<span class="sg-sub">{{ one.channel === "*" ? "all channels" : one.channel }}</span></dt>
            <dd><b>{{ number(one.statistic) }}</b> against {{ number(one.threshold) }}<span v-if="one.reference" class="sg-sub">reference {{ one.reference }}</span>
              <span v-if="ratio(one)" class="sg-bar is-evidence" aria-hidden="true"><i :style="{ width: ratio(one).fill + '%' }"></i><em
                :style="{ left: ratio(one).mark + '%' }"></em></span></dd></template></dl>
          <p v-for="one in news.precision" :key="one.detector" class="sg-sub">{{ one.detector }}: {{ one.real }} of {{ one.of }} were real, as people said
            ({{ percent(one.low) }} to {{ percent(one.high) }}).</p>
          <p v-if="news.doubted" class="sg-sub">What found it was mostly wrong before, as people said; its severity is one less.</p>
        </section>
        <section v-if="actions || said.length" class="sg-card"><h2>What people say</h2>
          <ul v-if="said.length" class="sg-said"><li v-for="one in said" :key="one.word"><b>{{ one.word }}</b> by {{ one.by }}, {{ clock(one.at) }}
            <span v-if="one.comment">: {{ one.comment }}</span></li></ul>
          <form v-if="actions" class="sg-form" @submit.prevent>
            <label>Your name<input v-model="by" maxlength="100" autocomplete="name" @change="remember"></label>
            <label>Comment<input v-model="comment" maxlength="1000" placeholder="optional"></label>
            <div class="sg-buttons">
              <button type="button" class="sg-button is-primary" :disabled="!by" @click="say('acknowledge')">Acknowledge</button>
              <template v-if="!muted"><select v-model.number="hours" aria-label="Mute for"><option :value="0">until resolved</option><option :value="1">1 hour</option>
                <option :value="8">8 hours</option><option :value="24">1 day</option><option :value="168">1 week</option></select>
              <button type="button" class="sg-button" :disabled="!by" @click="say('mute')">Mute</button></template>
              <button v-else type="button" class="sg-button" :disabled="!by" @click="say('unmute')">Unmute</button>
              <button type="button" class="sg-button" :disabled="!by" @click="say('false')">False alarm</button>
              <button type="button" class="sg-button" :disabled="!by" @click="say('real')">Real</button>
            </div>
            <p v-if="!by" class="sg-sub">Say who you are first: others read it, and the audit log keeps it.</p>
          </form>
        </section>
      </div>
      <section class="sg-card"><h2>Time line <span class="sg-sub">{{ plural(news.alerts, "alert") }}, {{ news.firing }} firing</span></h2>
        <ol class="sg-line"><li v-for="one in news.members" :key="one.id" :class="'is-' + one.severity">
          <span class="sg-when">{{ clock(one.began) }}<span class="sg-sub">{{ utc(one.began) }}</span></span>
          <span class="sg-track" aria-hidden="true"><i :style="span(one)"></i></span>
          <span><span :class="'sg-mark is-' + one.severity"><i aria-hidden="true"></i>{{ words[one.severity] }}</span> {{ one.summary }}
            <span class="sg-sub">{{ one.kind }}, by {{ one.detector }} · {{ one.ended === null ? "firing" : "for " + duration(one.ended - one.began) }} · offset {{ one.offset.toLocaleString("en-US") }} of partition {{ one.partition }}</span></span>
        </li></ol>
      </section>
    </article>
  `,
  props: { news: Object, actions: Boolean },
  emits: ["say"],
  data: () => ({ words: WORDS, by: localStorage.getItem("streamgauge-name") || "", comment: "", hours: 8, at: null }),
  watch: {
    news(news) {
      if (news.chart && this.at >= news.chart.time.length) this.at = null;
    },
  },
  computed: {
    muted() {
      const note = this.news.muted;
      return Boolean(note) && (!note.until || note.until > now.value);
    },
    blamed() {
      return this.news.channels.filter(([name]) => name !== "*");
    },
    said() {
      const { acknowledged, muted, verdict } = this.news;
      return [
        acknowledged && { word: "Acknowledged", ...acknowledged },
        muted && { word: muted.until ? (this.muted ? `Muted until ${clock(muted.until)}` : "Muted before") : "Muted", ...muted },
        verdict && { word: verdict.real ? "Real" : "A false alarm", ...verdict },
      ].filter(Boolean);
    },
    changes() {
      return this.news.members
        .filter(({ context }) => context.mean_before !== undefined && context.mean_after !== undefined)
        .slice(0, 4)
        .map((one) => {
          const { mean_before: before, mean_after: after, usual_low: low, usual_high: high } = one.context;
          const name = one.channel === "*" && one.contributions.length ? one.contributions[0][0] : one.channel;
          const usual = low !== undefined && high !== undefined;
          const [least, most] = [Math.min(before, after, low ?? before), Math.max(before, after, high ?? before)];
          const scale = usual && most > least ? (x) => 10 + (280 * (x - least)) / (most - least) : null;
          return { key: one.id, name, what: "mean", before, after, low, high, scale, rows: this.excerpt(one.excerpt, low, high) };
        });
    },
  },
  methods: {
    clock, duration, iso, number, percent, plural, utc,
    query: (parts) => new URLSearchParams(parts).toString(),
    ratio({ statistic, threshold }) {
      if (!(statistic > 0 && threshold > 0)) return null;
      const most = 1.15 * Math.max(statistic, threshold);
      return { fill: (100 * statistic) / most, mark: (100 * threshold) / most };
    },
    span(one) {
      const begin = this.news.began;
      const end = Math.max(this.news.changed, ...this.news.members.map((each) => each.ended ?? each.began));
      const whole = end - begin || 1;
      const left = (100 * (one.began - begin)) / whole;
      return { left: `${Math.min(left, 99)}%`, width: `${Math.max(1, (100 * ((one.ended ?? end) - one.began)) / whole)}%` };
    },
    // Rows before the beginning and before the end, one beside the other; the dashed line is the beginning.
    excerpt(rows, low, high) {
      const known = rows ? rows.values.map((value, i) => [i, value]).filter(([, value]) => value !== null) : [];
      if (known.length < 2) return null;
      const values = [...known.map(([, value]) => value), low, high].filter((value) => value !== undefined);
      const least = Math.min(...values), room = Math.max(...values) - least || 1;
      const y = (value) => 52 - (48 * (value - least)) / room;
      const x = (i) => (300 * i) / (rows.values.length - 1);
      const after = rows.seconds.findIndex((second) => second > 0);
      return {
        points: known.map(([i, value]) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
        begin: x((after < 0 ? rows.seconds.length : after) - 1),
        band: low === undefined || high === undefined ? null : [y(high), Math.max(1, y(low) - y(high))],
      };
    },
    remember() {
      localStorage.setItem("streamgauge-name", this.by);
    },
    say(what) {
      this.$emit("say", { what, by: this.by, comment: this.comment, seconds: this.hours ? 3600 * this.hours : null });
      this.comment = "";
    },
  },
};
