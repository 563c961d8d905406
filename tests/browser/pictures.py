"""Pictures of every page, in the order of a patient's way.

    CONSENTRY_SCREENSHOTS=docs/portal pytest tests/browser/test_looks*.py

Each page is kept as it is on a phone, light and dark, and on a wide screen, with as few colours as do it justice.
"""

import io
import os
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page

COLOURS: Final = 96
TALLEST: Final = 1700
"""In CSS pixels: a long list goes on like its beginning."""
SETTING: Final = "CONSENTRY_SCREENSHOTS"
LANGUAGE: Final = "CONSENTRY_SCREENSHOTS_LANGUAGE"
LOOKS: Final = {
    "phone-light": ("light", 390, 844),
    "phone-dark": ("dark", 390, 844),
    "wide-light": ("light", 1024, 720),
}
"""Theme, width and least height of each picture, in CSS pixels."""
WAY: Final = {
    "welcome": "The first page: sign in, type the code from the hospital, or stop without a key.",
    "start": "The code on paper, scanned or typed.",
    "start-error": "A code that does not work.",
    "set-up": "What making a key is like, before it begins.",
    "set-up-key": "On the signing origin: a key, made with a touch.",
    "set-up-passphrase": "Where a device's key cannot lock anything: a passphrase.",
    "set-up-code": "The recovery code, to be copied by hand or printed.",
    "set-up-check": "Two groups of it are typed back.",
    "set-up-check-error": "One of them is not right.",
    "set-up-app": "Instead, for who has one: an app with keys, and what that gives away.",
    "set-up-app-error": "The warning is to be ticked first.",
    "set-up-finish": "Something went wrong at the very end, and nothing is lost.",
    "preferences": "Where codes may be mailed, and whether to be counted and asked: nothing is ticked.",
    "preferences-error": "A mail address that is none.",
    "sign-in": "Coming back: with the key, the passphrase, or the code on paper.",
    "sign-in-error": "A code with a letter wrong.",
    "sign-in-app": "Coming back with an app.",
    "home-empty": "Home, as long as no one can use anything.",
    "requests": "What is asked; saying no is as near as looking.",
    "requests-said-no": "After a no.",
    "requests-none": "Nobody asks for anything.",
    "request": "One request: who, what, why, how long, and what they will not get.",
    "choose": "Which records: nothing is ticked, with real counts.",
    "choose-error": "What is needed was not ticked.",
    "when": "Which years, and until when.",
    "when-error": "Nothing was chosen.",
    "questions": "Three questions, the first time.",
    "questions-error": "A wrong answer is explained.",
    "check": "All answers, in the words that will be signed.",
    "sign": "On the signing origin: the same words once more, then the key.",
    "sign-other-ways": "Without the key: the code on paper.",
    "sign-error": "It does not open.",
    "sign-app": "With an app, which shows the same words.",
    "sign-app-error": "They said no in the app.",
    "consent-new": "What was just allowed.",
    "home": "Home: who can use the records now, each with its way out.",
    "home-trouble": "The ledger cannot be read: no study gets anything, and one can still stop.",
    "consents": "Everything that was ever allowed.",
    "consents-next": "The next page of it.",
    "consent": "One consent, with what the ledger says under Technical details.",
    "consent-ended": "One that ran out.",
    "risk": "Before somebody asks for their own risk.",
    "risk-answer": "Their own risk, with what weighs most, and what it is not.",
    "risk-refused": "There is no answer now.",
    "stop": "One question before a stop.",
    "stopped": "The stop receipt.",
    "stop-everything": "The same for everything.",
    "stopped-several": "A receipt each.",
    "records": "One's records by kind, and who can see each now.",
    "kind": "The records of one kind.",
    "kind-none": "A kind of which there is nothing.",
    "record": "One record; what came in stands under Technical details.",
    "download": "On the signing origin: a copy of everything.",
    "copy-ready": "What was signed for, to be taken once.",
    "receipts": "Proof of what was allowed and stopped.",
    "receipts-none": "Nothing was allowed yet.",
    "receipt": "One receipt, to print on one page.",
    "check-receipt": "Anybody checks a receipt, without signing in.",
    "check-receipt-none": "Nothing was brought.",
    "check-receipt-true": "It holds.",
    "check-receipt-altered": "It was changed.",
    "erase": "Before an erasure: what goes when, what others must delete, what stays.",
    "erase-sign": "On the signing origin: the last question.",
    "erasure": "How far an erasure is, for whoever keeps this page.",
    "erasure-final": "Erased for good, with the receipt.",
    "key-add": "On the signing origin: showing that it is oneself, before a way in is added.",
    "key-add-make": "Then the key of this device.",
    "key-add-error": "This device has one already.",
    "key-test": "The code on paper is tested; it stays in the browser.",
    "key-test-right": "It opens the key.",
    "key-code": "A new code, to be copied by hand; the old one opens the key till it is typed back.",
    "key-code-check": "Two groups of it are typed back.",
    "key-replace-make": "The first step of a new key: making it.",
    "key-replace": "The last step of a new key: the old one signs for it.",
    "activity": "All that happened to one's records, a line for each use.",
    "line": "One line of it.",
    "line-report": "Saying that it looks wrong.",
    "line-report-error": "More words than are taken.",
    "line-answered": "The number, and the answer.",
    "you": "What is one's own beside the records.",
    "keys": "The ways in, each with its way out.",
    "key-remove": "One question before one of them goes.",
    "keys-removed": "One of them was taken away.",
    "home-new-key": "Somebody asked for a new key: Home says so.",
    "keys-new-key": "Whoever has the old key says no to it.",
    "new-key-waits": "Whoever lost everything is told when their new key counts.",
    "wishes": "Which kinds of research may ask, and a no that can be taken back.",
    "stop-mail": "Without the key: a code by mail.",
    "stop-mail-error": "A mail address that is none.",
    "stop-code": "The page is the same whether or not we know the address.",
    "stop-code-error": "Not the newest code.",
    "stop-only": "What a mailed code shows: no names.",
    "stop-only-stopped": "A stop with a mailed code.",
    "stop-only-none": "Nothing is left to stop.",
    "lost-link": "On the signing origin: a link that was used.",
    "problem-not-here": "A page that is not here.",
    "problem-not-yours": "A page for somebody else.",
    "problem-too-often": "Too many tries.",
    "demo": "In development only: come in as somebody of the demo.",
}
"""Every page, by the name of its pictures, and what it shows."""


def pictures(page: Page, name: str, language: str) -> None:
    """Keep pictures of a page, where `CONSENTRY_SCREENSHOTS` names a folder, in the language that is asked for."""
    named = os.environ.get(SETTING)
    if not named or language != os.environ.get(LANGUAGE, "en"):
        return
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    for look, (theme, width, height) in LOOKS.items():
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        (folder / f"{name}-{look}.png").write_bytes(_small(_whole(page, width, height)))
    (folder / "README.md").write_text(index(folder), encoding="utf-8")


def _whole(page: Page, width: int, height: int) -> bytes:
    """Return the page, whole up to `TALLEST`; the window grows with it, so that what stands at its foot stays there."""
    page.set_viewport_size({"width": width, "height": height})
    needed = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, needed), TALLEST)})
    return page.screenshot(scale="css", caret="hide", animations="disabled")


def _small(png: bytes) -> bytes:
    small = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def index(folder: Path) -> str:
    """Return the page that lists the pictures in `folder`, in the order of a patient's way."""
    shown = [(name, line) for name, line in WAY.items() if (folder / f"{name}-phone-light.png").exists()]
    return "\n".join([_HEAD, *(_row(name, line) for name, line in shown)]) + "\n"


def _row(name: str, line: str) -> str:
    seen = [f'<img src="{name}-phone-{theme}.png" width="180" alt="{theme}: {line}">' for theme in ("light", "dark")]
    return f"| {line} | {' | '.join(seen)} | [wide]({name}-wide-light.png) |"


_HEAD: Final = """# The portal in pictures

Every page in the order of a patient's way. All people, studies and hospitals here are made up. The pictures
are taken by the tests that look at each page:

```
CONSENTRY_SCREENSHOTS=docs/portal .venv/bin/python -m pytest tests/browser/test_looks*.py
```

| page | phone, light | phone, dark | wide screen |
| --- | --- | --- | --- |"""
