"""The book's own Sphinx extension: the cache's name, the glossary, and the finishing of pages."""

import importlib.util

import pytest
import rules
from docutils import nodes
from docutils.core import publish_doctree
from sphinx.errors import ExtensionError


@pytest.fixture(scope="module")
def course():
    path = rules.ROOT / "book" / "_ext" / "course.py"
    spec = importlib.util.spec_from_file_location("course_extension", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path):
    (tmp_path / "aelib").mkdir()
    (tmp_path / "aelib" / "models.py").write_text("x = 1\n")
    (tmp_path / "constraints.txt").write_text("torch==2\n")
    return tmp_path


def test_cache_is_named_by_library_and_pins(course, project):
    first = course.cache_folder(project)
    assert first == course.cache_folder(project)
    assert first.parent == project / "_build" / ".jupyter_cache"
    (project / "README.md").write_text("text")
    (project / "aelib" / "__pycache__").mkdir()
    (project / "aelib" / "__pycache__" / "models.pyc").write_text("x")
    assert course.cache_folder(project) == first, "neither prose nor byte code counts"


@pytest.mark.parametrize("change", ["edit", "new file", "new name", "pins", "widget"])
def test_cache_changes_with(course, project, change):
    first = course.cache_folder(project)
    source = project / "aelib" / "models.py"
    if change == "edit":
        source.write_text("x = 2\n")
    elif change == "new file":
        (project / "aelib" / "data.py").write_text("")
    elif change == "new name":
        source.rename(project / "aelib" / "networks.py")
    elif change == "widget":
        (project / "aelib" / "static").mkdir()
        (project / "aelib" / "static" / "cloud.js").write_text("")
    else:
        (project / "constraints.txt").write_text("torch==3\n")
    assert course.cache_folder(project) != first


def test_glossary_has_an_anchor_and_a_sentence_for_each_term(course):
    terms = course.glossary(rules.ROOT)
    assert len(terms) > 40
    anchor, sentence = terms["encoder"]
    assert anchor == "encoder"
    assert sentence == "The first half of an autoencoder: it turns an input into a code."
    assert terms["k-nearest-neighbour accuracy"][0] == "k-nearest-neighbour-accuracy"
    assert terms["fréchet distance"][0] == "frechet-distance", "as the page's own anchor is"
    assert not [s for _, s in terms.values() if "[" in s or "<" in s or "$" in s]


def test_each_term_has_its_chinese_counterpart():
    text = (rules.ROOT / "book" / "glossary.md").read_text("utf-8")
    assert text.count("\n### ") == text.count('<span lang="zh">')


class App:
    """As much of a Sphinx application as the linking of terms asks for."""

    srcdir = rules.ROOT

    class builder:
        format = "html"

        @staticmethod
        def get_relative_uri(_, page):
            return f"../{page}.html"


def linked(course, text):
    """The links to the glossary that a chapter with this text (in reStructuredText) gets."""
    tree = publish_doctree(text)
    course.link_terms(App, tree, "notebooks/03_autoencoders")
    links = tree.findall(nodes.reference)
    return [(link.astext(), link["refuri"].partition("#")[2]) for link in links]


def test_a_term_is_linked_once(course):
    text = "An encoder. Two encoders, and a decoder; the *sigmoid* too."
    expected = [("encoder", "encoder"), ("decoder", "decoder"), ("sigmoid", "sigmoid")]
    assert linked(course, text) == expected


def test_the_longest_term_is_linked(course):
    assert linked(course, "A linear autoencoder.") == [("linear autoencoder", "linear-autoencoder")]


def test_code_titles_and_parts_of_words_are_left_alone(course):
    assert linked(course, "``encoder`` and encoder-like, encoded, signature") == []
    assert linked(course, "The encoder\n===========\n\nText.\n\nMore\n====\n\nText.") == []


def test_a_link_to_the_whole_glossary_goes_to_its_term(course):
    text = "`logits <../book/glossary.html>`__ and `k-nearest-neighbour <../book/glossary.html>`__"
    found = linked(course, text)
    expected = [("logits", "logit"), ("k-nearest-neighbour", "k-nearest-neighbour-accuracy")]
    assert found == expected


def test_icons_are_drawn_in_the_page(course):
    page = course.finish_page(
        '<head><script defer src="../_static/scripts/fontawesome.js?digest=1"></script></head>'
        '<i class="theme-switch fa-solid fa-sun fa-lg" data-mode="light" title="Light"></i>'
        '<i class="fab fa-github"></i><i class="fa-solid fa-no-such-icon"></i>'
    )
    assert "fontawesome" not in page
    assert page.count("<svg") == 2
    assert 'class="svg-inline--fa theme-switch fa-sun fa-lg"' in page
    assert 'data-mode="light"' in page
    assert "fa-no-such-icon" in page, "what has no drawing is left as it was"


def test_formulas_bring_their_script_and_nothing_else_does(course):
    script = '<script defer src="../mathjax/tex-chtml.js?v=1"></script>'
    assert script in course.finish_page(script + '<span class="math">x</span>')
    assert "script" not in course.finish_page(script + "<p>no formula</p>")


def test_a_page_shows_the_widget_of_a_chapter(course, tmp_path):
    widget = (
        '<div class="aelib-widget" data-aelib="12ab" data-aelib-kind="two">\n<style>a{}</style>\n'
        '<figure></figure>\n<script type="application/json">{}</script>\n</div>\n'
        '<script type="module">\nlet a;\n</script>'
    )
    other = widget.replace('"two"', '"one"').replace("12ab", "34cd")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "03_x.html").write_text(f"<p>a</p>{other}<p>b</p>{widget}<p>c</p>")
    page = course.place_widgets("<p>d</p><!-- widget two of notebooks/03_x --><p>e</p>", tmp_path)
    assert widget in page and "34cd" not in page
    assert page.startswith("<p>d</p><div") and page.endswith("</div><p>e</p>")
    assert course.place_widgets(page, tmp_path) == page
    for gone in ("three of notebooks/03_x", "two of notebooks/04_y"):
        with pytest.raises(ExtensionError, match="shows no widget"):
            course.place_widgets(f"<!-- widget {gone} -->", tmp_path)


def test_finishing_twice_changes_nothing(course):
    page = (
        '<html data-theme="auto"><div id="pst-primary-sidebar" class="x">'
        '<i class="fa-solid fa-bars"></i><summary aria-label="Toggle hidden content">'
    )
    once = course.finish_page(page)
    assert once != page
    assert course.finish_page(once) == once
