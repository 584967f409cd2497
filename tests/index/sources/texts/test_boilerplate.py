"""What is left out of the text of a page, and what is not."""

import pytest


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<nav>Keyboard <a>shortcuts</a></nav><p>Text.", "Text."),
        ("<p>One<NAV><ul><li>a<li>b</ul></NAV>two", "One\ntwo"),
        ("<noscript>Enable JavaScript</noscript><p>Text.<template><p>{{ name }}</p></template>", "Text."),
        ("<nav>a<nav>b</nav>c</nav>d", "d"),
        ("<nav>a<noscript>b</noscript>c</nav>d<nav>e</nav>f", "d\nf"),
        ("a<nav/>b", "a\nb"),
        ("a</nav>b", "a\nb"),
        ("<header>Head</header><p>Text.<aside>Note</aside><footer>Foot</footer>", "Head\nText.\nNote\nFoot"),
        ("<nav>never closed <p>Text.", "never closed\nText."),  # else the page would be gone
        ("<nav>a<template>never closed</nav>b", "a\nnever closed\nb"),
        ("<title>Contents</title><nav><a>One</a> <a>Two</a></nav>", "One Two"),  # a page of nothing else
        ("<p>Text.<script>document.write('<nav>')</script>more", "Text.\nmore"),
    ],
)
def test_navigation_and_what_is_not_shown(page, content, text):
    assert page(content).text == text


def test_the_title_is_not_that_of_a_drawing(page):
    assert page("<svg><title>Icon</title></svg><p>Text.").title == "page"
    assert page("<svg><title>Icon</title></svg><title>Page</title><p>Text.").title == "Page"
    assert page("<svg><svg></svg><title>Icon</title></svg><svg/><title>Page</title><p>Text.").title == "Page"
