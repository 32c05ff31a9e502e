"""Lua scripts, each atomic in Redis; `stream_app.store.functions` makes a library of them."""
