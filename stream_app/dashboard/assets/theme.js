// Before the first paint: the theme that was chosen, else that of the system.
document.documentElement.dataset.theme =
  localStorage.getItem("streamgauge-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
