"""Questions in a real browser: chosen and checked with keys alone, told in words, and still there
without scripts.

The page is written here. That a chapter with questions is as sound as any other page is tested in
test_pages.py.
"""

import browser as machinery
import live
import pytest

from aelib.questions import Questions

TEXT = """
1. Which number is even, if *x*_{1} counts as one and every other is what it seems to be at a
   first look?

   (A) 1
       wrong: One is odd: half of it is no whole number.
   (B) 2
       right: Two is even: half of it is one.
   (C) 3, which is what comes next when one counts on from one and two, as a long option would
       wrong: Three is odd: half of it is no whole number either.

2. Which is odd?

   (A) 4
       wrong: Four is even, as it is two times two.
   (B) 5
       right: Five is odd: it is two times two, and one.
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    one = Questions(TEXT)._repr_html_()
    unstarted = one.replace('type="module"', 'type="text/plain"')
    for name, body in {"one": one, "two": one + one, "unstarted": unstarted}.items():
        (folder / f"{name}.html").write_text(live.PAGE.format(body), "utf-8")
    with machinery.serving(folder) as served:
        yield served


@pytest.fixture
def page(chromium, address):
    with live.window(chromium, f"{address}one.html") as opened:
        yield opened


def told(page, number=1):
    """What stands in a question's live region."""
    return page.locator(".aelib-verdict").nth(number - 1).inner_text().strip()


def score(page):
    return page.locator(".aelib-score").first.inner_text()


def focus(page):
    return page.evaluate(
        "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
    )


def answer(page, number, letter):
    question = page.locator(".aelib-question").nth(number - 1)
    question.get_by_role("radio").nth("ABC".index(letter)).check()
    question.get_by_role("button").click()
    return told(page, number)


# ------------------------------------------------------------------------------------ with keys alone
def test_arrow_keys_choose_and_give_nothing_away(page):
    page.keyboard.press("Tab")
    seen = [focus(page)]
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(focus(page))
        assert told(page) == ""
    assert [text[0] for text in seen] == list("ABCBC")
    assert page.locator(":checked").count() == 1
    assert page.locator(".aelib-mark").all_inner_texts() == [""] * 5
    assert score(page) == "0 of 2 tried, 0 right at the first try."


def test_a_reader_answers_all_with_keys(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert focus(page) == "Check"
    page.keyboard.press("Enter")
    assert told(page) == "✗ A is wrong. One is odd: half of it is no whole number."
    assert focus(page) == "Check", "the focus stays where it was"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # on an option, too
    assert told(page) == "✓ B is right. Two is even: half of it is one."
    assert score(page) == "1 of 2 tried, 0 right at the first try."
    for _ in range(3):  # Check, the answer's fold, the next question
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert focus(page).startswith("B")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert told(page, 2) == "✓ B is right. Five is odd: it is two times two, and one."
    assert score(page) == "1 of 2 right at the first try."
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "A is wrong. Four is even" in page.locator("details[open]").inner_text()


def test_where_the_focus_is_can_be_seen(page):
    for _ in range(5):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style in {"solid", "auto"}, focus(page)


# ------------------------------------------------------------------------------------ what is said
def test_each_option_has_its_own_word(page):
    assert answer(page, 1, "A").startswith("✗ A is wrong. One is odd")
    assert answer(page, 1, "C").startswith("✗ C is wrong. Three is odd")
    assert answer(page, 1, "B").startswith("✓ B is right. Two is even")
    assert answer(page, 2, "A").startswith("✗ A is wrong. Four is even")
    assert told(page, 1).startswith("✓ B"), "one question leaves the other alone"
    marks = page.locator(".aelib-mark").all_inner_texts()
    assert [text[:1] for text in marks] == ["✗", "✓", "✗", "✗", ""]


def test_only_the_first_try_counts(page):
    answer(page, 1, "B")
    assert score(page) == "1 of 2 tried, 1 right at the first try."
    answer(page, 1, "A")
    answer(page, 2, "A")
    answer(page, 2, "B")
    assert score(page) == "1 of 2 right at the first try."


def test_nothing_chosen_is_no_try(page):
    page.get_by_role("button").first.click()
    assert told(page) == "Choose an option first."
    assert score(page) == "0 of 2 tried, 0 right at the first try."
    assert answer(page, 1, "B").startswith("✓")


def test_names_and_roles(page):
    groups = page.get_by_role("group").evaluate_all("(es) => es.map((e) => e.tagName)")
    assert groups.count("FIELDSET") == 2
    first = page.get_by_role("group", name="Question 1. Which number is even, if x1 counts")
    assert first.get_by_role("radio", name="B 2", exact=True).count() == 1
    assert first.get_by_role("button", name="Check question 1", exact=True).inner_text() == "Check"
    answer(page, 1, "A")
    assert first.get_by_role("radio", name="A 1 (wrong)").count() == 1
    assert first.get_by_role("status").inner_text().startswith("✗ A is wrong.")
    shown = page.locator(".aelib-mark").first.evaluate(
        "(e) => [...e.children].map((c) => c.getBoundingClientRect().width > 2)"
    )
    assert shown == [True, False], "the sign for the eye, the words for the ear"


def test_questions_on_one_page_leave_each_other_alone(chromium, address):
    with live.window(chromium, f"{address}two.html") as page:
        radios = page.get_by_role("radio")
        assert radios.count() == 10
        for k in (0, 3, 5, 8):
            radios.nth(k).check()
        assert page.locator(":checked").count() == 4


# ------------------------------------------------------------------------------------ how it looks
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800])
def test_it_can_be_read_by_all(chromium, address, theme, width):
    size = {"width": width, "height": 740}
    with live.window(chromium, f"{address}one.html", viewport=size) as page:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert not live.troubles(page)
        answer(page, 1, "A")
        answer(page, 2, "B")
        page.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
        assert not live.troubles(page)
        small = page.locator(".aelib-options label, .aelib-live button").evaluate_all(
            "(es) => es.filter((e) => e.getBoundingClientRect().height < 24).length"
        )
        assert not small, "too small for a finger"


@pytest.mark.parametrize("width", [360, 800])
def test_an_answer_moves_nothing_above_it(chromium, address, width):
    size = {"width": width, "height": 740}
    with live.window(chromium, f"{address}one.html", viewport=size) as page:
        above = page.locator(".aelib-question").first.locator("legend, label, button")
        places = "(es) => es.map((e) => e.getBoundingClientRect().top + scrollY)"
        before = above.evaluate_all(places)
        assert len(before) == 5
        answer(page, 1, "C")
        assert above.evaluate_all(places) == before


@pytest.mark.parametrize("width", [360, 800])
def test_the_page_does_not_jump_when_scripts_start(chromium, address, width):
    """What is seen before they have run is as high, and its parts stand where they will stand."""
    size = {"width": width, "height": 740}
    places = "(es) => es.map((e) => e.getBoundingClientRect().top)"
    parts = ".aelib-options > *, summary, .aelib-score, #after"
    with live.window(chromium, f"{address}one.html", viewport=size) as page:
        found = page.locator(parts).evaluate_all(places)
        page.goto(f"{address}unstarted.html")
        assert page.locator(".aelib-still").count() == 1
        assert page.locator(parts).evaluate_all(places) == pytest.approx(found, abs=1)


def test_without_scripts_questions_and_answers_are_there(chromium, address):
    with live.window(chromium, f"{address}one.html", java_script_enabled=False) as page:
        assert page.locator(".aelib-still").is_visible()
        assert page.locator("li").all_inner_texts()[3:] == ["A 4", "B 5"]
        assert page.locator("input, button").count() == 0, "nothing that would do nothing"
        assert not page.locator("details p").first.is_visible()
        page.locator("summary").first.click()
        assert page.locator("details p").first.inner_text().startswith("B is right. Two is even")
        assert page.locator(".aelib-try").first.bounding_box() is None, "no empty room"


def test_with_scripts_the_still_form_is_gone(page):
    assert page.locator(".aelib-still, li").count() == 0
    assert page.locator("fieldset").count() == 2
