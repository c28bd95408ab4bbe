import pytest

from placet.domain.errors import InvalidInputError
from placet.domain.sending import Mailbox
from placet.mail.addresses import AddressError, read_address, read_list, read_mailbox


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("bob@example.com", "bob@example.com"),
        ("  Bob@Example.COM ", "Bob@example.com"),
        ("bob+news@example.com", "bob+news@example.com"),
        # The older way of writing such a domain leads to strasse.de, which is somebody else's.
        ("info@straße.de", "info@xn--strae-oqa.de"),
        ("info@BÜRO.example.com", "info@xn--bro-hoa.example.com"),
        ("info@xn--bro-hoa.example.com", "info@xn--bro-hoa.example.com"),
    ],
)
def test_an_address_has_the_one_form_that_mail_servers_take(written: str, address: str) -> None:
    assert read_address(written) == address
    assert read_address(address) == address


@pytest.mark.rule(number=12)
@pytest.mark.parametrize(
    "written",
    [
        "",
        "bob",
        "bob@",
        "@example.com",
        "bob@localhost",
        "bob@example..com",
        ".bob@example.com",
        "bob..b@example.com",
        "bob@exa mple.com",
        "bob@example.com, carol@example.com",
        "bob@example.com\r\nRCPT TO:<eve@example.com>",
        "bob\n@example.com",
        "bob>@example.com",
        "bob@example.com>",
        '"bob"@example.com',
        "bob@[127.0.0.1]",
        "böb@example.com",
        "bob@example.com\x00",
        "bob@ex\u200bample.com\u202e",
        "a" * 65 + "@example.com",
        "bob@" + "a" * 64 + ".com",
        "b@" + ".".join(["abcdefgh"] * 40) + ".com",
    ],
)
def test_what_is_no_address_is_refused_with_what_to_do(written: str) -> None:
    with pytest.raises(AddressError, match=r"is not an address: .*; correct it") as refused:
        read_address(written)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("bob@example.com", None),
        ("<bob@example.com>", None),
        ("Bob Brown <bob@example.com>", "Bob Brown"),
        ('"Brown, Bob" <bob@example.com>', "Brown, Bob"),
        ("Böb <bob@example.com>", "Böb"),
    ],
)
def test_a_mailbox_may_have_a_name(written: str, name: str | None) -> None:
    found = Mailbox.model_validate(read_mailbox(written))
    assert found == Mailbox(address="bob@example.com", name=name)


def test_a_list_is_one_address_a_line() -> None:
    content = "\ufeff# Customers\n\nbob@example.com\r\nCarol <carol@example.com>\n  # old\n"
    assert [str(each) for each in read_list(content.encode())] == [
        "bob@example.com",
        "Carol <carol@example.com>",
    ]


@pytest.mark.parametrize("between", [",", ";"])
def test_a_list_may_be_a_table(between: str) -> None:
    rows = [
        ["Id", "Name", "E-Mail"],
        ["1", '"Brown, Bob; junior"', "bob@example.com"],
        ["", "", ""],
        ["2", "", "carol@example.com"],
    ]
    content = "\n".join(between.join(row) for row in rows)
    assert [(each.name, each.address) for each in read_list(content.encode())] == [
        ("Brown, Bob; junior", "bob@example.com"),
        (None, "carol@example.com"),
    ]


def test_every_wrong_line_is_named_with_what_to_do() -> None:
    content = "bob@example.com\nnobody\nEve\u202e <eve@example.com>\ncarol@example.com\nx@y@z\n"
    with pytest.raises(InvalidInputError) as refused:
        read_list(content.encode())
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["line 2", "line 3", "line 5"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"bad\n" * 50_000, "and 1 more"),
        (b"a@example.com\n" * 50_000, "more than 40,000 entries"),
        (b"email\n" + b'"' + b"x" * 200_000, "line"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        read_list(content)
