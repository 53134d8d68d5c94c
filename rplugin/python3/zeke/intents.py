"""THE table of intents: the tag, the command that carries it, and what the model is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from zeke.models import Ask


@dataclass(frozen=True, slots=True)
class Intent:
    """One kind of work. Everything about it is here; commands, completion and help are made from it."""

    name: str
    """The value of the tag `intent`."""
    command: str
    """The command, without colon."""
    system: str
    """Who answers and in what form, in the model's system message."""
    instruction: str = ""
    """What is asked when the user typed nothing of their own."""
    result: Literal["scratch", "diff"] = "scratch"
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags over the alias's own."""
    first_byte: float | None = None
    """Seconds until the first byte where the work takes longer than the option allows."""


_CODE_ONLY = "Answer with one fenced code block that replaces the code shown, complete and nothing else."

INTENTS: Mapping[str, Intent] = {
    intent.name: intent
    for intent in (
        Intent(
            "code",
            "Zeke",
            "You are a senior engineer in the user's editor. Answer briefly in Markdown;"
            " put code in fenced blocks that name their language.",
            "Comment on this code: what it does, and what you would change first.",
        ),
        Intent(
            "tests",
            "ZekeTest",
            "You write tests that can fail. Use the language's usual test framework and the project's style."
            " Answer with one fenced code block; comments only where a case is not obvious.",
            "Write tests for this code: the normal case, the edges, and the errors it should report.",
        ),
        Intent(
            "explain",
            "ZekeExplain",
            "You explain code to an experienced engineer. Say what it is for, how it works,"
            " and what surprises, in short Markdown paragraphs.",
            "Explain this code.",
        ),
        Intent(
            "refactor",
            "ZekeRefactor",
            f"You improve the structure of code without changing what it does. {_CODE_ONLY}",
            "Refactor this code for clarity.",
            result="diff",
        ),
        Intent(
            "fix",
            "ZekeFix",
            f"You correct code with the smallest change that is right. {_CODE_ONLY}",
            "Find and fix what is wrong with this code.",
            result="diff",
        ),
        Intent(
            "docs",
            "ZekeDocs",
            f"You document code in the language's own convention, without touching the code itself. {_CODE_ONLY}",
            "Document this code.",
            result="diff",
        ),
        Intent(
            "review",
            "ZekeReview",
            "You review changes. List real problems only, the worst first, each on its own line as"
            " `file:line: what is wrong and what to do`. Say so if there is none.",
            "Review this.",
            first_byte=300.0,
        ),
        Intent(
            "commit",
            "ZekeCommit",
            "You write commit messages: a subject of at most 60 characters in the imperative, a blank line,"
            " then why in a few lines wrapped at 72. Answer with the message alone.",
            "Write the commit message for this change.",
        ),
    )
}

_BY_COMMAND = {intent.command: intent for intent in INTENTS.values()} | {"ZekeReply": INTENTS["code"]}


def by_command(command: str) -> Intent:
    """The intent that a command carries.

    Raises:
        KeyError: no intent has this command.
    """
    return _BY_COMMAND[command]


def of(ask: Ask) -> Intent:
    """The intent of a request; one that nobody defined is told like `code`."""
    return own(ask.definition) if ask.definition else INTENTS.get(ask.intent, INTENTS["code"])


def own(definition: Mapping[str, object]) -> Intent:
    """An intent of the user's: `name`, `command`, and of `system`, `instruction`, `result`, `tags` what is given."""
    code = INTENTS["code"]
    tags = definition.get("tags")
    return Intent(
        str(definition["name"]),
        str(definition["command"]),
        str(definition.get("system") or code.system),
        str(definition.get("instruction") or code.instruction),
        result="diff" if definition.get("result") == "diff" else "scratch",
        tags={str(key): str(value) for key, value in tags.items()} if isinstance(tags, Mapping) else {},
    )
