"""The targets, and the table. Rules file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.gameday.answers import Answer, Figures, Kind, Outcome, Span, figures
from tests.gameday.audit import Findings

FEED_TARGET = 0.9999
_PHASES = ("before", "during", "after")


@dataclass(frozen=True, slots=True)
class Result:
    """One fault."""

    name: str
    title: str
    spans: dict[str, Span]
    answers: Sequence[Answer]
    survived_s: float
    """From the fault until the last answer that was none or slow."""
    whole_s: float | None
    """From the fault until everything went its usual way again; None: not within the time it was watched."""
    findings: Findings
    jobs_finished: int
    """By the packagers' own counts, which a kill may cut short by one."""
    given_up_uploads: int
    dropped: int
    load_average: float
    notes: Sequence[str] = ()

    def figures(self, kind: Kind, phase: str) -> Figures:
        return figures([each for each in self.spans[phase].of(self.answers) if each.kind is kind])

    def feed_share(self) -> float:
        reads = [each for each in self.answers if each.kind is Kind.FEED]
        return sum(each.outcome is Outcome.ANSWERED for each in reads) / max(1, len(reads))

    def modes(self, phase: str) -> Counter[str]:
        return Counter(each.mode for each in self.spans[phase].of(self.answers) if each.kind is Kind.FEED and each.mode)

    def troubles(self) -> Counter[tuple[str, str]]:
        """What those got who were not answered: (kind, words) → how often."""
        return Counter((each.kind.value, each.detail) for each in self.answers if each.outcome is not Outcome.ANSWERED)

    def missed(self) -> list[str]:
        """The targets that were missed, in words."""
        missed = []
        if (share := self.feed_share()) < FEED_TARGET:
            missed.append(f"{100 * share:.3f} % of feed reads were answered")
        found = self.findings
        for what, lost in (
            ("acknowledged interactions are lost", found.lost_interactions),
            ("acknowledged likes are lost", found.lost_likes),
            ("acknowledged uploads are not ready", found.unfinished),
            ("counts are wrong", found.wrong_counts),
        ):
            if lost:
                missed.append(f"{len(lost)} {what}")
        if (again := self.jobs_finished - found.uploads - self.given_up_uploads) > 0:
            missed.append(f"{again} jobs finished again")
        if found.dead_letters:
            missed.append(f"{found.dead_letters} dead letters")
        return missed


def document(result: Result) -> dict[str, Any]:
    """For `--json`."""
    return {
        "fault": result.name,
        "struck": result.title,
        "missed": result.missed(),
        "feed_answered": round(result.feed_share(), 6),
        "survived_s": round(result.survived_s, 1),
        "whole_s": None if result.whole_s is None else round(result.whole_s, 1),
        "requests": {
            kind.name.lower(): {phase: _rounded(result.figures(kind, phase)) for phase in _PHASES} for kind in Kind
        },
        "modes": {phase: dict(result.modes(phase)) for phase in _PHASES},
        "troubles": {f"{kind}: {words}": count for (kind, words), count in result.troubles().most_common()},
        "audit": {**asdict(result.findings), "settled_s": round(result.findings.settled_s, 1)},
        "jobs_finished": result.jobs_finished,
        "given_up_uploads": result.given_up_uploads,
        "dropped": result.dropped,
        "generator_late_p99_ms": round(late_p99_ms(result.answers), 1),
        "load_average": result.load_average,
        "notes": list(result.notes),
    }


def late_p99_ms(answers: Sequence[Answer]) -> float:
    late = sorted(1000 * each.late_s for each in answers)
    return late[int(0.99 * (len(late) - 1))] if late else 0.0


def _rounded(each: Figures) -> dict[str, Any]:
    return {
        name: (round(value, 1) if value == value else None) if isinstance(value, float) else value
        for name, value in asdict(each).items()
    }


def table(results: Sequence[Result]) -> str:
    """Markdown."""
    return "\n\n".join([_summary(results), _latencies(results), _legend()])


def _summary(results: Sequence[Result]) -> str:
    head = (
        "struck",
        "feed reads",
        "pages during",
        "interactions, likes",
        "upload requests",
        "normal after",
        "whole after",
        "lost",
        "load average, generator late",
    )
    return _markdown(head, [_summary_row(each) for each in results])


def _summary_row(result: Result) -> list[str]:
    feed = [each for each in result.answers if each.kind is Kind.FEED]
    answered = sum(each.outcome is Outcome.ANSWERED for each in feed)
    whole = "not yet" if result.whole_s is None else f"{result.whole_s:.1f} s"
    return [
        result.title,
        f"{answered}/{len(feed)} ({100 * result.feed_share():.2f} %)",
        ", ".join(f"{mode} {count}" for mode, count in result.modes("during").most_common()),
        _counts(result, (Kind.INTERACTIONS, Kind.LIKES)),
        _counts(result, (Kind.UPLOADS,)),
        f"{result.survived_s:.1f} s",
        whole,
        _lost(result),
        f"{result.load_average:.1f}, p99 {late_p99_ms(result.answers):.0f} ms",
    ]


def _counts(result: Result, kinds: Sequence[Kind]) -> str:
    some = Counter(each.outcome for each in result.answers if each.kind in kinds)
    return f"{some[Outcome.ANSWERED]} + {some[Outcome.PUT_OFF]} put off + {some[Outcome.FAILED]} failed"


def _lost(result: Result) -> str:
    found = result.findings
    kept = f"of {found.interactions} interactions, {found.likes} likes, {found.uploads} uploads"
    return f"{'; '.join(result.missed()) or 'nothing'} ({kept})"


def _latencies(results: Sequence[Result]) -> str:
    head = ("struck", "requests", *(f"{phase}: n, p50 / p99 ms" for phase in _PHASES), "not answered during")
    rows = []
    for result in results:
        for kind in Kind:
            during = result.figures(kind, "during")
            spans = [result.figures(kind, phase) for phase in _PHASES]
            cells = [
                f"{each.requests}, {each.p50_ms:.0f} / {each.p99_ms:.0f}" if each.requests else "0" for each in spans
            ]
            rows.append([result.title, kind.value, *cells, f"{during.put_off + during.failed} of {during.requests}"])
    return _markdown(head, rows)


def _legend() -> str:
    return (
        "Victims are killed with -9 (or frozen) and stay away for 10 s. Latencies are from when a request was due. "
        "*during*: until 10 s after the victim was started again. *put off*: 503, 423 and 409, after which the clients "
        "came again. *normal after*: the last answer that was none or took over 1 s. *whole after*: since then no "
        "spooled act, no global_hot page, and nothing from the gateway's memory."
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
