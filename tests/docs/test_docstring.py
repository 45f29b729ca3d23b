"""A docstring reads as Markdown, and no word of it is lost."""

from weft.daemon.docstring import markdown

DOCSTRING = """Do one thing.

    See :meth:`Runtime.open` and :class:`~weft.storage.NameTaken`::

        with thing() as it:

            it.go()

    ``first``
        is a term
        of two lines.

    Guarantees:
        * one;
        * two.

    Args:
        a, b: two of them,
            on two lines.
        *rest: more.

    Returns:
        what ``it``
        is.

    Raises:
        ValueError: it is wrong.
    """

MARKDOWN = """\
Do one thing.

See `Runtime.open` and `weft.storage.NameTaken`:

```python
with thing() as it:

    it.go()
```

- `first`: is a term
  of two lines.

Guarantees:

- one;
- two.

Args:

- `a`, `b`: two of them,
  on two lines.
- `*rest`: more.

Returns: what `it` is.

Raises:

- `ValueError`: it is wrong."""


def test_a_docstring_becomes_markdown() -> None:
    lines = [line for line in markdown(DOCSTRING).splitlines() if line]
    assert [line for line in MARKDOWN.splitlines() if line] == lines


def test_what_has_no_sections_stays_as_it_is() -> None:
    assert "One.\n\nTwo: three." == markdown("One.\n\nTwo: three.")
