"""The dashboard: web pages of what streams, sources and incidents are like now (extra ``dashboard``).

It reads Redis through the readers of `stream_app.store`, once for all open pages (`feed`), and pushes what is new to them.

A page is one module of `stream_app.dashboard.pages` with a constant ``PAGE``, listed in that package:

- ``PAGE = Page("/budget", "Budget", build)`` names its address, its word in the menu (``menu=False`` keeps it out) and what builds it.
  An address may have parts: ``/source/{stream}/{name}``.
- ``async def build(view: View) -> None`` runs at each opening. It makes NiceGUI elements, from `view.snapshot` where that has what it
  needs, so that the first paint shows data; the heading, the menu and the line that tells a lost connection are there already.
- ``view.on_news(refresh)`` calls ``refresh(snapshot)`` after each reading as long as the page is open. Elements are changed in place
  (``label.set_text``, ``element.show(...)``): what is made anew loses the focus of the keyboard.
- ``await view.soon(reading)`` waits for the first reading of a page's own, but only for a moment: no page may keep people waiting.
- ``await view.load(reading)`` waits for a reading of Redis of the page's own and returns None after showing why it failed.
  ``view.store`` is the connection; what is read often, and by every open page, belongs into the feed.
- ``view.path`` and ``view.query`` are the parts and the query of the address, ``view.settings`` the monitor file.
- ``view.actions`` says whether people may change something (``--allow-actions``); whatever changes something checks
  ``view.may_act()`` on the server, too.

Facts and tables with controls above them are a `sheet.Sheet`, which reads and refreshes itself. What needs a drawing of its own is a Vue component beside the
page (``tiles.js`` beside ``now.py``), which imports ``/assets/words.js`` for times and numbers. Colours are the variables of
``assets/style.css``, never literals; they have enough contrast in light and dark.

Only the command imports this package's modules that need NiceGUI.
"""
