"""The output gate: what an answer or a document says can be read and does nothing."""

from __future__ import annotations

import re
from html import unescape

import pytest

from doors.output_gate import answer_html, plain_html
from prompts.invisible import visible

HOSTILE = [
    "<img src=http://127.0.0.1:1/x>", "<svg onload=alert(1)>", "<scr<script>ipt>alert(1)</script>", "</div><iframe src=//x>",
    "![a](http://x/y)", "![a][1]\n\n[1]: http://x/y", "[a](javascript:alert(1))", "[a](http://x 'title')", "<http://x/y>",
    "<a@b.example>", "http://x/y", "`<b>`", "```html\n<script>x</script>\n```", "    <script>x</script>",
    "a\n<div onclick=x>\n\nb",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "<!-- x --><style>*{background:url(//x)}</style>", '"><img src=x onerror=y>',
    "| <img src=x> | b |\n|:--|--:|\n| ![](//x) | [1](//y) |", "1. <video src=x>\n2. [x]: //y", "# <base href=//x>", "[1](http://x)",
    "\\<img src=x>", "<img\nsrc=x>", "<\u200bimg src=x>", "&#x3c;img src=x&#x3e;", "[a]( //x ) ** _<i>_ **",
    "<?php x ?>", "<![CDATA[<img src=x>]]>",
]  # fmt: skip
TAGS = re.compile(r"<(/?)([^\s>]*)([^>]*)>")
ALLOWED = {
    "p", "br", "ul", "ol", "li", "blockquote", "strong", "em", "code", "pre", "hr", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("unfinished", [False, True])
def test_an_answer_becomes_nothing_but_plain_tags_and_links_to_its_own_footnotes(text: str, unfinished: bool) -> None:
    html = answer_html(f"Words [1]. {text}", answer=3, cited=[1], unfinished=unfinished)
    for _, name, attributes in TAGS.findall(html):
        if name in ("a", "span"):
            ours = ' class="cite"' if unfinished else ' class="cite" href="#cite-3.1" aria-label="Footnote 1"'
            assert attributes in ("", ours)
        else:
            assert name in ALLOWED
            assert re.fullmatch(r'|( start="\d+")|( class="heading")', attributes), attributes
    assert "<" not in TAGS.sub("", html)


def test_addresses_and_tags_stay_to_be_read() -> None:
    html = answer_html("See ![x](http://x.example/y) and <b>bold</b>.", answer=1, cited=[])
    assert unescape(TAGS.sub("", html)) == "See ![x](http://x.example/y) and <b>bold</b>."


def test_markdown_that_people_write_is_drawn() -> None:
    text = "# Leave\n\n**28** days *a year*\nand `8` more\n\n3. one\n4. two\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    html = answer_html(text, answer=1, cited=[])
    assert '<p class="heading">Leave</p>' in html
    assert "<strong>28</strong> days <em>a year</em><br>and <code>8</code> more" in html
    assert '<ol start="3"><li>one' in html
    assert "<td>2</td>" in html


def test_the_cells_of_a_quoted_row_stay_apart() -> None:
    assert answer_html("London\t£165 [1]", answer=1, cited=[]) == '<p>London<span class="tab">\t</span>£165 [1]</p>'


def test_only_marks_that_were_cited_become_links_and_never_inside_code() -> None:
    html = answer_html("One [1], two [2], code `[1]`.", answer=7, cited=[1])
    assert html.count('href="#cite-7.1"') == 1
    assert "two [2]" in html
    assert "<code>[1]</code>" in html


def test_of_an_unfinished_answer_marks_are_no_links_and_what_has_only_begun_is_held_back() -> None:
    html = answer_html("One [1], two [1", answer=7, cited=[], unfinished=True)
    assert html == '<p>One<span class="cite">1</span>, two</p>'


@pytest.mark.parametrize("hidden", list("\u202e\u2066\u200b\u00ad\ufeff\x00\x1b\U000e0041\ufe0f\u3164\u200d"))
def test_characters_that_hide_or_turn_text_are_removed(hidden: str) -> None:
    assert visible(f"in{hidden}voice") == "invoice"
    assert hidden not in answer_html(f"in{hidden}voice &#{ord(hidden)};", answer=1, cited=[])


def test_joiners_stay_where_a_script_is_spelt_with_them() -> None:
    assert visible("می\u200cخواهم") == "می\u200cخواهم"


def test_a_name_is_fit_for_a_quoted_attribute() -> None:
    assert plain_html("a\"b'c<d>&") == "a&quot;b&#x27;c&lt;d&gt;&amp;"
