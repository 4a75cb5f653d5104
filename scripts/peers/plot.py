#!/usr/bin/env python3
"""Draws the times in a CSV file of scripts/peers.sh as an SVG file: one bar a peer, on a logarithmic scale.

usage: plot.py CSV CORPUS SVG
"""

import csv
import math
import pathlib
import sys
from xml.sax.saxutils import escape

ROW, BAR, LEFT, WIDTH, TOP = 24, 16, 330, 460, 44
FONT = 'font-family="sans-serif" font-size="13"'
OURS, EXACT, INEXACT = "#0b6e4f", "#4a6fa5", "#b8bcc4"


def main():
    path, corpus, target = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == corpus and row["seconds"]]
    rows.sort(key=lambda row: float(row["seconds"]))
    decades = range(math.floor(math.log10(float(rows[0]["seconds"]))), math.ceil(math.log10(float(rows[-1]["seconds"]))) + 1)

    def x(seconds):
        return LEFT + WIDTH * (math.log10(seconds) - decades[0]) / (decades[-1] - decades[0])

    height = TOP + ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{height}" {FONT}>',
        f'<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-weight="bold">{escape(corpus)}: seconds of wall time, logarithmic, {rows[0]["cores"]} cores</text>',
    ]
    for decade in decades:
        at = x(10.0**decade)
        parts.append(f'<line x1="{at:.1f}" y1="{TOP - 6}" x2="{at:.1f}" y2="{height - 36}" stroke="#dddddd"/>')
        parts.append(f'<text x="{at:.1f}" y="{TOP - 10}" text-anchor="middle" fill="#666666">{10.0**decade:g}</text>')
    for i, row in enumerate(rows):
        y, seconds = TOP + ROW * i, float(row["seconds"])
        is_exact = row["missed"].split(" ")[0] in ("", "0") and row["false"] in ("", "0")
        colour = OURS if row["peer"].startswith("trailsift") else EXACT if is_exact else INEXACT
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(row["peer"])}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{x(seconds) - LEFT:.1f}" height="{BAR}" fill="{colour}"/>')
        parts.append(f'<text x="{x(seconds) + 6:.1f}" y="{y + 13}">{seconds:.2f} s</text>')
    legend = "Grey: finds files that hold the name, among them false ones, or misses alerts."
    parts.append(f'<text x="8" y="{height - 12}" fill="#666666">{legend}</text>')
    parts.append("</svg>")
    target.write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
