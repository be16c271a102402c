"""Plain text with a little colour: only on a terminal, and never with NO_COLOR set."""

import os
import re
import shutil
import sys
import textwrap

_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
_UNICODE = (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16")
_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


def paint(text: str, *styles: str) -> str:
    if not _COLOUR:
        return text
    return f"\x1b[{';'.join(str(_CODES[style]) for style in styles)}m{text}\x1b[0m"


def width() -> int:
    return max(48, min(shutil.get_terminal_size((96, 24)).columns, 110))


def bar(share: float, cells: int) -> str:
    """A horizontal bar, `share` (0 to 1) of `cells` characters long."""
    eighths = round(max(0.0, min(share, 1.0)) * cells * 8)
    if not _UNICODE:
        return ("#" * (eighths // 8)).ljust(cells)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else ""
    return ("█" * (eighths // 8) + partial).ljust(cells)


def shade(value: float) -> str:
    """One grey level, 0 (paper) to 1 (ink), as two characters so that pixels are square."""
    ramp = " ░▒▓█" if _UNICODE else " .+#@"
    return ramp[round(max(0.0, min(value, 1.0)) * 4)] * 2


def dash() -> str:
    return "─" if _UNICODE else "-"


def times() -> str:
    return "×" if _UNICODE else "x"


def heading(text: str) -> None:
    print()
    print(paint(text, "bold", "cyan"))
    print(paint(dash() * min(len(text), width()), "cyan"))


def field(label: str, value: str) -> None:
    indent = 12
    visible = re.sub(r"\x1b\[[0-9;]*m", "", value)
    fits = len(visible) <= width() - indent
    lines = [value] if fits else textwrap.wrap(value, width() - indent)
    print(f"  {paint(label.ljust(indent - 2), 'dim')}{lines[0]}")
    for line in lines[1:]:
        print(" " * indent + line)


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:.1f} ms"


def duel(rows: list[tuple[str, float, float]], left: str, right: str) -> None:
    """A table of times in seconds, and how many times faster `left` was."""
    label = max(len(row[0]) for row in rows) + 2
    columns = max(len(left), len(right), 10) + 3
    print("  " + " " * label + paint(left.rjust(columns) + right.rjust(columns), "dim"))
    for name, ours, theirs in rows:
        ratio = theirs / ours
        colour = "green" if ratio >= 1.0 else "yellow"
        print(
            f"  {name.ljust(label)}{duration(ours).rjust(columns)}{duration(theirs).rjust(columns)}"
            f"   {paint(f'{ratio:.2f}{times()}', colour, 'bold')}"
        )
