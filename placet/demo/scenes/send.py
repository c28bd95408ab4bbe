"""Mails: approved, and handed to a real SMTP server, to each recipient once."""

from placet.demo.theatre import DemoError, Theatre
from placet.domain.vocabulary import Kind


async def newsletter(t: Theatre) -> None:
    """A mail to customers arrives, once at each of them."""
    t.say("Alice wants to write to customers. An editor sees the mail and who would get it.")
    case = await t.submit(t.company.example("send-spring-offer.json"), "send")
    await t.expect(case, Kind.STAGE_OPENED)
    await t.placet("approve", case, "--as", "carol@example.com", "--reason", "send it")
    await t.outcome(case, "approved by people")
    await t.placet("deliveries", case, show=True)
    got = t.mailbox.recipients
    if not got or len(got) != len(set(got)):
        raise DemoError(f"the mail server took {len(got)} mails for {len(set(got))} recipients")
    t.say(f"The mail server took one mail for each of {len(got)} recipients.")


SCENES = (("A mail goes out to customers, once to each", newsletter),)
