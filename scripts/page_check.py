#!/usr/bin/env python3
"""Opens the page of a case in a headless Chromium: what it shows, that it filters, and that it asks for nothing.

usage: scripts/page_check.py [--program PATH] [--screenshots FOLDER]

Three cases: of the sample archive, of one whose values try to be more than text, and of one with 100,000 events. Chromium comes
from the system's packages if it is not there, Playwright from PyPI into target/venv-page.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import own_venv

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# What a value may try, if the page took it for anything but text.
HOSTILE = [
    "<script>document.title = 'taken'; window.taken = 1</script>",
    "<img src=x onerror=\"window.taken = 1\">",
    "</script><script>window.taken = 1</script>",
    "\"><svg onload=window.taken=1>",
    "javascript:window.taken=1",
    "{{ title }}{% include 'x' %}",
    "\u202eevil\u2066\u200f",
    "\x1b[31mred\x07",
    "a" * 1_000_000,
]


def install_chromium() -> None:
    """Sees to it that a Chromium is on the machine."""
    if not shutil.which("chromium"):
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "update", "-qq"], check=True)
        subprocess.run([*root, "apt-get", "install", "-y", "-qq", "chromium"], check=True)


def attach(n: int, hostile: str) -> dict:
    """A quarantine of a user whose record has such values wherever somebody chooses them."""
    return {
        "eventVersion": "1.09", "eventTime": f"2024-05-01T12:00:{n:02}Z", "eventSource": "iam.amazonaws.com",
        "eventName": "AttachUserPolicy", "awsRegion": "us-east-1", "sourceIPAddress": hostile[:300], "userAgent": hostile,
        "userIdentity": {
            "type": "IAMUser", "userName": "mallory", "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "principalId": hostile[:300], "arn": "arn:aws:iam::111122223333:user/mallory",
        },
        "requestParameters": {"userName": "mallory", "policyArn": "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"},
        "responseElements": None, "requestID": f"r{n}", "eventID": f"e{n}", "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    }


def call(n: int, hostile: str) -> dict:
    """A call by the same user, by such a name, that is refused with such words."""
    return attach(n, hostile) | {
        "eventID": f"c{n}", "eventName": hostile[:300], "eventSource": hostile[:300], "errorCode": hostile[:300],
        "errorMessage": hostile, "awsRegion": hostile[:300], "requestParameters": {"userName": hostile[:300]},
    }


def case_of(program: pathlib.Path, work: pathlib.Path, name: str, logs: pathlib.Path) -> pathlib.Path:
    alerts, case = work / f"{name}.parquet", work / name
    subprocess.run([program, "hunt", "--quiet", "--output", alerts, logs], check=True)
    subprocess.run([program, "investigate", "--quiet", "--output", case, alerts, logs], check=True)
    return case


def check(browser: object, case: pathlib.Path, screenshots: pathlib.Path | None, name: str) -> None:
    told = json.loads((case / "case.json").read_text())
    # The table has the later events, too.
    told["events"] += told["later"]
    for width, theme in ((1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True)
        page = context.new_page()
        faults: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"file://{case}/report.html")
        assert faults == [], faults
        assert requests == [f"file://{case}/report.html"], requests
        assert page.evaluate("window.taken") is None and "taken" not in page.title()
        n_sections = page.locator("section.user").count()
        if len(told["beginnings"]) > 1:
            # The overview has each of them, and leads to those with more than one event.
            assert page.locator("#users tbody tr").count() == len(told["beginnings"])
            assert page.locator("a[href^='#user-']").count() == n_sections
        else:
            assert n_sections == 1
        rows = page.locator("#rows tbody tr")
        place = page.locator("#place").text_content()
        n_shown = rows.count()
        assert n_shown == min(100, told["events"]) and place.endswith(f"of {told['events']}"), (place, told["events"])
        # Nothing is wider than the page but what scrolls by itself.
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"wider than {width}"
        check_filters(page, told, n_shown, width)
        page.evaluate("scrollTo(0, 0)")
        if screenshots:
            page.screenshot(path=screenshots / f"{name}-{width}-{theme}.png", full_page=True)
        if width == 1400 and theme == "light":
            printed = page.pdf(prefer_css_page_size=True)
            n_pages = len(re.findall(rb"/Type\s*/Page[^s]", printed))
            assert printed.startswith(b"%PDF") and 0 < n_pages <= 8 * n_sections, n_pages
            print(f"  {name}: {n_pages} pages of paper", flush=True)
            if screenshots:
                (screenshots / f"{name}.pdf").write_bytes(printed)
        assert faults == [], faults
        context.close()
    print(f"  ok: {name}: {told['events']} events, {(case / 'report.html').stat().st_size} bytes", flush=True)


def wait_for(page: object, condition: str) -> None:
    """Waits until an expression is true. The page's own policy forbids that Playwright polls it inside the page."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never true: {condition}")


def check_filters(page: object, told: dict, n_shown: int, width: int) -> None:
    """The table of events: filters in the address, order, a record on a click, CSV."""
    rows = page.locator("#rows tbody tr")
    page.fill("[name=q]", "AttachUserPolicy")
    n_attached = rows.count()
    assert 0 < n_attached <= n_shown
    assert "q=AttachUserPolicy" in page.url
    # The address alone shows the same.
    page.reload()
    assert rows.count() == n_attached and page.input_value("[name=q]") == "AttachUserPolicy"
    page.fill("[name=q]", "no such word")
    assert rows.count() == 0 and page.locator("#place").text_content() == "none"
    page.fill("[name=q]", "")
    page.select_option("[name=relation]", label="quarantine")
    assert rows.count() == sum(len(beginning["quarantines"]) for beginning in told["beginnings"])
    page.click("button[type=reset]")
    wait_for(page, "!location.hash.startsWith('#events')")
    assert rows.count() == n_shown
    rows.first.press("Enter")
    raw = page.locator("#rows tr.raw pre").text_content()
    assert "eventName" in raw, raw
    assert "offset" in page.locator("#rows tr.raw").text_content()
    rows.first.press("Enter")
    assert page.locator("#rows tr.raw").count() == 0
    if width > 1000:
        times = lambda: [text for text in page.locator("#rows tbody td.t").all_text_contents() if text]
        assert times() == sorted(times())
        page.locator("#rows th").first.click()
        assert times() == sorted(times(), reverse=True) and "sort=-0" in page.url
        page.locator("#rows th").first.click()
        with page.expect_download() as download:
            page.click("#csv")
        lines = pathlib.Path(download.value.path()).read_text().splitlines()
        assert lines[0].startswith('"Time","Whose","Relation"') and len(lines) == told["events"] + 1, len(lines)
        mark = page.locator("svg.plot a").first
        if mark.count():
            page.evaluate("document.querySelector('svg.plot a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
            wait_for(page, "location.hash.startsWith('#events?from=')")
            assert 0 < rows.count() <= n_shown
            page.click("button[type=reset]")
            wait_for(page, "!location.hash.startsWith('#events')")


def check_story(browser: object, case: pathlib.Path, screenshots: pathlib.Path | None) -> None:
    """What the page says of the story that `data/trail` tells, by its list."""
    lines = (REPOSITORY / "data/trail.planted.ndjson").read_text().splitlines()
    story = [plant for plant in map(json.loads, lines) if "relation" in plant]
    page = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
    page.goto(f"file://{case}/report.html")
    heading = page.get_by_role("heading", name="release-bot in 111122223333", exact=True)
    section = page.locator("section.user", has=heading)
    if screenshots:
        # The one of README and the quick start, data/case.png.
        top = section.bounding_box()["y"]
        clip = {"x": 0, "y": top, "width": 1200, "height": 1350}
        page.screenshot(path=screenshots / "case.png", full_page=True, clip=clip)
    words = section.text_content()
    for part in (
        "2 sessions, 1 new user, 1 new role and 1 instance, in 3 accounts",
        "was lifted by",
        "took role deploy, then platform-admin",
        "made user support-backup with AdministratorAccess",
        "before the quarantine",
        "aws iam put-role-policy --role-name platform-admin",
    ):
        assert part in words, part
    page.fill("[name=q]", "support-backup")
    assert page.locator("#rows tbody tr").count() >= 5
    overview = page.locator("#users a", has_text="release-bot").first.locator("xpath=ancestor::tr").text_content()
    assert str(len(story)) in overview, (len(story), overview)
    assert "intern" in page.locator("#neighbours").text_content()
    assert "has no file delivered on" in page.locator("#lacking").text_content()
    page.close()
    print(f"  ok: the story of {len(story)} events", flush=True)


def check_large(browser: object, program: pathlib.Path, work: pathlib.Path, screenshots: pathlib.Path | None) -> None:
    """A case of 100,000 events can be used."""
    logs = work / "many"
    logs.mkdir()
    with (logs / "a.ndjson").open("w") as file:
        file.write(json.dumps(attach(0, "203.0.113.7")) + "\n")
        for n in range(1, 100_000):
            event = attach(0, f"203.0.113.{n % 50}") | {
                "eventID": f"m{n}", "eventName": f"Describe{n % 300}", "eventSource": f"service{n % 40}.amazonaws.com",
                "eventTime": f"2024-04-{2 + n % 29:02}T{n // 30 % 24:02}:{n % 60:02}:00Z",
                "requestParameters": {"name": f"thing-{n}"}, "readOnly": True,
            }
            if n % 7 == 0:
                event["errorCode"] = "AccessDenied"
            file.write(json.dumps(event) + "\n")
    case = case_of(program, work, "large", logs)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    start = time.monotonic()
    page.goto(f"file://{case}/report.html")
    assert page.locator("#place").text_content() == "1 to 100 of 100000"
    opened = time.monotonic() - start
    start = time.monotonic()
    page.fill("[name=q]", "describe17 accessdenied")
    wait_for(page, "document.getElementById('place').textContent.startsWith('1 to 100 of ') && !document.getElementById('place').textContent.endsWith('100000')")
    filtered = time.monotonic() - start
    # Ten times what it takes here: it is to be usable, and no benchmark.
    assert opened < 20 and filtered < 5, (opened, filtered)
    if screenshots:
        page.screenshot(path=screenshots / "large.png")
    size = (case / "report.html").stat().st_size
    print(f"  ok: 100,000 events: opened in {opened:.1f} s, filtered in {filtered:.2f} s, {size} bytes", flush=True)
    page.close()


def main() -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--screenshots", type=pathlib.Path)
    args = parser.parse_args()
    program = pathlib.Path(args.program).resolve()
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        work = pathlib.Path(folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        trail = case_of(program, work, "trail", REPOSITORY / "data/trail")
        check(browser, trail, args.screenshots, "trail")
        check_story(browser, trail, args.screenshots)
        logs = work / "logs"
        logs.mkdir()
        records = [attach(0, "203.0.113.7"), *(call(n + 1, value) for n, value in enumerate(HOSTILE))]
        (logs / "hostile.json").write_text(json.dumps({"Records": records}))
        check(browser, case_of(program, work, "hostile", logs), args.screenshots, "hostile")
        check_large(browser, program, work, args.screenshots)
        browser.close()
    return 0


if __name__ == "__main__":
    install_chromium()
    own_venv.enter("venv-page", ["playwright", "pyarrow"])
    sys.exit(main())
