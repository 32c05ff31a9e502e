import { clock, theme, setServerTime } from "/assets/words.js";

export default {
  template: `
    <header class="sg-head">
      <a class="sg-skip" href="#content">Skip to content</a>
      <a class="sg-brand" href="/" aria-label="Streamgauge, to the first page">
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <path d="M4 22a12 12 0 0 1 24 0" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>
          <path d="M16 22l6-8" fill="none" stroke="var(--accent)" stroke-width="3" stroke-linecap="round"/>
          <circle cx="16" cy="22" r="2.4" fill="var(--accent)"/>
        </svg>
        <span>Streamgauge</span>
      </a>
      <nav class="sg-nav" aria-label="Pages">
        <a v-for="one in menu" :key="one.path" :href="one.path" :aria-current="one.here ? 'page' : null">{{ one.title
          }}<span v-if="one.path === '/incidents' && news.firing" class="sg-count"
            :aria-label="news.firing + ' firing'">{{ news.firing }}</span></a>
      </nav>
      <span class="sg-state" :class="'is-' + news.state" role="status" :title="news.at ? 'read at ' + clock(news.at) : ''">
        <i aria-hidden="true"></i>{{ { live: "Live", loading: "Loading", lost: "Disconnected" }[news.state] }}
      </span>
      <button class="sg-icon" type="button" @click="turn" :aria-label="'Use the ' + other + ' theme'" :title="'Use the ' + other + ' theme'">
        <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path fill="currentColor"
          d="M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z" v-if="other === 'dark'"/><g v-else fill="none" stroke="currentColor" stroke-width="2"
          stroke-linecap="round"><circle cx="12" cy="12" r="4" fill="currentColor"/><path
          d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5"/></g></svg>
      </button>
    </header>
    <div v-if="news.state === 'lost'" class="sg-banner" role="alert">
      <strong>Redis does not answer.</strong>
      <span v-if="news.at">What is shown is of {{ clock(news.at) }}. It is tried again every second.</span>
      <span v-else>Nothing could be read yet. It is tried again every second.</span>
      <details><summary>Reason</summary>{{ news.problem }}</details>
    </div>
  `,
  props: { menu: Array, news: Object, actions: Boolean },
  data: () => ({ now: theme() }),
  computed: {
    other() {
      return this.now === "dark" ? "light" : "dark";
    },
  },
  watch: {
    news: { handler: (news) => news.state === "live" && setServerTime(news.at), immediate: true },
  },
  mounted() {
    this.apply();
  },
  methods: {
    clock,
    turn() {
      this.now = this.other;
      localStorage.setItem("streamgauge-theme", this.now);
      this.apply();
    },
    apply() {
      document.documentElement.dataset.theme = this.now;
      Quasar.Dark.set(this.now === "dark");
      window.dispatchEvent(new CustomEvent("streamgauge-theme", { detail: this.now }));
    },
  },
};
