// What keeps people from reading a page: controls without a name, too little contrast, a page wider than the screen.
() => {
  const found = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".sg-hidden, .sg-skip, [aria-hidden=true]");
  const where = (e) => `${e.tagName.toLowerCase()}.${e.className?.baseVal ?? e.className} “${(e.textContent || "").trim().slice(0, 40)}”`;
  const name = (e) =>
    e.getAttribute("aria-label") || (e.labels && e.labels[0]?.textContent.trim()) || e.getAttribute("title") || e.textContent.trim();
  for (const e of document.querySelectorAll("a, button, input, select, [role=img], nav, section"))
    if (shown(e) && !(e.tagName === "SECTION" ? name(e) : name(e))) found.push(`no name: ${where(e)}`);
  for (const e of document.querySelectorAll("svg"))
    if (shown(e) && e.getAttribute("role") !== "img") found.push(`neither hidden nor a picture with a name: ${where(e)}`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) found.push(`an id twice: ${id}`);
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  if (!document.documentElement.lang) found.push("no language");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the screen: ${document.documentElement.scrollWidth}`);
  for (const e of document.querySelectorAll("nav")) if (e.scrollWidth > e.clientWidth) found.push(`scrolls sideways: ${where(e)}`);

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((x, i) => x * a + under[i] * (1 - a));
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const e = text.parentElement;
    if (!text.data.trim() || seen.has(e) || !shown(e) || e.closest(":disabled, script, style, option")) continue;
    seen.add(e);
    const style = getComputedStyle(e), under = ground(e);
    const [a, b] = [light(over(rgba(style.color), under)), light(under)].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < (large ? 3 : 4.5)) found.push(`contrast ${contrast.toFixed(2)}: ${where(e)}`);
  }
  return [...new Set(found)].slice(0, 20);
}
