"""HTML to pieces of text: what a reader sees stays, what the page is built of goes."""

import pytest

from penname.corpus.clean import CleanBody, clean_body


def text(source: str, *, code: bool = False) -> str:
    return clean_body(source, "tinymce", code=code).text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<p>One.<p>Two.", "One.\n\nTwo."),
        ("<div>One.<div>Two.</div>Three.</div>", "One.\n\nTwo.\n\nThree."),
        ("bare text", "bare text"),
        ("<h2>Title</h2>text", "Title\n\ntext"),
        ("<p>a <b>b</b><i>c</i> d</p>", "a bc d"),
        ("<p>a\n   b&nbsp;&nbsp;c</p>", "a b c"),
        ("<p>one<br>two<br/>three</p>", "one\ntwo\nthree"),
        ("<p>one<br><br>two</p>", "one\n\ntwo"),
        ("<p>&lt;3 &amp; a &lt; b &eacute; &#x1F600;</p>", "<3 & a < b é 😀"),
        ("<blockquote><p>Said.</p></blockquote>", "Said."),
        ("<p>&nbsp;</p><p> </p><p>x</p>", "x"),
        ("<dl><dt>Term</dt><dd>Meaning</dd></dl>", "Term\n\nMeaning"),
        ("<details><summary>More</summary>Inside</details>", "More\n\nInside"),
        ("<p>10<sup>6</sup> and 1<sup>st</sup> and H<sub>2</sub>O</p>", "10⁶ and 1st and H2O"),
        ("<p>He said <q>no</q>.</p>", 'He said "no".'),
        ("<p>wo<wbr>rd</p>", "word"),
        ("<p>a note <a href='#n1'>[1]</a>, b</p>", "a note, b"),
        ("<p>a<img src=x>b</p>", "a b"),
        ("<p>fine <img class='emoji' alt='🙂' src=x></p>", "fine 🙂"),
        ("<p>use <code>ls -l</code> now</p>", "use ls -l now"),
        ("<p>the <code>&lt;video&gt;</code> tag</p>", "the <video> tag"),
        ("<frameset><frame></frameset>text", "text"),
        ("<!doctype html><html><head><title>T</title></head><body><p>x</p></body></html>", "x"),
    ],
)
def test_prose(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<ol start=5><li>a<li value=9>b<li>c</ol>", "5. a\n9. b\n10. c"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n- b\n- c"),
        ("<ul><li><ul><li>deep</li></ul></li></ul>", "- deep"),
        ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "- a\n- b"),
        ("<ul><li>a<br>more</li></ul>", "- a\nmore"),
        ("<ul><li>• a</li><li>- b</li></ul>", "- a\n- b"),
        ("<ul><li></li><li>a</li></ul>", "- a"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n- b"),
        ("before<ul><li>a</li></ul>after", "before\n\n- a\n\nafter"),
        ("<li>alone", "- alone"),
        ("<ul><li><input type=checkbox> done</li></ul>", "- done"),
    ],
)
def test_lists(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>hidden()</script>",
        "<script>// <![CDATA[\nvar hidden = '<p>hidden</p>';\n// ]]></script>",
        "<style>.hidden{}</style>",
        "<template><p>hidden</p></template>",
        "<noscript>hidden</noscript>",
        "<iframe src=x>hidden</iframe>",
        "<svg><text>hidden</text></svg>",
        "<object>hidden</object>",
        "<video>hidden</video><audio>hidden</audio><canvas>hidden</canvas>",
        "<textarea>hidden</textarea><select><option>hidden</option></select><button>hidden</button>",
        "<form><label>hidden</label><input value=hidden></form>",
        "<!-- hidden -->",
        "<![CDATA[hidden]]>",
        "<p hidden>hidden</p>",
        "<p style='color: red; DISPLAY : none !important'>hidden</p>",
        "<p style='visibility:hidden'>hidden</p>",
        "<span aria-hidden=true>hidden</span>",
        "<dialog>hidden</dialog>",
        "<img src='data:image/png;base64,hidden' alt=hidden>",
        "<figure><img src=x><figcaption>hidden</figcaption></figure>",
        "<hr id='read-more'>",
        "<blockquote class='twitter-tweet'><p>hidden</p></blockquote>",
        "<publii-amp>hidden</publii-amp>",
        "<p><a href='#hidden'>¶</a></p>",
        "<sup><a href='#fn1'>1</a></sup>",
        "<a href='#_ftn1'>[12]</a>",
        "<p>* * *</p>",
        "<p>https://example.org/embedded</p>",
        "<p>________________</p>",
        "<pre>hidden</pre>",
    ],
)
def test_what_no_reader_sees_goes(hidden: str) -> None:
    assert text(f"<p>before</p>{hidden}<p>after</p>") == "before\n\nafter"


@pytest.mark.parametrize(
    "kept",
    [
        "<p class=hidden>kept</p>",
        "<table style='border-style: hidden'><tr><td>kept</td></tr></table>",
        "<p style='display: block; --x-display: nonesuch'>kept</p>",
        "<label>kept</label>",
        "<form><p>kept</p></form>",
        "<dialog open>kept</dialog>",
        "<figure><blockquote>said</blockquote><figcaption>kept</figcaption></figure>",
        "<publii-non-amp>kept</publii-non-amp>",
        "<unknown-element>kept</unknown-element>",
        "<footer>kept</footer>",
    ],
)
def test_what_only_looks_hidden_stays(kept: str) -> None:
    assert "kept" in text(kept)


@pytest.mark.parametrize(
    "contents",
    [
        "<div class='post__toc'><h3>Pages</h3><ul><li><a href='#a'>One</a></li></ul></div>",
        "<ul><li><a href='#a'>One</a></li><li><a href='#b'>Two</a><ol><li><a href='#c'>2.1 Three</a></ol></ul>",
        "<h2>Table of contents</h2><ol><li><a href='#a'>One</a></li><li><a href='#b'>Two</a></li></ol>",
        "<nav><a href='#a'>One</a> | <a href='#b'>Two</a></nav>",
        "<p><a href='#a'>One</a><br><a href='#b'>Two</a></p>",
        "<div id='toc'><p>Contents</p><a href='#a'>One</a></div>",
    ],
)
def test_a_table_of_contents_goes(contents: str) -> None:
    assert text(f"<p>before</p>{contents}<p>after</p>") == "before\n\nafter"


@pytest.mark.parametrize(
    "links",
    [
        "<ul><li><a href='#a'>One</a></li><li><a href='https://x.org'>Two</a></li></ul>",
        "<ul><li><a href='#INTERNAL_LINK#/post/1'>One</a></li><li><a href='#INTERNAL_LINK#/post/2'>Two</a></li></ul>",
        "<ul><li><a href='#a'>One</a> is explained here</li><li><a href='#b'>Two</a></li></ul>",
        "<p>See <a href='#a'>One</a> and <a href='#b'>Two</a></p>",
        "<div class='toc'>One Two. More than twelve words stand here, so it is an article. <a href='#a'>Up.</a></div>",
    ],
)
def test_other_lists_of_links_stay(links: str) -> None:
    assert "One" in text(links) and "Two" in text(links)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "<table><thead><tr><th>Name</th><th>Age</th></tr></thead><tr><td>Ann</td><td>9</td></tr></table>",
            "Name; Age\nAnn; 9",
        ),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td></td></tr></table>", "a; b\nc"),
        (
            "<table><tr><th>Height</th><td>2 m</td></tr><tr><th>Width</th><td>1 m</td></tr></table>",
            "Height: 2 m\nWidth: 1 m",
        ),
        (
            "<table><tr><td>Price:</td><td>2</td></tr><tr><td>Tax:</td><td>1</td></tr></table>",
            "Price: 2\nTax: 1",
        ),
        ("<table><caption>Cap</caption><tr><th>a<th>b<tr><td>c<td>d<br>e</table>", "Cap\n\na; b\nc; d e"),
        ("<table><tr><td><p>One.</p><p>Two.</p></td></tr></table>", "One.\n\nTwo."),
        (
            "<table><tr><td><h2>Left</h2></td><td>Right</td></tr><tr><td>a</td><td>b</td></tr></table>",
            "Left\n\nRight\n\na\n\nb",
        ),
        (
            f"<table><tr><td>a</td><td>{'long ' * 100}</td></tr><tr><td>b</td><td>c</td></tr></table>",
            f"a\n\n{'long ' * 99}long\n\nb\n\nc",
        ),
        ("<table><tr><td><table><tr><td>in</td></tr></table></td><td>out</td></tr></table>", "in\n\nout"),
        (
            "<table role=presentation><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
            "a\n\nb\n\nc\n\nd",
        ),
        ("<p>x<table><tr><th>a<th>b<tr><td hidden>c<td>d</table>y", "x\n\na; b\nd\n\ny"),
    ],
)
def test_tables(source: str, expected: str) -> None:
    assert text(source) == expected


def test_code_blocks_are_kept_on_request() -> None:
    source = "<p>Run:</p><pre><code>if x:\n    <span>y</span> = 1\n\n\tz &lt;p&gt;</code></pre><p>Done.</p>"
    assert text(source) == "Run:\n\nDone."
    assert text(source, code=True) == "Run:\n\nif x:\n    y = 1\n\n\tz <p>\n\nDone."


def test_links_and_images_are_counted() -> None:
    source = (
        "<p><a href='https://x.org'>a</a> <a href='#INTERNAL_LINK#/post/2'>b</a> <a href='/c'>c</a> "
        "<a href='#d'>dd e</a>"
        "<a name=e>e</a> <a href='javascript:f()'>f</a></p><img src=1><figure><img src=2></figure>"
        "<p hidden><a href='https://y.org'>g</a><img src=3></p>"
    )
    assert clean_body(source, "tinymce") == CleanBody("a b c dd ee f", links=3, images=2)


@pytest.mark.parametrize("tag", ["div", "ul><li", "blockquote", "b", "span", "table><tr><td", "section"])
def test_deep_nesting_is_no_recursion(tag: str) -> None:
    assert "inside" in text(f"<{tag}>" * 3000 + "inside")


def test_many_contents_within_one_another_stay_quick() -> None:
    text("<ul><li><a href='#a'>word</a>" * 3000 + "end")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("10<sup>−3</sup> 10<sup>2.5</sup> 10<sup>-x</sup>", "10⁻³ 10^2.5 10^(-x)"),
        ("5 km<sup>2</sup>, x<sup>2</sup>, E=mc<sup>2</sup>, (a+b)<sup>2</sup>", "5 km², x², E=mc², (a+b)²"),
        ("2<sup>n</sup> 2<sup>n+1</sup> e<sup>x</sup> Ca<sup>2+</sup> χ<sup>2</sup>", "2ⁿ 2ⁿ⁺¹ e^x Ca²⁺ χ²"),
        ("said.<sup>2,3</sup> A word<sup>4</sup> and <sup>[5]</sup> price<sup>*</sup>", "said. A word and price"),
        ("1<sup>st</sup> M<sup>me</sup> XIX<sup>e</sup> Acme<sup>TM</sup> 20<sup>o</sup>C", "1st Mme XIXe AcmeTM 20°C"),
        ("in 2010<sup><a href='#n'>1</a></sup> and<sup class='footnote-ref'>7</sup>", "in 2010 and"),
        ("3<sup>1</sup>/<sub>2</sub> cups, <sup>3</sup>&frasl;<sub>4</sub>", "3 1/2 cups, 3⁄4"),
        ("H<sub>2</sub>O, log<sub>2</sub>8, x<sub>i</sub>, V<sub>max</sub>", "H2O, log₂8, x_i, V_max"),
        ("x <sub>small words</sub> y", "x small words y"),
        ("2<sup>3<sup>2</sup></sup>", "2^(3²)"),
    ],
)
def test_raised_and_lowered_text_is_not_glued(source: str, expected: str) -> None:
    assert text(f"<p>{source}</p>") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<mfrac><mn>3</mn><mn>4</mn></mfrac>", "3/4"),
        ("<mn>2</mn><mfrac><mn>3</mn><mn>4</mn></mfrac>", "2 3/4"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac>", "(a+b)/(2a)"),
        ("<msup><mn>10</mn><mn>6</mn></msup>", "10⁶"),
        ("<msup><mi>e</mi><mrow><mo>-</mo><mi>x</mi></mrow></msup>", "e^(-x)"),
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", "√(a+b)"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "∛x"),
        ("<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>", "x₁²"),
        ("\n <mi>sin</mi>\n <mi>x</mi>\n", "sin x"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", "x\u0304"),
        ("<mmultiscripts><mi>C</mi><mprescripts/><none/><mn>14</mn></mmultiscripts>", "¹⁴C"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a, b)"),
        ("<semantics><mi>x</mi><annotation encoding='application/x-tex'>no</annotation></semantics>", "x"),
        ("<semantics><mrow></mrow><annotation encoding='application/x-tex'>x^2</annotation></semantics>", "x^2"),
    ],
)
def test_mathml_is_read_on_one_line(source: str, expected: str) -> None:
    assert text(f"<p>Take <math>{source}</math>.</p>") == f"Take {expected}."


def test_what_mathjax_and_katex_leave_is_read_once() -> None:
    katex = (
        "<span class='katex'><span class='katex-mathml'><math><semantics><msup><mi>c</mi><mn>2</mn></msup>"
        "<annotation encoding='application/x-tex'>c^2</annotation></semantics></math></span>"
        "<span class='katex-html' aria-hidden='true'>c2</span></span>"
    )
    assert text(f"<p>So {katex}.</p>") == "So c²."
    assert text("<p>So <script type='math/tex'>a/b</script>.</p>") == "So a/b."
    read = "<span class='MathJax'><math><mi>a</mi></math></span><script type='math/tex'>a</script>"
    assert text(f"<p>So {read} and <script type='math/tex'>b</script>.</p>") == "So a and b."
    assert text("<p>So <img class='latex' alt='x^2' src=x>.</p>") == "So x^2."
    assert text("<p>So <math display=block><mi>x</mi></math> holds.</p>") == "So\nx\nholds."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<pre class='wp-block-verse'>The sea,<br>and I.</pre>", "The sea,\nand I."),
        ("<pre>Dear Anna,\n\nI am   well.\n\nYours, Tom</pre>", "Dear Anna,\n\nI am well.\n\nYours, Tom"),
        (
            "<pre>The <a href='https://x.org'>sea</a> is <em>grey</em>\nand so am I.</pre>",
            "The sea is grey\nand so am I.",
        ),
        ("<xmp>Dear Anna,\nall of us are well.</xmp>", "Dear Anna,\nall of us are well."),
        (
            "<pre>The sea<restore-line-break>is grey<restore-line-break/>and it is cold.</pre>",
            "The sea\nis grey\nand it is cold.",
        ),
        ("<p>one<line-break></line-break>two<restore-line-break>three</p>", "one\ntwo\nthree"),
        ("<p style='white-space: pre-line'>one\ntwo</p>", "one\ntwo"),
        ("<pre>docker compose up -d</pre>", ""),
        ("<pre class='language-text'>The sea is grey,\nand so am I.</pre>", "The sea is grey,\nand so am I."),
        ("<pre class='brush: plain'>The sea is grey, and so am I.</pre>", ""),
        ("<pre><code class='language-sh'>It is the end of it.</code></pre>", ""),
        ("<div class='highlight'><pre>It is the end of it.</pre></div>", ""),
    ],
)
def test_preformatted_prose_stays_and_programs_go(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<span style='display:block'>a</span><span style='display: block;'>b</span>", "a\nb"),
        ("x <a style='display:flex !important'>a</a> <a style='DISPLAY:GRID'>b</a> y", "x\na\nb\ny"),
        ("<b style='display:list-item'>a</b><b style='display:table'>b</b>", "a\nb"),
        ("<span style='display:inline-block'>a</span><span style='display:inline'>b</span>", "ab"),
        (
            "a<span class='sr-only'>no</span><i class='x screen-reader-text'>no</i><u class='visually-hidden'>no</u>",
            "a",
        ),
        ("a<span style='position:absolute; left:-9999px'>no</span><span style='clip: rect(0, 0, 0, 0)'>no</span>", "a"),
        (
            "a<span style='font-size:0'>no</span><span style='opacity: 0'>no</span><span style='opacity:0.5'>b</span>",
            "ab",
        ),
    ],
)
def test_a_style_ends_a_line_or_hides(source: str, expected: str) -> None:
    assert text(f"<p>{source}</p>") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<td>10</td><td><ul><li>a</li><li>b</li></ul></td>", "10; a, b"),
        ("<td>10</td><td>of: <ol><li>One.</li><li>Two.</li></ol></td>", "10; of: One. Two."),
        ("<td>10</td><td><p>a</p><p>b</p></td>", "10; a b"),
        ("<td>10</td><td><pre>ls -l</pre></td>", "10; ls -l"),
        ("<td>10</td><td><pre>if x:\n    y = {}\n</pre>a</td>", "10; a"),
        ("<td>10</td><td><iframe src=x></iframe><video></video><figure><img src=x></figure>a</td>", "10; a"),
        ("<td>10</td><td><blockquote>a</blockquote></td>", "10; a"),
    ],
)
def test_no_cell_unmakes_a_data_table(source: str, expected: str) -> None:
    assert text(f"<table><tr><th>N</th><th><h3>What</h3></th></tr><tr>{source}</tr></table>") == f"N; What\n{expected}"


def test_the_foot_of_a_table_is_last() -> None:
    foot = "<tfoot><tr><td>Sum</td><td>3</td></tr></tfoot>"
    rows = "<thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody>"
    assert text(f"<table>{foot}{rows}</table>") == "a; b\n1; 2\nSum; 3"
    layout = "<table><tfoot><tr><td>foot<h2>h</h2></td></tr></tfoot><tbody><tr><td>body</td></tr></tbody></table>"
    assert text(layout) == "body\n\nfoot\n\nh"


@pytest.mark.parametrize(
    ("caption", "stays"),
    [
        ("We slept in the old barn that night.", True),
        ("Why did nobody tell us?", True),
        ("The ferry to Naxos just before the storm that kept us there for days", True),
        ("The old barn", False),
        ("The barn.", False),
        ("Photo by John Smith, used with permission.", False),
        ("Fuente: publico.es", False),
    ],
)
def test_a_caption_that_says_something_stays(caption: str, stays: bool) -> None:
    figure = f"<figure><img src=x><figcaption><p>{caption}</p></figcaption></figure>"
    wordpress = f"<div class='wp-caption'><img src=x><p class='wp-caption-text'>{caption}</p></div>"
    for source in (figure, wordpress):
        body = clean_body(f"<p>a</p>{source}<p>b</p>", "tinymce")
        assert body.text == (f"a\n\n{caption}\n\nb" if stays else "a\n\nb")
        assert body.caption_words == (0 if stays else len(caption.split()))


def test_a_label_stays_where_its_figure_holds_text() -> None:
    assert text("<figure><figcaption>Ann</figcaption><blockquote>Said.</blockquote></figure>") == "Ann\n\nSaid."
    assert text("<figure><figure><img><figcaption>a</figcaption></figure><blockquote>b</blockquote></figure>") == "b"
    table = "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>"
    assert text(f"<figure>{table}<figcaption>Table 1</figcaption></figure>") == "a; b\nc; d\n\nTable 1"


@pytest.mark.parametrize("source", ["<math>", "<math><mi>", "<math><mfrac></mfrac></math>", "<math display='block'>"])
def test_an_empty_formula_is_nothing(source: str) -> None:
    assert not clean_body(source, "tinymce").text
    assert clean_body(f"<p>a</p>{source}", "tinymce").text == "a"
