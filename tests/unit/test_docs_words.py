# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger can read: sentences of at most 25 words, one word for one thing, links that lead somewhere.

A name in backticks is one word, whatever it says, and so is a link's address. Examples are no sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.unit.test_sizes import code

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
}
WORDS = 25
ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.")
OTHER_WORDS = {
    "offload": r"(short|long|fast|slow)[\s#_-]+way|(fast|slow)[\s#_-]*path|short[\s#_-]*cut",
}
"""What has one word, which the glossary explains, and what no page, comment or message calls it."""
NAMES = re.compile(r"(?:@|[\"']|flowtable |name: )fastpath\b")
"""The flowtable's own name in the rulesets of nodes, which run with it."""
IN_FILES_OF_NODES = {
    "plugins/plugin_utils/ruleset/offload.py": ["long way", "short way"],
    "plugins/plugin_utils/ruleset/rules.py": ["short way"],
    "roles/nftables/templates/load-ruleset.j2": ["long way"],
    "roles/pair_state/templates/ftfw-nftables.service.conf.j2": ["short way"],
    "roles/pair_state/templates/pair-state.service.j2": ["short way"],
}
"""Comments that nodes have in their files. For a new one a firewall would load its rules anew and start units
again, and nothing would be better."""
ENDING = re.compile(r"(?<=[.!?])(?:\*\*|[)\"'])*\s+(?=[\W_]*[A-Z0-9…]|`)")


def prose(text: str) -> Iterator[str]:
    """Paragraphs, items of lists and cells of tables, each in one line; no headings and no examples."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    part: list[str] = []
    indent = 0
    for line in [*text.splitlines(), ""]:
        bare = line.strip()
        item = re.match(r"( *)(?:[-*]|\d+\.) +", line)
        if bare and not line.startswith(" "):
            indent = 0
        example = len(line) - len(line.lstrip()) >= indent + 4
        if not bare or bare.startswith(("#", "|")) or item or (example and not part):
            if part:
                yield " ".join(part)
            part = []
        if bare.startswith("|"):
            yield from (cell.strip() for cell in bare.strip("|").split(" | ") if cell.strip(" -:|"))
        elif item and not example:
            indent = len(item[0])
            part = [line[item.end() :].strip()]
        elif bare and not bare.startswith("#") and not (example and not part):
            part.append(bare)


def sentences(text: str) -> Iterator[str]:
    for part in prose(text):
        plain = re.sub(r"`[^`]*`", "`x`", part)
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
        for word in ABBREVIATIONS:
            plain = plain.replace(word, word.replace(".", ""))
        yield from ENDING.split(plain)


def words(sentence: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def long_sentences(text: str) -> list[str]:
    return [sentence for sentence in sentences(text) if words(sentence) > WORDS]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_sentences_are_short(page: str) -> None:
    found = long_sentences(PAGES[page])
    assert found == [], "\n".join(f"{words(sentence)}: {sentence}" for sentence in found)


def other_words(text: str) -> list[str]:
    text = NAMES.sub("", text)
    return [
        found[0]
        for pattern in OTHER_WORDS.values()
        for found in re.finditer(rf"(?<![^\W_])(?:{pattern})s?(?![^\W_])", text, re.IGNORECASE)
    ]


def test_one_thing_has_one_word() -> None:
    fragments = sorted((ROOT / "changelogs/fragments").glob("*.yml"))
    texts = {**PAGES, **code(), **{f"changelogs/{path.name}": path.read_text() for path in fragments}}
    del texts[Path(__file__).relative_to(ROOT).as_posix()]
    # golden files have what makes them
    own = {path: text for path, text in texts.items() if not re.match(r"tests/sites/\w+/hosts/", path)}
    found = {path: other_words(text) for path, text in own.items()}
    assert {path: others for path, others in found.items() if others} == IN_FILES_OF_NODES


def test_the_glossary_has_the_word() -> None:
    terms = re.findall(r"^\| ([^|]+) \|", PAGES["docs/glossary.md"], re.MULTILINE)
    assert set(OTHER_WORDS) <= {term for row in terms for term in row.split(", ")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Flows are offloaded, by a flowtable.", [], id="the word"),
        pytest.param("It takes the short way.", ["short way"], id="another one"),
        pytest.param(
            "# It takes the short\n    # way.", ["short\n    # way"], id="in two lines of a comment"
        ),
        pytest.param("def on_the_short_way():", ["short_way"], id="in a name"),
        pytest.param(
            "Fast path, slow-path and fastpath.", ["Fast path", "slow-path", "fastpath"], id="spellings"
        ),
        pytest.param("flow add @fastpath", [], id="the name on nodes"),
        pytest.param("A short wayside, a breakfast pathway.", [], id="within words"),
    ],
)
def test_another_word_is_found(text: str, expected: list[str]) -> None:
    assert other_words(text) == expected


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(text: str) -> set[str]:
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    return anchors | {slug(line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def broken_links(page: Path, text: str) -> list[str]:
    """Links of a page that lead to no file, or to no heading of it."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        file, _mark, heading = link.partition("#")
        if "://" in file:
            continue
        target = page.parent / file if file else page
        there = text if target == page else target.read_text() if target.is_file() else ""
        if (file and not target.exists()) or (heading and heading not in headings(there)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    assert broken_links(ROOT / page, PAGES[page]) == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text())
        waiting += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert {page for page in PAGES if (ROOT / page).resolve() not in reached} == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One two. Three four.", [2, 2], id="two sentences"),
        pytest.param("One\ntwo\nthree.", [3], id="lines of a paragraph"),
        pytest.param("See `a b c. D e` there.", [3], id="a name is one word"),
        pytest.param("See [two words](a/b.md#c-d).", [3], id="link"),
        pytest.param("**Lead.** It is so.", [1, 3], id="bold lead"),
        pytest.param("It has 1.5 s, i.e. Much.", [6], id="a number and an abbreviation"),
        pytest.param("- one two\n- three\n  four", [2, 2], id="list"),
        pytest.param("1. one two\n   three.\n\n   Four five.", [3, 2], id="paragraph of an item"),
        pytest.param("| a b | c |\n| --- | --- |\n| d | e f g |", [2, 1, 1, 3], id="table"),
        pytest.param("Text:\n\n    an example of code\n\nMore text.", [1, 2], id="example"),
        pytest.param("Text:\n\n```yaml\na: b c d\n```\n", [1], id="fenced"),
        pytest.param("# A heading of words\n\nText.", [1], id="heading"),
        pytest.param("One two - three.", [3], id="a dash is no word"),
    ],
)
def test_how_words_are_counted(text: str, expected: list[int]) -> None:
    assert [words(sentence) for sentence in sentences(text)] == expected


@pytest.mark.parametrize(("count", "fine"), [(25, True), (26, False)])
def test_a_sentence_that_is_too_long_is_found(count: int, fine: bool) -> None:
    assert (long_sentences("It " * (count - 1) + "ends.") == []) is fine


@pytest.mark.parametrize(
    ("link", "fine"),
    [("#a-b", True), ("#c", False), ("README.md", True), ("docs/no.md", False), ("README.md#no", False)],
)
def test_a_link_that_leads_nowhere_is_found(link: str, fine: bool) -> None:
    assert (broken_links(ROOT / "x.md", f"# A b\n\n[x]({link})") == []) is fine
