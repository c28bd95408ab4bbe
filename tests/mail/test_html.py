import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.mail.html import active_content, harmless, looked_through

ATTACKS = [
    ("<script>alert(1)</script>", "<script>"),
    ("<SCRIPT SRC=//evil>", "<script>"),
    ("<p onclick=steal()>x</p>", "onclick in <p>"),
    ("<img src=x oNeRrOr=alert(1)>", "onerror in <img>"),
    ('<a href="java\nscript:alert(1)">x</a>', "a script as href of <a>"),
    ("<a href=' vbscript:x'>x</a>", "a script as href of <a>"),
    ("<iframe src=https://evil.example></iframe>", "<iframe>"),
    ("<form action=https://evil.example><input name=pin></form>", "<form>"),
    ("<meta http-equiv=refresh content='0;url=https://evil.example'>", "<meta>"),
    ("<base href=https://evil.example>", "<base>"),
    ("<object data=x></object>", "<object>"),
]


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(("html", "named"), ATTACKS)
def test_what_runs_is_named_and_none_of_it_is_left(html: str, named: str) -> None:
    assert named in active_content(html)
    assert active_content(harmless(html)) == []


def test_what_mail_programs_write_is_kept_or_left_out_without_a_word() -> None:
    html = (
        "<html><head><meta charset=utf-8><style>p{color:red}</style><title>x</title></head><body>"
        '<table width="600" bgcolor="#eee"><tr><td style="padding:4px;position:fixed">Hi</td></tr>'
        '</table><o:p>there</o:p><!-- ours --><img src="cid:logo" alt="Us">'
        '<a href="https://example.com/x?a=1&amp;b=2">look</a></body></html>'
    )
    assert active_content(html) == []
    assert harmless(html) == (
        '<table width="600" bgcolor="#eee"><tbody><tr><td style="padding:4px">Hi</td></tr></tbody>'
        '</table>there<img src="cid:logo" alt="Us">'
        '<a href="https://example.com/x?a=1&amp;b=2">look</a>'
    )


@pytest.mark.parametrize(
    "source", ["//evil.example/x.png", "x.png", "/x.png", "file:///etc/passwd", "data:text/html,x"]
)
def test_an_address_that_means_nothing_in_a_mail_is_dropped(source: str) -> None:
    assert harmless(f'<img src="{source}">') == "<img>"
    assert harmless(f'<a href="{source}">x</a>') == "<a>x</a>"


@pytest.mark.parametrize(
    "style", ["display:none", "position:absolute", "background:url(https://x)", "opacity:0"]
)
def test_nothing_can_be_hidden_from_those_who_review(style: str) -> None:
    assert harmless(f'<p style="{style};color:red">x</p>') == '<p style="color:red">x</p>'


def test_links_and_pictures_are_found() -> None:
    seen = looked_through(
        '<a href="https://a.example">a</a><img src="cid:x" alt="An x"><img src=y>'
    )
    assert seen.links == ["https://a.example"]
    assert seen.pictures == [("cid:x", "An x"), ("y", "")]


pieces = st.sampled_from(
    [
        *("<script>", "</script>", "<p onclick=x>", "<svg>", "<math>", "<style>", "</style>"),
        *(
            "<!--",
            "-->",
            "<a href=javascript:x>",
            "<table>",
            "<td>",
            "&lt;",
            "<img src=x onerror=y>",
        ),
        *("<noscript>", "<title>", "<mtext>", "<mglyph>", "text", '"', "'", ">", "<b", "\x00"),
    ]
)


@pytest.mark.rule(number=12)
@given(st.lists(pieces, max_size=12).map("".join))
def test_what_is_harmless_stays_as_it_is(html: str) -> None:
    once = harmless(html)
    assert harmless(once) == once
    assert active_content(once) == []
