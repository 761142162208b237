"""A wide table in a notebook."""

from memlab.present.wide import Wide


def test_it_is_its_text_and_safe_html():
    text = Wide("a <b> & c\n  d")
    assert text == "a <b> & c\n  d" == repr(text)
    assert "a &lt;b&gt; &amp; c\n  d" in text._repr_html_()
    assert "white-space: pre;" in text._repr_html_()
