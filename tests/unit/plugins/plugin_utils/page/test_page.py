# SPDX-License-Identifier: GPL-3.0-or-later
"""The page shows all of a document, to everybody, and asks nobody for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page import page as result_page
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import load
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.page import page

Json = dict[str, Any]
STYLE = Path(result_page.__file__).parent / "templates" / "style.css"
HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & {{ 7 * 7 }} </style></svg>"


class Reader(HTMLParser):
    """Reads the text, and sees that every element is closed where it has to be."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _rest in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@pytest.fixture(params=["bench", "drill"])
def document(request: pytest.FixtureRequest) -> Json:
    fixture: Json = request.getfixturevalue(request.param)
    return fixture


def test_well_formed(document: Json) -> None:
    read = Reader(page(load(document)))
    assert len(set(read.ids)) == len(read.ids)
    links = [attributes["href"] or "" for tag, attributes in read.elements if tag == "a"]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(read.ids)
    named = {attributes.get("aria-labelledby") for _rest, attributes in read.elements} - {None}
    assert named <= set(read.ids)


def test_every_figure_and_word_is_there(document: Json) -> None:
    """But the counts of a timeline, which are drawn, and where it starts, which is on its axis."""
    words = Reader(page(load(document))).words.replace("\N{MINUS SIGN}", "-")
    figures = set(map(float, re.findall(r"-?\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3})", "", words))))
    timelines = [*document.get("timelines", []), *(row.get("timeline") for row in document.get("faults", []))]
    for timeline in filter(None, timelines):
        del timeline["start_ms"]
        for series in timeline["series"]:
            series["counts"] = sum(series["counts"])
    for key in ("kind", "created"):
        del document[key]
    for case in document.get("timelines", []):
        del case["case"]
    for case in document.get("cases", []):
        del case["name"]
    values = [value for value in leaves(document) if value is not None and not isinstance(value, bool)]
    assert [value for value in values if isinstance(value, (int, float)) and value not in figures] == []
    assert [value for value in values if isinstance(value, str) and value not in words] == []
    assert len(values) > 50


def test_same_document_same_page(document: Json) -> None:
    assert page(load(document)) == page(load(document))


def test_asks_no_network_and_runs_no_script(document: Json) -> None:
    text = page(load(document))
    read = Reader(text)
    assert not {tag for tag, _rest in read.elements} & {
        "script",
        "iframe",
        "img",
        "object",
        "embed",
        "form",
        "base",
    }
    for tag, attributes in read.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "srcset", "action", "data"):
                assert value is not None
                assert value.startswith("#") or value == "data:,", (tag, name, value)
    assert not re.search(r"https?://|@import|@font-face|url\((?!#)", text)
    policy = [attributes["content"] for _rest, attributes in read.elements if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def hostile(value: object) -> object:
    """Put markup into every text of a document that is free to be anything."""
    free = ("title", "unit", "note", "site", "flow", "what", "expected", "seen", "kernel")
    if isinstance(value, dict):
        return {key: HOSTILE if key in free else hostile(item) for key, item in value.items()}
    return [hostile(item) for item in value] if isinstance(value, list) else value


def test_markup_is_text(document: Json) -> None:
    plain, text = Reader(page(load(document))), page(load(hostile(document)))
    read = Reader(text)
    assert "<script" not in text.lower()
    assert text.count("</style>") == 1
    assert HOSTILE in read.words
    assert "{{ 7 * 7 }}" in read.words
    assert {tag for tag, _rest in read.elements} == {tag for tag, _rest in plain.elements}
    names = {name for _rest, attributes in plain.elements for name in attributes}
    assert {name for _rest, attributes in read.elements for name in attributes} <= names


def test_what_html_does_not_allow_is_replaced(bench: Json) -> None:
    bench["title"] = "a\x00b\ud800c\x1bd\rf"
    text = page(load(bench))
    assert "<title>a\ufffdb\ufffdc\ufffdd\ufffdf</title>" in text
    assert text.encode()


def test_every_chart_has_words(document: Json) -> None:
    for tag, attributes in Reader(page(load(document))).elements:
        if tag == "svg" and "viewbox" not in attributes:
            hidden = attributes.get("aria-hidden") == "true"
            assert hidden or (attributes["role"] == "img" and attributes["aria-label"]), attributes


def test_verdicts_are_told_in_words(bench: Json) -> None:
    words = Reader(page(load(bench))).words
    assert "17 of 18 figures with a limit passed, 1 failed." in words
    assert (
        "failed Flaps under eight busy loops, fast: median 1 flaps, worst 1 flaps; limit at most 0" in words
    )


def test_faults_are_told_in_words(drill: Json) -> None:
    words = Reader(page(load(drill))).words
    assert "5 of 6 faults passed, 1 failed. 2 not applicable to this site." in words
    assert "Both data legs are cut, and heal; primaries one detection time after healing: expected 1" in words


def test_size(large_bench: Json) -> None:
    assert (len(large_bench["cases"]), len(large_bench["timelines"])) == (48, 30)
    assert len(page(load(large_bench)).encode()) < 1_500_000


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("text", "ground", 7),
        ("text", "raised", 7),
        ("muted", "ground", 4.5),
        ("pass", "ground", 4.5),
        ("fail", "ground", 4.5),
        ("ours", "ground", 3),
        ("others", "ground", 3),
        ("fail", "gap", 3),
    ],
)
def test_contrast(scheme: int, ink: str, ground: str, least: float) -> None:
    """WCAG 2.2, 1.4.3 for text (AA) and 1.4.11 for graphics."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(), flags=re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[scheme]))
    lighter, darker = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least
