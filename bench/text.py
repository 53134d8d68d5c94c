"""The texts that are streamed: deterministic, with prose, code, CJK and emoji. Each begins with a mark."""

from __future__ import annotations

MARK = "§1§\n"
"""The first chunk of every answer: the driver looks for its first character on the screen."""
_WORDS = ("text", " and", " 漢字", "\n", "```", "py\n", "é🙂é", "x = ", "1\n\n")
_LONG = ("no line end ", "漢字仮名交じり", "👩‍👩‍👧‍👦🇪🇺", "ﬁn é̂ ", "x" * 30)
_BIG = "def grow(by: int) -> str:  # 漢字 🙂 and some more words of prose\n" * 15


def pieces(kind: str, count: int) -> list[str]:
    """The chunks of an answer: `words` of about 4 characters, `long` lines of wide ones, or `big` ones of 1 kB."""
    if kind == "big":
        body = [_BIG] * (count - 1)
    elif kind == "long":
        # A line end after some 2,000 cells.
        body = [_LONG[index % len(_LONG)] + ("\n" if index % 120 == 119 else "") for index in range(count - 1)]
    elif kind == "lines":
        body = [f"line {index} 漢字\n" for index in range(count - 1)]
    else:
        body = [_WORDS[index % len(_WORDS)] for index in range(count - 1)]
    return [MARK, *body]


def text(kind: str, count: int) -> str:
    """The whole answer."""
    return "".join(pieces(kind, count))
