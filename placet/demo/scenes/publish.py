"""Pages: published to a directory and to S3-compatible storage, edited, rolled back, held back."""

from datetime import UTC, datetime, timedelta

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import Kind

SLUG = "spring-offer"


async def two_of_three_editors(t: Theatre) -> None:
    """A page goes out to two targets after two conflicting reviews."""
    t.say("Alice wants a page out. What editors look at is what goes out, on both targets.")
    case = await t.submit(t.company.bundle(SLUG), "publish")
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("preview", case, "--out", str(t.company.home / "preview.html"), show=True)
    await t.placet("approve", case, "--as", "bob@example.com", "--reason", "lovely")
    await t.placet("reject", case, "--as", "dan@example.com", "--reason", "too many rooms")
    t.say("One for, one against: the third editor decides.")
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "there are enough")
    await t.outcome(case, "approved by people")
    await _stands(t, "stays a third one as our guest")


async def edited_and_rolled_back(t: Theatre) -> None:
    """An editor corrects a page, its author agrees; later it is rolled back."""
    t.say("The next version has a mistake. Bob corrects it himself; Alice has to take it over.")
    case = await t.submit(t.company.bundle(SLUG, "a third one", "a fourth one"), "publish")
    edited = t.company.bundle(SLUG, "third one as our guest", "third one for nothing")
    await t.placet("edit", case, str(edited), "--as", "bob@example.com", "--reason", "no, three")
    await t.placet("agree", case, "--as", "alice@example.com")
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "now it is right")
    await t.outcome(case, "approved by people")
    await _stands(t, "third one for nothing")
    t.say("The first wording was better: it comes back, with an approval of its own.")
    out = await t.placet("rollback", SLUG, "--as", "alice@example.com", "--note", "first wording")
    back = out.strip().splitlines()[-1]
    await t.placet("approve", back, "--as", "dan@example.com", "--reason", "fine")
    await t.outcome(back, "approved by people")
    await _stands(t, "third one as our guest")


async def held_back(t: Theatre) -> None:
    """An approved page waits for its time, and is revoked before it comes."""
    opening = datetime.now(UTC) + timedelta(days=9)
    t.say("Two pages are approved today, and are to go out in nine days. One is called back.")
    out, kept = [
        await t.submit(
            t.company.notice(f"House rules {number}", f"rules-{number}", opening), "publish"
        )
        for number in (1, 2)
    ]
    for case in (out, kept):
        await t.placet("approve", case, "--as", "bob@example.com", "--reason", "good")
        await t.placet("approve", case, "--as", "carol@example.com", "--reason", "good")
    await t.placet("withdraw", kept, "--as", "alice@example.com", "--reason", "the date is wrong")
    await t.outcome(kept, "approved by people")
    await t.let_pass_until(out, "the time has come for the other one", opening)
    await t.outcome(out, "approved by people")
    if t.company.page("rules-1") is None or t.company.page("rules-2") is not None:
        raise DemoError("the page that was called back is out, or the other one is not")


async def _stands(t: Theatre, words: str) -> None:
    """Show that both targets have the same page, and that it says ``words``.

    Raises:
        DemoError: They have not.
    """
    here, there = t.company.page(SLUG), await t.in_storage(f"{SLUG}/index.html")
    if here is None or here != there or words.encode() not in here:
        raise DemoError(f"the two targets do not have the page that says: {words}")
    t.say(f"The directory and the S3-compatible storage have the same page; it says: {words}")


SCENES = (
    ("A page goes out to a directory and to S3, after conflicting reviews", two_of_three_editors),
    ("An editor corrects a page, its author agrees, and it is rolled back", edited_and_rolled_back),
    ("Approved pages wait for their time, and one is called back", held_back),
)
