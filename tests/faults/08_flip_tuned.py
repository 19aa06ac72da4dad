"""A bit flips in what `ebmark tune` found (a search's result.json; the tuned file): the next tune or run must notice, not take it."""

from case import *

args = (
    "--methods",
    "dsm",
    "--datasets",
    "half_moons",
    "--trials",
    "2",
    "--seeds",
    "1",
    "--network-evaluations",
    "20000",
    "--num-train",
    "200",
    "--jobs",
    "1",
    "--out",
    "tune",
    "--no-progress-bar",
)
code, out, err = ebmark("tune", *args)
if code:
    end(f"tune: exit status {code}, {last(err)}", "a tuned file")
WORDS = r"damag|changed|checksum|hash|match|differ|alter|corrupt|refus"
missed = []
result = next((HERE / "tune").glob("runs/*/result.json"))
good = result.read_text()
at = re.search(r'"values":\s*\[\s*([\d.e-]+)', good).start(1)
at = next(i for i in range(at, len(good)) if good[i] in "123456789")
result.write_text(good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :])
code, out, err = ebmark("tune", *args)
if code == 0 and not re.search(WORDS, out + err, re.I):
    missed.append(f"a trial's value in the search's result.json ({good[at : at + 6]})")
result.write_text(good)
tuned = next(
    p
    for p in sorted((HERE / "tune").glob("*.json"))
    if '"tuned"' in p.read_text() and "changes" in p.read_text()
)
text = tuned.read_text()
if "learning_rate" not in text:  # the default won: that is an empty change
    at = re.search(r'"made"[^}]*?(\d)', text, re.S).start(1)
else:
    at = re.search(r'"learning_rate":\s*0?\.?0*([1-9])', text).start(1)
tuned.write_text(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
done = lambda: list((HERE / "out").glob("runs/*/result.json"))
code, out, err = ebmark(
    "run",
    "smoke",
    "--methods",
    "dsm",
    "--datasets",
    "half_moons",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--variants",
    tuned.name if tuned.parent == HERE else str(tuned),
    "--out",
    "out",
    "--no-progress-bar",
    until=done,
)
if (code == 0 or done()) and not re.search(WORDS, out + err, re.I):
    missed.append(f"a number of {tuned.name}")
end(f"silence at {' and at '.join(missed)}" if missed else None, "both changes noticed")
