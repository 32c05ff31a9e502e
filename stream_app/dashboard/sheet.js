import { Course, Matrix, Points } from "/assets/drawings.js";
import { ago, clock, duration, iso, now, number, percent, utc } from "/assets/words.js";

// A value with what it is: a text, a number with its unit, a time, a share with its interval, a link, a state, something to do.
const Cell = {
  template: `
    <template v-if="value === null || value === undefined">–</template>
    <template v-else-if="typeof value === 'string'">{{ value }}</template>
    <span v-else-if="'n' in value" class="sg-number">{{ number(value.n) }}{{ value.unit ? " " + value.unit : "" }}</span>
    <time v-else-if="'ts' in value" :datetime="iso(value.ts)">{{ clock(value.ts) }} <span class="sg-sub">event {{ utc(value.ts) }}</span></time>
    <span v-else-if="'seconds' in value">{{ duration(value.seconds) }}</span>
    <span v-else-if="'written' in value">{{ ago(value.written, at) }}</span>
    <span v-else-if="'share' in value" class="sg-share"><b>{{ percent(value.share, 1) }}</b>
      <span v-if="value.low !== undefined && value.low !== null" class="sg-sub">{{ percent(value.low, 1) }} to {{ percent(value.high, 1) }}</span>
      <span class="sg-bar" aria-hidden="true"><i v-if="value.low === undefined || value.low === null" :style="{ width: 100 * value.share + '%' }"></i>
        <template v-else><i :style="{ marginLeft: 100 * value.low + '%', width: Math.max(1, 100 * (value.high - value.low)) + '%' }"></i></template></span></span>
    <a v-else-if="'href' in value" :href="value.href">{{ value.text }}</a>
    <span v-else-if="'mark' in value" :class="'sg-mark is-' + value.mark"><i aria-hidden="true"></i>{{ value.text }}</span>
    <button v-else-if="'act' in value" type="button" class="sg-button" :disabled="busy" @click="$emit('act', { what: value.act, id: value.id })">{{ value.text }}</button>
    <code v-else-if="'code' in value" class="sg-bytes">{{ value.code }}</code>
  `,
  props: { value: null, busy: Boolean },
  emits: ["act"],
  computed: { at: () => now.value },
  methods: { ago, clock, duration, iso, number, percent, utc },
};

export default {
  components: { Cell, Course, Matrix, Points },
  template: `
    <article class="sg-case">
      <header><p v-if="news.path" class="sg-path"><a :href="news.path[0]">{{ news.path[1] }}</a></p>
        <h1>{{ news.title }}</h1><p v-if="news.lead" class="sg-lead">{{ news.lead }}</p></header>
      <form v-if="news.tools && news.tools.length" class="sg-tools" @submit.prevent="ask">
        <template v-for="tool in news.tools" :key="tool.name">
          <select v-if="tool.kind === 'select'" :value="tool.options[place(tool)][0]" :aria-label="tool.label" @change="asked[tool.name] = $event.target.value; ask()">
            <option v-for="[value, text] in tool.options" :key="value" :value="value">{{ text }}</option></select>
          <label v-else-if="tool.kind === 'range'" class="sg-slide">{{ tool.label }}
            <input type="range" min="0" :max="tool.options.length - 1" step="1" :value="place(tool)" :aria-valuetext="tool.options[place(tool)][1]"
              @input="asked[tool.name] = tool.options[$event.target.value][0]; ask()"><output>{{ tool.options[place(tool)][1] }}</output></label>
          <label v-else-if="tool.kind === 'slider'" class="sg-slide">{{ tool.label }}
            <input type="range" min="0" :max="tool.options.length - 1" step="1" :value="moved[tool.name] ?? tool.place" :aria-valuetext="tool.options[moved[tool.name] ?? tool.place]"
              @input="moved[tool.name] = Number($event.target.value)" @change="act({ what: tool.name, id: String($event.target.value) })"><output>{{ tool.options[moved[tool.name] ?? tool.place] }}</output></label>
          <input v-else :type="tool.kind" v-model="asked[tool.name]" :placeholder="tool.label" :aria-label="tool.label" autocomplete="off" @change="ask">
        </template>
        <span v-if="news.found" class="sg-sub" role="status">{{ news.found }}</span>
      </form>
      <div v-if="news.state === 'loading'" class="sg-empty" role="status"><p>{{ news.problem || "Reading …" }}</p></div>
      <div v-else-if="news.state === 'empty'" class="sg-empty"><h2>{{ news.empty[0] }}</h2><p>{{ news.empty[1] }}</p></div>
      <template v-else>
        <p v-if="news.problem" class="sg-sub is-warning-text" role="status">{{ news.problem }}</p>
        <div class="sg-parts"><section v-for="part in news.parts" :key="part.title" :class="['sg-card', { 'is-wide': part.wide || (part.rows && part.heads.length > 4) }]" :aria-label="part.title"><h2>{{ part.title }}</h2>
          <p v-if="part.note" class="sg-sub">{{ part.note }}</p>
          <dl v-if="part.facts" class="sg-facts"><template v-for="[name, value] in part.facts" :key="name"><dt>{{ name }}</dt>
            <dd><Cell :value="value" :busy="busy" @act="act"/></dd></template></dl>
          <template v-else-if="part.pictures"><figure v-for="[caption, some] in part.pictures" :key="caption" class="sg-pictures">
            <figcaption class="sg-sub">{{ caption }}</figcaption><img v-for="(one, i) in some" :key="i" :src="one" alt=""></figure></template>
          <Matrix v-else-if="part.matrix" :part="part"/><Course v-else-if="part.course" :part="part"/><Points v-else-if="part.points" :part="part"/>
          <div v-else class="sg-table"><table v-if="part.rows.length">
            <thead><tr><th v-for="head in part.heads" :key="head" scope="col">{{ head }}</th></tr></thead>
            <tbody><tr v-for="(row, i) in part.rows" :key="i"><td v-for="(value, j) in row" :key="j" :data-head="part.heads[j]">
              <Cell :value="value" :busy="busy" @act="act"/></td></tr></tbody></table>
            <p v-else class="sg-sub">{{ part.nothing }}</p></div>
        </section></div>
      </template>
    </article>
  `,
  props: { news: Object, question: Object, busy: Boolean },
  emits: ["ask", "act"],
  data() {
    return { asked: { ...this.question }, moved: {} };
  },
  watch: {
    // Once what was set is so, the slider shows again what is.
    news({ tools = [] }) {
      for (const { name, place } of tools) if (this.moved[name] === place) delete this.moved[name];
    },
  },
  methods: {
    place(tool) {
      return Math.max(0, tool.options.findIndex(([value]) => value === this.asked[tool.name]));
    },
    ask() {
      this.$emit("ask", { ...this.asked });
      const query = new URLSearchParams(Object.entries(this.asked).filter(([, value]) => value));
      history.replaceState(null, "", query.size ? "?" + query : location.pathname);
    },
    act(what) {
      this.$emit("act", what);
    },
  },
};
