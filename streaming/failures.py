"""The one line of an error that a person should read. Pure."""

from __future__ import annotations

from pydantic import ValidationError


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, its type's name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def one_line(error: BaseException) -> str:
    """Return the line of an error that tells most: the last of a Python traceback, else the first."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}"
    lines = [line.rstrip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    headers = [number for number, line in enumerate(lines) if "Traceback (most recent" in line]
    if not headers:
        return lines[0].strip()
    # A traceback's own lines are indented, the error that it ends with is not. An error of the JVM
    # says only in its second line, after a colon, which.
    ends = [line for line in lines[headers[-1] + 1 :] if not line[0].isspace()]
    told = [line.removeprefix(":").strip() for line in ends if "Py4JJavaError" not in line]
    return (told or [lines[-1].strip()])[0]
