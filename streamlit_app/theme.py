"""Colours and the style sheet. Pure.

Up and down are blue and orange (apart for every common colour blindness, and 3:1 against both the
light and the dark page); text takes the theme's own colour, so that its contrast is the theme's.
"""

from __future__ import annotations

UP = "#2e86d6"
DOWN = "#d9701a"
FORECAST = "#8c6bd1"
HOLE = "#888888"
RSI = "#5f7f9e"
# Each with a dash of its own: colour alone would not do.
INDICATORS = {
    "SMA": ("#0e9488", (1, 0)),
    "EMA": ("#c2459f", (6, 3)),
    "VWAP": ("#9a7d00", (2, 3)),
    "Bollinger": ("#71808f", (8, 3, 2, 3)),
}

# Okabe and Ito's colours, darkened where a light page asks for it; ten coins need dashes, too.
COINS = (
    *("#2e86d6", "#d9701a", "#0e9488", "#c2459f", "#8c6bd1"),
    *("#9a7d00", "#71808f", "#d6453d", "#1f9550", "#5f7f9e"),
)
COIN_DASHES = [*[[1, 0]] * 5, *[[6, 2]] * 5]

# Of figures on coloured fields: the same on both pages, for the fields are.
INK = "#141414"
FIELD = "#dcdcdc"

# Green, amber, red: always with a word and a shape of its own, for those who see them alike.
GOOD = "#1f9550"
WARN = "#b97d00"
BAD = "#d6453d"

STYLE = f"""<style>
.stMainBlockContainer {{ padding-top: 4.2rem; padding-bottom: 2rem; }}
[class*="st-key-coin-"] {{ padding: .55rem 1rem; }}
[data-testid="stHeading"] h3 {{ font-size: 1.15rem; padding: .6rem 0 .1rem; }}
.nh {{ font-variant-numeric: tabular-nums; line-height: 1.35; }}
.nh small, .nh .dim, .nh.dim {{ font-size: .8rem; opacity: .8; }}
.nh-head {{ display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; align-items: center; font-size: .9rem; }}
.nh-source {{ border: 1.5px solid currentColor; border-radius: .4rem; padding: .05rem .5rem; font-weight: 600; }}
.nh-dot {{ display: inline-block; width: .62rem; height: .62rem; border-radius: 50%; margin-right: .35rem; background: {HOLE}; }}
.nh-dot.fresh {{ background: {UP}; }}
.nh-dot.slow {{ background: transparent; border: 2px solid {UP}; }}
.nh-dot.stale {{ background: {DOWN}; border-radius: 0; }}
.nh-dot.good {{ background: {GOOD}; }}
.nh-dot.warn {{ background: transparent; border: 3px solid {WARN}; }}
.nh-dot.bad {{ background: {BAD}; border-radius: 0; }}
.nh-row {{ display: grid; grid-template-columns: 1.15fr 1.25fr 2fr 1.75fr; gap: .3rem 1.4rem; align-items: center; }}
.nh-label {{ font-size: .75rem; opacity: .8; }}
.nh-big {{ font-size: 1.15rem; font-weight: 600; }}
.nh-range {{ position: relative; height: .85rem; margin: .28rem 0 .1rem; }}
.nh-range i {{ position: absolute; display: block; border-radius: 2px; }}
.nh-range .axis {{ left: 0; right: 0; top: 48%; height: 1px; background: currentColor; opacity: .3; }}
.nh-range .b90 {{ top: 22%; height: 56%; background: {FORECAST}; opacity: .35; }}
.nh-range .b50 {{ top: 22%; height: 56%; background: {FORECAST}; opacity: .55; }}
.nh-range .q50 {{ top: 0; height: 100%; width: 3px; margin-left: -1.5px; background: {FORECAST}; }}
.nh-range .now {{ top: 0; height: 100%; width: 2px; margin-left: -1px; background: currentColor; }}
.nh-range .wick {{ top: 42%; height: 16%; }}
.nh-range .body {{ top: 12%; height: 76%; min-width: 2px; }}
.nh-range .up {{ background: {UP}; }}
.nh-range .down {{ background: {DOWN}; }}
.nh-range .flat {{ background: {HOLE}; }}
.nh-strip {{ display: flex; gap: 2px; margin: .28rem 0 .1rem; }}
.nh-strip i {{ flex: 1 1 0; max-width: .8rem; height: 1.05rem; border-radius: 2px; box-sizing: border-box; display: block; font-style: normal; font-size: .7rem; font-weight: 700; line-height: 1.05rem; text-align: center; overflow: hidden; }}
.nh-strip .complete {{ background: {UP}; }}
.nh-strip .history {{ background: {HOLE}; opacity: .45; }}
.nh-strip .quiet {{ background: linear-gradient(transparent 42%, {UP} 42%, {UP} 58%, transparent 58%); }}
.nh-strip .partial {{ background: linear-gradient(transparent 50%, {UP} 50%); border: 1px solid {UP}; }}
.nh-strip .disputed {{ border: 2px solid {DOWN}; }}
.nh-strip .waiting {{ border-bottom: 2px solid {HOLE}; border-radius: 0; }}
.nh-strip .hole {{ border: 1px dashed {HOLE}; }}
.nh-strip .revised {{ box-shadow: 0 3px 0 -1px currentColor; }}
.nh-legend {{ display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .8rem; align-items: center; }}
.nh-legend .nh-strip {{ display: inline-flex; margin: 0 .35rem 0 0; vertical-align: middle; }}
.nh-legend .nh-strip i {{ flex: none; width: .8rem; }}
.nh-legend .swatch {{ display: inline-block; width: 1rem; height: .7rem; border-radius: 2px; margin-right: .35rem; vertical-align: baseline; }}
.nh-table {{ overflow-x: auto; }}
.nh-table table {{ border-collapse: collapse; width: 100%; font-size: .88rem; }}
.nh-table th, .nh-table td {{ text-align: left; padding: .3rem 1.3rem .3rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); white-space: nowrap; }}
.nh-table td.wide {{ white-space: normal; min-width: 14rem; }}
.nh-table tr.alarm td {{ font-weight: 600; background: color-mix(in srgb, {BAD} 12%, transparent); }}
.nh-table .num {{ text-align: right; }}
.nh-scroll .nh-table {{ max-height: 26rem; overflow-y: auto; }}
.nh-note {{ font-size: .85rem; border-left: 3px solid {FORECAST}; padding-left: .6rem; }}
.nh-verdict {{ font-size: 1.05rem; font-weight: 600; }}
@media (max-width: 720px) {{
  .st-key-run-header {{ flex-basis: 100%; }}
  .nh-row {{ grid-template-columns: 1fr 1fr; }}
  .nh-row > .full {{ grid-column: 1 / -1; }}
}}
</style>"""
