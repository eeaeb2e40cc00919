"""Charts: records in, a frame and a specification out. Pure.

A specification never depends on the data, and each chart has the same frames at every refresh: so a
refresh only swaps the rows inside the running view, without flicker and without losing the zoom.

Times on an x axis are the viewer's own wall time, passed as if it were UTC, since Vega knows only UTC
and the browser's zone. In the hour that daylight saving repeats, two candles share a place; the
tooltip tells them apart by UTC.
"""
