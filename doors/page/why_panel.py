"""Why these passages, as the page shows it below an answer: a table that opens, each passage a link to its source."""

from __future__ import annotations

from assistant.types import Answer, Hit
from doors.output_gate import plain_html
from doors.page.source_panel import passage_address, passage_link
from doors.terminal import shortened
from doors.why import LEGEND, confidence, footnotes, place, stages, times


def why_html(number: int, answer: Answer) -> str:
    """What opens below answer `number`; nothing where no passage was looked at."""
    if not answer.hits:
        return ""
    went_through = stages(answer.hits)
    head = "".join(f'<th scope="col">{plain_html(shortened(called, 16))}</th>' for _, called in went_through)
    rows = "".join(_row(number, at, hit, answer, [stage for stage, _ in went_through]) for at, hit in enumerate(answer.hits, 1))
    return (
        f'<details class="why"><summary>Why these passages</summary><div class="why-table" tabindex="0" role="region"'
        f' aria-label="Passages by stage"><table><thead><tr><th scope="col">Passage</th>{head}</tr></thead><tbody>{rows}</tbody>'
        f"</table></div><p>The best {len(answer.hits)} of {answer.searched:,} passages. {LEGEND} {confidence(answer)}</p>"
        f"<p>Time: {plain_html(times(answer.milliseconds))}.</p></details>"
    )


def _row(number: int, at: int, hit: Hit, answer: Answer, went_through: list[str]) -> str:
    chunk = hit.chunk
    address = passage_address(chunk.document_id, chunk.start, chunk.end, chunk.version)
    link = passage_link(f"why-{number}.{at}", "why-passage", address, chunk.text, chunk.heading_path)
    marks = "".join(f' <span class="cite">{n}</span>' for n in footnotes(hit, answer.citations))
    cells = []
    for stage in went_through:
        rank, score = place(hit, stage)
        cells.append(f"<td><b>{rank}</b> {score}</td>" if score else "<td>–</td>")
    below = f"page {chunk.page}" + "".join(f", {heading}" for heading in chunk.heading_path[-1:])
    return (
        f'<tr><th scope="row">{link}{plain_html(shortened(chunk.title, 60))}</a>{marks}'
        f'<span class="below">{plain_html(shortened(below, 60))}</span></th>{"".join(cells)}</tr>'
    )
