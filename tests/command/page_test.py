#!/usr/bin/env python3
"""The HTML report in a real browser: with its script and without, in print, ten thousand cases, and what it logs."""
import json
import os
import re
import shutil
import subprocess
import sys

from harness import SOURCE, Folder, check, finish, harrow

STREAMS = os.path.join(SOURCE, "reports", "testdata", "streams")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browse(folder, page, *options):
    """Standard output, and what the page wrote to the console."""
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                           f"--user-data-dir={folder}/profile", *options, "file://" + page], capture_output=True, timeout=600,
                          env=dict(os.environ, HOME=folder, TMPDIR=folder))
    said = [line for line in done.stderr.decode(errors="replace").split("\n") if "CONSOLE" in line]
    return done.stdout.decode(errors="replace"), said


def page_of(folder, name, stream):
    page = os.path.join(folder, name + ".html")
    code, output = harrow("report", stream, "--format", "html", "--output", page)
    check(code == 0, f"{name}: a page", output)
    return page


def streams():
    for name in sorted(os.path.splitext(file)[0] for file in os.listdir(STREAMS)):
        with Folder() as folder:
            page = page_of(folder, name, os.path.join(STREAMS, name + ".jsonl"))
            with open(page, encoding="utf-8") as file:
                written = file.read()
            shown, said = browse(folder, page, "--dump-dom")
            check(not said, f"{name}: the browser has nothing to complain of", said)
            copies = written.count("<code data-copy>")
            check(shown.count('<button type="button">copy</button>') == copies, f"{name}: the script ran", shown[-2000:])
            check(shown.count("<main ") == 1 and "alert(1)" not in re.sub(r"&lt;.*?&gt;", "", shown.split("</style>", 1)[1])
                  or name != "hostile", f"{name}: what the stream said stayed text")
            still = os.path.join(folder, "still.html")  # the same page, which lets no script run
            with open(still, "w", encoding="utf-8") as file:
                file.write(written.replace("script-src 'unsafe-inline'", "script-src 'none'", 1))
            bare, _ = browse(folder, still, "--dump-dom")
            check("<button" not in bare.split("<script")[0], f"{name}: it did not run there")
            for part in ("<h1>", "<table", "<summary>"):
                check(bare.count(part) == written.count(part), f"{name}: {part} is there without the script as well")
            if name != "full":
                continue
            shot, pdf = os.path.join(folder, "page.png"), os.path.join(folder, "page.pdf")
            browse(folder, page, f"--screenshot={shot}", "--window-size=1200,2000")
            browse(folder, page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
            check(os.path.getsize(shot) > 5000 and os.path.getsize(pdf) > 5000, f"{name}: it can be looked at, and printed")


def many():
    with Folder() as folder:
        stream = os.path.join(folder, "many.jsonl")
        with open(stream, "w", encoding="utf-8") as file:
            for case in range(10000):
                file.write(json.dumps({"type": "step", "t": case, "case": f"c{case}", "name": "call a.B/C", "status": "passed",
                                       "duration": 5}) + "\n")
                file.write(json.dumps({"type": "case", "t": case, "pillar": "e2e", "suite": f"s{case % 9}", "name": f"c{case}",
                                       "status": "passed", "duration": 5}) + "\n")
            file.write('{"type":"end","t":10000,"exit":0}\n')
        shown, said = browse(folder, page_of(folder, "many", stream), "--dump-dom")
        check(not said and shown.count("<tr data-status=") == 10000 and 'placeholder="filter cases"' in shown,
              "10,000 cases are shown, and can be filtered", said)


def shows():
    """Not every browser there is can: one that is packed apart from the system does not see our folder."""
    with Folder() as folder:
        page = os.path.join(folder, "page.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write("<p id=it></p><script>document.getElementById('it').textContent = 6 * 7</script>")
        return '<p id="it">42</p>' in browse(folder, page, "--dump-dom")[0]


if not BROWSER:
    print("skipped: no chromium is here (Debian's package chromium)")
    sys.exit(77)
if not shows():
    print(f"skipped: {BROWSER} does not show a page of this machine's temporary folder")
    sys.exit(77)
streams()
many()
finish()
