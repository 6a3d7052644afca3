"""Reads the figures behind an Office chart: one row a category, one column a series."""

from __future__ import annotations

import re
from datetime import date, timedelta

from lxml import etree

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"

_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DAY_ZERO = date(1899, 12, 30)
_UNTITLED = "–"
_LAST_DAY = 2_958_465


def chart_tables(root: etree._Element) -> list[list[list[str]]]:
    """Tables with a header row, as the chart last showed them: the chart's title, then the series that share categories."""
    plots: list[tuple[dict[int, str], list[tuple[str, dict[int, str]]]]] = []
    for series in root.iter(_C + "ser"):
        categories, values = _points(_first(series, "cat", "xVal")), _points(_first(series, "val", "yVal"))
        if not values:
            continue
        if not plots or (categories and categories != plots[-1][0]):
            plots.append((categories, []))
        plots[-1][1].append((" ".join(_points(series.find(_C + "tx")).values()), values))
    title = _title(root)
    return [_table(title, *plot) for plot in plots]


def _title(root: etree._Element) -> str:
    """The chart's own title. Without one a dash, so that the header row does not begin with an empty cell and slip to the left."""
    title = root.find(f"{_C}chart/{_C}title")
    if title is None:
        return _UNTITLED
    written = "".join(piece.text or "" for piece in title.iter(_A + "t"))
    return written or " ".join(_points(title.find(_C + "tx")).values()) or _UNTITLED


def _table(title: str, categories: dict[int, str], series: list[tuple[str, dict[int, str]]]) -> list[list[str]]:
    places = sorted(categories.keys() | {place for _, values in series for place in values})
    rows = [[categories.get(place, ""), *(values.get(place, "") for _, values in series)] for place in places]
    return [[title, *(name for name, _ in series)], *rows]


def _first(series: etree._Element, *names: str) -> etree._Element | None:
    return next((found for name in names if (found := series.find(_C + name)) is not None), None)


def _points(element: etree._Element | None) -> dict[int, str]:
    """The values kept in the file, by their place. Levels of a category with several are joined, the outermost first."""
    points: dict[int, str] = {}
    if element is None:
        return points
    for level in reversed(list(element.iter(_C + "lvl"))):
        last = ""
        below = {_place(point): point.findtext(_C + "v") or "" for point in level.iterfind(_C + "pt")}
        for place in sorted(points.keys() | below.keys()):
            last = below.get(place, last)
            points[place] = f"{points[place]} {last}".strip() if place in points else last
    if points:
        return points
    dated = _is_date(next((code.text or "" for code in element.iter(_C + "formatCode")), ""))
    for point in element.iter(_C + "pt"):
        value = point.findtext(_C + "v") or ""
        points[_place(point)] = _as_date(value) if dated else value
    literal = element.findtext(_C + "v")
    return {0: literal} if literal and not points else points


def _place(point: etree._Element) -> int:
    value = point.get("idx", "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _is_date(format_code: str) -> bool:
    return format_code != "General" and any(letter in "dy" for letter in _QUOTED.sub("", format_code).lower())


def _as_date(value: str) -> str:
    """The ISO date of a day number of Excel's; the value itself where it is none."""
    try:
        days = float(value)
    except ValueError:
        return value
    return (_DAY_ZERO + timedelta(days=int(days))).isoformat() if 0 < days <= _LAST_DAY else value
