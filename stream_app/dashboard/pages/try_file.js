import { clock, duration, iso, number, plural, utc } from "/assets/words.js";

const BUDGETS = ["1 per day", "2 per week", "1 per week", "1 per month", "1 per year"];
const WARMUPS = [50, 100, 200, 400, 800, 1600, 3200, 6400];
const WORDS = { critical: "Critical", warning: "Warning", info: "Note" };
const WIDTH = 1000;
const HEIGHT = 96;

export default {
  template: `
    <article class="sg-case">
      <header><h1>Try a file</h1><p class="sg-lead">A file of readings in any format that streamgauge backtest reads, up to {{ largest / 1048576 }} MiB. It stays on this machine, and is
        forgotten when the page is closed.</p></header>
      <form class="sg-tools" @submit.prevent @dragover.prevent @drop.prevent="send($event.dataTransfer.files[0])">
        <label class="sg-drop"><span>Drop a file here, or choose one</span>
          <input type="file" aria-label="File" @change="send($event.target.files[0])"></label>
        <label class="sg-slide">Budget <input type="range" min="0" :max="budgets.length - 1" step="1" v-model.number="budget" :aria-valuetext="budgets[budget]" @change="ask">
          <output>{{ budgets[budget] }}</output></label>
        <label class="sg-slide">Warm-up <input type="range" min="0" :max="warmups.length - 1" step="1" v-model.number="warmup" :aria-valuetext="warmups[warmup] + ' rows'" @change="ask">
          <output>{{ warmups[warmup] }} rows</output></label>
        <input type="text" v-model="time" placeholder="Time column, if not found" aria-label="Time column" autocomplete="off" @change="ask">
        <select v-if="news.sources && news.sources.length > 1" v-model="source" aria-label="Source" @change="ask">
          <option v-for="one in news.sources" :key="one">{{ one }}</option></select>
        <span class="sg-sub" role="status">{{ sending ? "Sending …" : news.busy ? "Judging …" : "" }}</span>
      </form>
      <p v-if="problem || news.problem" class="is-warning-text" role="alert">{{ problem || news.problem }}</p>
      <template v-if="news.state === 'there'">
        <div class="sg-parts">
          <section class="sg-card" aria-label="Understood"><h2>Understood</h2><dl class="sg-facts">
            <template v-for="([name, text], i) in news.understood" :key="i"><dt>{{ name }}</dt><dd>{{ text }}</dd></template></dl>
            <p v-for="note in news.notes" :key="note" class="sg-sub">{{ note }}</p></section>
          <section class="sg-card" aria-label="Found"><h2>Found</h2>
            <p v-if="news.unjudged" class="is-warning-text" role="alert">{{ news.unjudged }}</p><dl v-else class="sg-facts">
            <dt>Alerts</dt><dd>{{ plural(news.told, "alert") }}</dd>
            <dt>Would page</dt><dd>{{ plural(news.paging, "incident") }}</dd>
            <dt>Allowed</dt><dd>{{ number(news.allowed) }} false alarms over these rows</dd></dl></section>
        </div>
        <figure v-for="one in drawn" :key="one.name" class="sg-card sg-trial"><figcaption><b>{{ one.name }}</b>
            <span class="sg-sub">{{ number(one.least) }} to {{ number(one.most) }}</span></figcaption>
          <svg :viewBox="'0 0 ' + W + ' ' + H" preserveAspectRatio="none" role="img"
            :aria-label="one.name + ', ' + number(one.least) + ' to ' + number(one.most) + ', ' + plural(one.marks.length, 'alert')">
            <rect v-if="learned" class="is-learning" x="0" y="0" :width="learned" :height="H"/>
            <rect v-for="(mark, i) in one.marks" :key="i" :class="'is-mark is-' + mark.severity" :x="mark.x" y="0" :width="mark.width" :height="H"/>
            <path :d="one.area" vector-effect="non-scaling-stroke"/></svg></figure>
        <p class="sg-sub">{{ clock(first) }} to {{ clock(last) }} (events {{ utc(first) }} to {{ utc(last) }}). Grey: the warm-up. Coloured: alerts.</p>
        <section class="sg-card" aria-label="Alerts"><h2>Alerts</h2>
          <ol class="sg-line"><li v-for="(one, i) in news.alerts" :key="i"><time class="sg-when" :datetime="iso(one.begin)">{{ clock(one.begin) }}
            <span class="sg-sub">event {{ utc(one.begin) }}</span></time>
            <span :class="'sg-mark is-' + one.severity"><i aria-hidden="true"></i>{{ words[one.severity] }}</span>
            <span>{{ one.summary }} <span class="sg-sub">{{ one.kind }} · {{ one.end === null ? "to the end" : duration(one.end - one.begin) }}</span></span></li></ol>
          <p v-if="!news.alerts.length" class="sg-sub">None.</p></section>
      </template>
    </article>
  `,
  props: { news: Object, url: String, largest: Number, question: Object },
  emits: ["ask"],
  data() {
    return {
      words: WORDS, budgets: BUDGETS, warmups: WARMUPS, budget: BUDGETS.indexOf(this.question.budget), warmup: WARMUPS.indexOf(this.question.warmup),
      time: "", source: "", sending: false, problem: "", W: WIDTH, H: HEIGHT,
    };
  },
  watch: {
    "news.source"(source) {
      this.source = source || "";
    },
  },
  computed: {
    first() {
      return this.news.course.time[0];
    },
    last() {
      return this.news.course.time.at(-1);
    },
    learned() {
      const { learned } = this.news.course;
      return learned === null ? 0 : this.x(learned);
    },
    drawn() {
      const { course, alerts } = this.news;
      return course.channels.map((one) => {
        const there = [...one.low, ...one.high].filter((value) => value !== null);
        let least = Infinity, most = -Infinity;
        for (const value of there) [least, most] = [Math.min(least, value), Math.max(most, value)];
        const room = most > least ? most - least : 1;
        const y = (value) => HEIGHT - 4 - ((HEIGHT - 8) * (value - least)) / room;
        const known = course.time.map((_, i) => i).filter((i) => one.low[i] !== null);
        const path = (i, value, j) => `${j ? "L" : "M"}${this.x(course.time[i]).toFixed(1)} ${y(value).toFixed(1)}`;
        const area = known.map((i, j) => path(i, one.high[i], j)).join("") + [...known].reverse().map((i) => path(i, one.low[i], 1)).join("") + (known.length ? "Z" : "");
        const marks = alerts.filter((alert) => alert.channel === one.name || alert.channel === "*").map((alert) => {
          const x = this.x(alert.begin);
          return { severity: alert.severity, x, width: Math.max(3, this.x(alert.end === null ? this.last : alert.end) - x) };
        });
        return { name: one.name, least: there.length ? least : null, most: there.length ? most : null, area, marks };
      });
    },
  },
  methods: {
    clock, duration, iso, number, plural, utc,
    x(ts) {
      return (WIDTH * (ts - this.first)) / (this.last - this.first || 1);
    },
    ask() {
      this.$emit("ask", { budget: BUDGETS[this.budget], warmup: WARMUPS[this.warmup], time: this.time, source: this.source });
    },
    async send(file) {
      if (!file) return;
      this.problem = file.size > this.largest ? `larger than ${this.largest / 1048576} MiB` : "";
      if (this.problem) return;
      this.sending = true;
      try {
        const answer = await fetch(this.url + "?" + new URLSearchParams({ name: file.name }), { method: "POST", body: file });
        if (!answer.ok) this.problem = await answer.text();
      } catch {
        this.problem = "it could not be sent";
      }
      this.sending = false;
    },
  },
};
