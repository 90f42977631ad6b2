"""Trees of elements: what a report writes as XML or HTML is escaped by construction, never by remembering to."""

from __future__ import annotations

from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from drtool.cli.render.words import printable

Child: TypeAlias = "Element | str | None"


def element(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """Return an element; children and attributes that are None are left out.

    Text may come from anywhere: what no document may hold (control characters, undecodable bytes) is spelled out. An attribute's
    underscores become hyphens and one at its end is dropped, so that `class_` and `aria_label` can be written.
    """
    made = Element(tag, {_name(name): printable(str(value)) for name, value in attributes.items() if value is not None})
    for child in children:
        if isinstance(child, str):
            _append_text(made, printable(child))
        elif child is not None:
            made.append(child)
    return made


def html_text(root: Element) -> str:
    """Return a tree as an HTML document."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def xml_text(root: Element) -> str:
    """Return a tree as an XML document in UTF-8."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _name(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")
