"""Who may do what to whom: the one place where access is decided (promise A1).

A question is a value that carries the facts it turns on, gathered by the service that asks; the answer is a `Grant`
with its basis and the rows that it rests on, which go into the event, or a `Denial` with the name of the rule, which goes
into the refusal's event. No question is answered by anything but the actor, the facts and the clock, so what ended a
moment ago is over at the next question.

    anybody signed out          nothing here
    patient                     own things; those of people linked to the account, as far as the link reaches
    doctor                      own sessions; people of the own session from check-in to the end of the next day; who let
                                them read by a consent, as far as it goes; in an emergency anybody, for hours, and it is told
    desk                        the own clinic: identity, queue, screens; nothing clinical
    lab                         the own clinic's orders and their results; whose sample it is
    pharmacist                  the own clinic's prescriptions with what their review needs
    admin                       staff, rules, screens; no patients
    auditor                     events, without identity
    screen                      the board of its own clinic
    system                      nothing: timers and commands act through services that ask for nobody

`facts` and `questions` are what is asked with, `answers` what comes back, `patients` and `staff` the rules.
"""

from datetime import datetime

from app.domain.access.answers import HIDING, Answer, Basis, Denial, Grant, Rule, cite
from app.domain.access.facts import ALL_PARTS, PART_OF, BrokenGlass, Link, Part, Permit, Relation, Treating
from app.domain.access.patients import decide_patient
from app.domain.access.questions import (
    NOTHING_HELD,
    ActFor,
    AuditEvents,
    BreakGlass,
    EndGuardianship,
    GivePermit,
    Held,
    ManageStaff,
    PairScreen,
    Question,
    ReadOwnCodes,
    ReviewPrescriptions,
    RunDesk,
    SeeHealth,
    SeeIdentity,
    SeeOwn,
    ShowBoard,
    WorkLab,
    WorkQueue,
    WriteHealth,
)
from app.domain.access.staff import (
    decide_desk,
    decide_doctor,
    decide_lab,
    glass_holds,
    in_clinic,
    permit_holds,
    treating_ends_at,
)
from app.domain.actor import Actor
from app.domain.errors import NotAllowed, NotFound, SignInNeeded

__all__ = [
    "ALL_PARTS",
    "HIDING",
    "NOTHING_HELD",
    "PART_OF",
    "ActFor",
    "Answer",
    "AuditEvents",
    "Basis",
    "BreakGlass",
    "BrokenGlass",
    "Denial",
    "EndGuardianship",
    "GivePermit",
    "Grant",
    "Held",
    "Link",
    "ManageStaff",
    "PairScreen",
    "Part",
    "Permit",
    "Question",
    "ReadOwnCodes",
    "Relation",
    "ReviewPrescriptions",
    "Rule",
    "RunDesk",
    "SeeHealth",
    "SeeIdentity",
    "SeeOwn",
    "ShowBoard",
    "Treating",
    "WorkLab",
    "WorkQueue",
    "WriteHealth",
    "cite",
    "decide",
    "glass_holds",
    "permit_holds",
    "require",
    "treating_ends_at",
]  # fmt: skip


def decide(actor: Actor, question: Question, now: datetime) -> Answer:
    """Return whether `actor` may do what `question` asks at `now`, and why or why not."""
    if not actor.is_signed_in and actor.kind != "system":
        return Denial(Rule.SIGN_IN)
    match actor.kind, actor.role:
        case "patient", "patient":
            return decide_patient(actor, question, now)
        case "staff", "doctor":
            return decide_doctor(actor, question, now)
        case "staff", "desk":
            return decide_desk(actor, question, now)
        case "staff", "lab":
            return decide_lab(actor, question)
        case "staff", "pharmacist":
            if isinstance(question, ReviewPrescriptions):
                return in_clinic(actor, question.clinic)
            return Denial(Rule.ROLE)
        case "staff", "admin":
            return Grant(Basis.OFFICE) if isinstance(question, ManageStaff | PairScreen) else Denial(Rule.ROLE)
        case "staff", "auditor":
            return Grant(Basis.OFFICE) if isinstance(question, AuditEvents) else Denial(Rule.ROLE)
        case "screen", "screen":
            return (
                in_clinic(actor, question.clinic)
                if isinstance(question, ShowBoard | ReadOwnCodes)
                else Denial(Rule.ROLE)
            )
        case _:
            return Denial(Rule.ROLE)


def require(actor: Actor, question: Question, now: datetime) -> Grant:
    """Return the grant.

    Raises:
        SignInNeeded: nobody is signed in.
        NotFound: the denial must look as if the thing were absent; `rule` is for the refusal's event only.
        NotAllowed: with the `rule`.
    """
    answer = decide(actor, question, now)
    if isinstance(answer, Grant):
        return answer
    if answer.rule is Rule.SIGN_IN:
        raise SignInNeeded(rule=answer.rule.value)
    about = getattr(question, "patient", None)  # the refusal stands in that person's own log
    if answer.hides:
        raise NotFound(about=about, rule=answer.rule.value)
    raise NotAllowed(about=about, rule=answer.rule.value)
