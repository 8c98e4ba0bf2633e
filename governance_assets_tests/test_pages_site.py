"""The site: stored whole, well formed, self-contained, safe with hostile text, equal for equal input."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from governance_assets.finding import Rule
from governance_assets.pages.model import ArtifactState, PageError, Rejected
from governance_assets.pages.render import template
from governance_assets.pages.site import MAX_FRONT_BYTES, answer, build, changes, matters
from governance_assets_tests import pages_example as example
from governance_assets_tests.stored_text import assert_stored

VOID = {"meta", "link", "br", "img", "hr", "input"}
NEVER = {"script", "iframe", "object", "embed", "img", "form", "base"}
MUST = Rule("must_hold", "it holds", "mend it", "error")
SHOULD = Rule("should_hold", "it holds", "look at it", "warn")


class Balance(HTMLParser):
    """Collects elements that are closed wrongly, and every element with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.problems.append(f"{tag} repeats an attribute at {self.getpos()}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> does not close what is open at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)


def without_banner(text: str) -> str:
    """A page without the banner of late alerts, which stands in it once, the same in every page: the only script there is."""
    banner = template("late.html").render()
    assert text.count(banner) == 1
    return text.replace(banner, "")


def parsed(text: str) -> Balance:
    parser = Balance()
    parser.feed(text)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def site():
    return build(example.front(), {"calibration": example.page()}, example.catalogue(), example.rejected())


@pytest.fixture(scope="module")
def hostile():
    return build(**example.hostile_site())


PAGES = ("index.html", "calibration.html", "data.html")


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_as_stored(site, name):
    assert_stored(f"site/{name}", site[name])


def test_the_site_has_a_page_for_each_domain_and_three_of_its_own(site):
    assert list(site) == ["index.html", "calibration.html", "catalogue.html", "data.html"]


def test_equal_input_gives_equal_text(site):
    assert build(example.front(), {"calibration": example.page()}, example.catalogue(), example.rejected()) == site


@pytest.mark.parametrize("which", ["site", "hostile"])
def test_every_page_is_well_formed(which, request):
    for name, text in request.getfixturevalue(which).items():
        page = parsed(text)
        assert page.problems == [], name
        assert page.open == [], name
        assert text.startswith("<!doctype html>"), name


@pytest.mark.parametrize("which", ["site", "hostile"])
def test_every_page_is_self_contained(which, request):
    for name, text in request.getfixturevalue(which).items():
        for tag, attributes in parsed(without_banner(text)).elements:
            assert tag not in NEVER, name
            assert not [attribute for attribute in attributes if attribute.startswith("on")], name
            for attribute in ("src", "href", "action", "srcset", "data", "poster"):
                target = attributes.get(attribute) or ""
                assert re.fullmatch(r"|data:,|#.*|[a-z_]+\.html(#.*)?", target, re.DOTALL), (name, tag, target)
        assert not re.search(r"@import|url\(", "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))), name


def test_links_lead_to_pages_and_places_that_exist(site):
    ids = {name: {attributes["id"] for _, attributes in parsed(text).elements if attributes.get("id")} for name, text in site.items()}
    for name, text in site.items():
        for tag, attributes in parsed(text).elements:
            target = attributes.get("href") or ""
            page, _, place = target.partition("#")
            # The made-up front page names artifacts that the made-up catalogue does not have.
            if tag in ("a", "use") and not (place.startswith("artifact-") and page == "catalogue.html"):
                assert (page or name) in site, target
                assert not place or place in ids[page or name], target


def test_hostile_text_is_shown_and_never_obeyed(hostile):
    for name, text in hostile.items():
        page = parsed(text)
        assert "<script" not in without_banner(text)
        assert "\x00" not in text
        assert "\u202e" not in text
        text.encode("utf-8")
        assert any("<script>alert(1)</script>" in shown for shown in page.text), name


def test_no_id_is_given_twice(site):
    for name, text in site.items():
        ids = [attributes["id"] for _, attributes in parsed(text).elements if attributes.get("id")]
        assert len(ids) == len(set(ids)), name


def test_a_verdict_is_told_by_word_and_shape_not_by_colour_alone(site):
    for name, text in site.items():
        for badge in re.findall(r'<span class="badge [a-z]+">(.*?)</span>', text):
            assert re.fullmatch(r'<svg class="shape".*?<use href="#shape-[a-z]+"/></svg>[A-Z][A-Za-z ]+', badge), name


def test_the_front_page_answers_first_then_tells_what_to_do(site):
    text = site["index.html"]
    places = [text.index(part) for part in ("Are we all right?", "What needs attention", "What could not be judged", "What arrived, and")]
    assert places == sorted(places)
    assert "<strong>Next step:</strong> refit the model, then look again" in text
    assert text.index("What arrived, and") < text.index("Do the stated uncertainties hold?")


def test_the_as_of_is_the_only_instant_beside_what_was_recorded(site):
    instants = set(re.findall(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", "".join(site.values())))
    assert instants == {"2025-11-03 06:30", "2025-11-03T06:30"}


@pytest.mark.parametrize("flag", [True, False])
def test_synthetic_data_is_labelled_on_every_page(flag):
    made = build(example.front(is_synthetic=flag), {"calibration": example.page()}, example.catalogue())
    assert all(("Synthetic data." in text) is flag for text in made.values())


def test_a_front_page_of_fifty_failing_artifacts_stays_small():
    findings = tuple(example.COVERAGE.judge(f"team-{n}-model", False, 0.6, 0.75) for n in range(60))
    recent = tuple((week, "fail") for week in example.weeks(26))
    states = tuple(
        ArtifactState(f"artifact_{n}", "calibration", partition_key="2025-10-27", findings=findings, recent=recent) for n in range(54)
    )
    text = build(example.front(states=states), {}, example.catalogue())["index.html"]
    assert len(text.encode()) < MAX_FRONT_BYTES / 2
    assert "and 20 more" in text


def test_too_large_a_front_page_is_refused():
    with pytest.raises(PageError, match="index.html: found"):
        build(example.front(notes=("x" * MAX_FRONT_BYTES,)), {}, example.catalogue())


@pytest.mark.parametrize("name", ["index", "catalogue", "data", "../x", "Über", "a/b", ""])
def test_a_page_cannot_take_another_place(name):
    with pytest.raises(PageError, match="page names"):
        build(example.front(), {name: example.page()}, example.catalogue())


def state(*findings, name="a", partition_key="2025-10-27"):
    return ArtifactState(name, "calibration", partition_key=partition_key, findings=findings)


@pytest.mark.parametrize(
    ("states", "word", "verdict", "told"),
    [
        ((), "Nothing is known yet", "never", "No artifact has been recorded"),
        ((state(MUST.judge("m", True)),), "Yes", "pass", "1 artifact: no check fails"),
        ((state(SHOULD.judge("m", False)),), "Yes, with warnings", "warn", "1 of 1 artifact warns: a."),
        (
            (state(MUST.judge("m", None)), state(SHOULD.judge("m", False))),
            "We cannot tell",
            "unknown",
            "1 of 2 artifacts cannot be judged in full: a. Nothing fails; 1 warns.",
        ),
        (
            (ArtifactState("a", "intake"), state(MUST.judge("m", True))),
            "We cannot tell",
            "unknown",
            "cannot be judged in full: a. Nothing fails.",
        ),
        ((state(SHOULD.judge("m", False), SHOULD.judge("n", None)),), "We cannot tell", "unknown", "in full: a. Nothing fails; 1 warns."),
        ((state(MUST.not_applicable("m", "no model")),), "We cannot tell", "unknown", "No check applied"),
        ((state(),), "We cannot tell", "unknown", "No check applied"),
        ((state(MUST.judge("m", False)), state(MUST.judge("m", None))), "No", "fail", "1 of 2 artifacts fails: a."),
        ((state(MUST.finding("m", "error", None, None)),), "No", "fail", "1 of 1 artifact fails"),
        ((state(MUST.judge("m", False), name="a"), state(MUST.judge("m", False), name="b")), "No", "fail", "2 of 2 artifacts fail: a, b."),
    ],
)
def test_the_answer(states, word, verdict, told):
    given = answer(states)
    assert (given.word, given.verdict) == (word, verdict)
    assert told in given.sentence


def test_matters_are_grouped_by_rule_and_sorted_worst_first():
    findings = (
        SHOULD.judge("b", False),
        MUST.judge("z", False),
        MUST.judge("y", False),
        MUST.judge("x", True),
        MUST.judge("w", None),
        MUST.not_applicable("v", "none"),
        SHOULD.finding("u", "error", None, None),
    )
    found = [(matter.verdict, [finding.subject for finding in matter.findings]) for matter in matters([state(*findings)])]
    assert found == [("error", ["u"]), ("fail", ["y", "z"]), ("warn", ["b"]), ("unknown", ["w"])]


def test_refused_records_are_counted_and_cut():
    records = tuple({"file": f"f{n:04}.csv", "record": 1, "found": "x"} for n in range(700))
    text = build(example.front(), {}, example.catalogue(), Rejected(records, 9000))["data.html"]
    assert "9,000 rows or files were refused. At most 500 records are shown" in text
    assert "f0499.csv" in text
    assert "f0500.csv" not in text


def test_nothing_refused_is_said():
    assert "Nothing was refused." in build(example.front(), {}, example.catalogue())["data.html"]


@pytest.mark.parametrize(
    ("recent", "shown", "told"),
    [
        ((("a", "pass"), ("b", "fail")), "b", ["one: pass to fail, b"]),
        ((("a", "fail"), ("b", "pass")), "b", ["one: fail to pass, b"]),
        ((("a", "pass"), ("b", "fail"), ("c", "fail")), "b", ["one: pass to fail, b"]),
        ((("a", "fail"), ("b", "fail")), "b", []),
        ((("a", "pass"), ("b", "not_applicable")), "b", []),
        ((("a", "unknown"), ("b", "fail")), "b", []),
        ((("b", "fail"),), "b", []),
        ((), "all", []),
    ],
)
def test_what_changed_is_a_verdict_other_than_in_the_partition_before(recent, shown, told):
    assert [one.text for one in changes([ArtifactState("one", "scores", partition_key=shown, recent=recent)])] == told


def test_the_gravest_change_comes_first():
    states = [
        ArtifactState(name, "scores", partition_key="b", recent=(("a", before), ("b", now)))
        for name, before, now in (("mended", "fail", "pass"), ("warned", "pass", "warn"), ("broken", "pass", "fail"))
    ]
    assert [one.text.split(":")[0] for one in changes(states)] == ["broken", "warned", "mended"]


def test_the_front_page_folds_what_is_more_than_a_glance():
    text = build(example.front(), {}, example.catalogue())["index.html"]
    assert text.index("What changed") < text.index("What must I decide") < text.index("item 4") < text.index("2 more lines")
    assert "Nothing waits for a decision." in build(example.front(to_decide=()), {}, example.catalogue())["index.html"]


@pytest.mark.parametrize(("failing", "told"), [(4, "a0, a1, a2, a3."), (5, "a0, a1, a2, a3 and 1 more.")])
def test_an_answer_names_a_few_and_counts_the_rest(failing, told):
    states = [ArtifactState(f"a{n}", "scores", partition_key="all", findings=(MUST.judge("x", False),)) for n in range(failing)]
    assert answer(states).sentence == f"{failing} of {failing} artifacts fail: {told}"
