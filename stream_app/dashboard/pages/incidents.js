import { clock, duration, iso, now, percent, plural, utc } from "/assets/words.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note" };

export default {
  template: `
    <section aria-label="Incidents">
      <h1 class="sg-hidden">Incidents</h1>
      <form class="sg-tools" role="search" @submit.prevent>
        <input type="search" v-model="source" placeholder="Search sources" aria-label="Search sources" @input="ask">
        <select v-model="stream" aria-label="Stream" @change="ask">
          <option value="">All streams</option>
          <option v-for="one in news.streams" :key="one">{{ one }}</option>
        </select>
        <select v-model="severity" aria-label="Severity" @change="ask">
          <option value="info">All severities</option>
          <option value="warning">Warning and critical</option>
          <option value="critical">Critical</option>
        </select>
        <div class="sg-switch" role="group" aria-label="Which incidents">
          <button type="button" :aria-pressed="!all" @click="all = false; ask()">Firing</button>
          <button type="button" :aria-pressed="all" @click="all = true; ask()">All recent</button>
        </div>
        <span class="sg-sub" role="status">{{ news.loading ? "Reading …" : plural(news.found, "incident") }}</span>
      </form>
      <div v-if="news.loading" aria-hidden="true"><div v-for="i in 6" :key="i" class="sg-row sg-ghost"></div></div>
      <div v-else-if="!news.found" class="sg-empty">
        <template v-if="!all && !source && !stream && severity === 'info'"><h2>Nothing is firing</h2>
          <p>New incidents appear here by themselves.</p><button type="button" class="sg-button" @click="all = true; ask()">Show recent ones</button></template>
        <template v-else><h2>No such incident</h2><p>Try other words, or all severities.</p></template>
      </div>
      <ol v-else class="sg-rows">
        <li v-for="one in news.rows" :key="one.id" :class="['sg-row', 'is-' + one.severity, { 'is-over': !one.firing, 'is-group': one.together }]">
          <template v-if="one.together">
            <details><summary>
              <span :class="'sg-mark is-' + one.severity"><i aria-hidden="true"></i>{{ words[one.severity] }}</span>
              <span class="sg-where"><b>{{ one.together.length }} sources together</b><span class="sg-sub">{{ one.stream }}</span></span>
              <span class="sg-what">first: {{ one.summary }}</span>
              <time class="sg-when" :datetime="iso(one.began)">{{ clock(one.began) }}<span class="sg-sub">event {{ utc(one.began) }}</span></time>
            </summary>
            <ol><li v-for="part in one.together" :key="part.id"><a :href="'/incidents/' + part.id">{{ part.source }}</a> {{ part.summary }}</li></ol></details>
          </template>
          <a v-else :href="'/incidents/' + one.id">
            <span :class="'sg-mark is-' + one.severity"><i aria-hidden="true"></i>{{ words[one.severity] }}</span>
            <span class="sg-where"><b>{{ one.source }}</b><span class="sg-sub">{{ one.stream }}</span></span>
            <span class="sg-what">{{ one.summary }}
              <span class="sg-sub">{{ notes(one).join(" · ") }}</span></span>
            <time class="sg-when" :datetime="iso(one.began)">{{ clock(one.began) }}<span class="sg-sub">event {{ utc(one.began) }}</span></time>
          </a>
        </li>
      </ol>
      <p v-if="news.found > news.rows.length"><button type="button" class="sg-button" @click="rows = news.rows.length + 100; ask()">Show more</button></p>
    </section>
  `,
  props: { news: Object, question: Object },
  emits: ["ask"],
  data() {
    return { ...this.question, words: WORDS };
  },
  computed: { now: () => now.value },
  methods: {
    clock, duration, iso, percent, plural, utc,
    ask() {
      const { source, stream, severity, all, rows } = this;
      this.$emit("ask", { source, stream, severity, all, rows });
      const query = new URLSearchParams(Object.entries({ source, stream, severity: severity === "info" ? "" : severity, all: all ? 1 : "" })
        .filter(([, value]) => value));
      history.replaceState(null, "", query.size ? "?" + query : location.pathname);
    },
    notes(one) {
      const said = [one.firing ? (one.alerts > 1 ? `${plural(one.alerts, "alert")}, ${one.firing} firing` : "firing")
        : `resolved after ${duration(one.changed - one.began)}`];
      if (one.channels.length && one.channels[0][0] !== "*")
        said.push(one.channels.slice(0, 3).map(([name, share]) => (one.channels.length > 1 ? `${name} ${percent(share)}` : name)).join(", "));
      if (one.acknowledged) said.push(`seen by ${one.acknowledged.by}`);
      if (one.muted && (!one.muted.until || one.muted.until > this.now)) said.push(`muted by ${one.muted.by}`);
      if (one.verdict) said.push(one.verdict.real ? "called real" : "called a false alarm");
      if (one.doubted) said.push("mostly wrong before");
      return said;
    },
  },
};
