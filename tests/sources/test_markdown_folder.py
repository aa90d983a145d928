"""Markdown folders of each generator: what is a post, its head, its text, its address."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core.errors import PennameError
from penname.corpus.clean import clean_body
from penname.corpus.read import read_blog
from penname.sources.find import open_source
from penname.sources.front_matter import day_of, parse_yaml, split_head
from penname.sources.markdown_text import plain_markdown
from penname.sources.post import Counts, Post, Wanted

ALL = Wanted(pages=True, drafts=True, trashed=True)


def folder_of(folder: Path, **files: str) -> Path:
    """Write files; `__` in a name is a slash, `_md` at its end an ending."""
    return files_in(folder, {f"{name.replace('__', '/')}.md": text for name, text in files.items()})


def files_in(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


def posts_of(path: Path, wanted: Wanted = ALL) -> list[Post]:
    with open_source(path, wanted) as source:
        assert source.platform == "Markdown"
        return list(source.posts())


def one(folder: Path, text: str, name: str = "a-post.md") -> Post:
    (post,) = posts_of(files_in(folder, {name: text}))
    return post


def test_real_files_are_counted_exactly(shared_data: Path) -> None:
    folder = shared_data / "sources" / "markdown" / "TryGhost+migrate"
    with open_source(folder) as source:
        found = {post.id.rpartition("__")[2]: post for post in source.posts()}
        assert source.counts == Counts(live=12, drafts=1)
    assert len(list(folder.iterdir())) == 13 and "2022-06-05-published-false.md" not in found
    assert found["unquoted-date.markdown"].date == "2022-06-06" and found["my-first-post.md"].author == "Persons Name"
    assert found["2021-9-1-alt-date-format.md"].date == "2021-09-01"
    assert found["2022-06-03-front-matter-tags-cats.md"].tags == (
        "dolor", "Simet-Amet", "Lorem Ipsum", "Posts", "Articles", "News",
    )  # fmt: skip
    for post in read_blog(folder).posts:
        assert "<" not in post.text and "![" not in post.text and "](" not in post.text


HEADS = [
    ("---\ntitle: A title\ndate: 2020-01-31T23:30:00-05:00\ntags: [sea, 'two words']\n---\nText.", "2020-01-31"),
    (
        '---\r\ntitle: "A title"\r\ndate: "2020-01-31"\r\ntags:\r\n  - sea\r\n  - two words\r\n---\r\nText.',
        "2020-01-31",
    ),
    ('+++\ntitle = "A title"\ndate = 2020-01-31T23:30:00-05:00\ntags = ["sea", "two words"]\n+++\nText.', "2020-01-31"),
    ('+++\ntitle = "A title"\ndate = 2020-01-31\n[taxonomies]\ntags = ["sea", "two words"]\n+++\nText.', "2020-01-31"),
    ('{\n"title": "A title",\n"date": "2020-01-31",\n"tags": ["sea", "two words"]\n}\nText.', "2020-01-31"),
    ("Title: A title\nDate: 2020-01-31 23:30\nTags: sea, two words\n\nText.", "2020-01-31"),
    ("\ufeff---\ntitle: >\n  A\n  title\ndate: January 31st, 2020\ntags: sea, two words\n---\nText.", "2020-01-31"),
    ("---\ntitle: &t A title\ndate: 31 Jan 2020\ntags: [sea, 'two words']\nx: {a: [1, 2]}\n---\nText.", "2020-01-31"),
    (
        "---\ntitle: A title\ndate: Fri, 31 Jan 2020 23:30:00 -0500\nbad: [\n---\nText.",
        "2020-01-31",
    ),
]


@pytest.mark.parametrize(("text", "day"), HEADS)
def test_heads_of_each_kind(tmp_path: Path, text: str, day: str) -> None:
    post = one(tmp_path, text)
    assert (post.title, post.date, post.body.strip()) == ("A title", day, "Text.")
    if "bad" not in text:
        assert post.tags == ("sea", "two words")


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2020-01-31", "2020-01-31"), ("2020/1/5 10:00", "2020-01-05"), ("Jan 5, 2020", "2020-01-05"),
        ("5 January 2020", "2020-01-05"), ("Sunday, January 5th, 2020", "2020-01-05"), ("2020-13-01", ""), ("", ""),
        (None, ""), ("soon", ""), ("true", ""), ("Mon, 06 Jan 2020 01:00:00 +0900", "2020-01-06"), ("9" * 99, ""),
    ],
)  # fmt: skip
def test_days(value: object, day: str) -> None:
    assert day_of(value) == day


@pytest.mark.parametrize(
    ("name", "day", "title"),
    [
        ("2020-01-31-a-day-out.md", "2020-01-31", "a day out"),
        ("2020-1-5 A walk.md", "2020-01-05", "A walk"),
        ("posts/2020/01/31/walk.md", "2020-01-31", "walk"),
        ("2020-01-31-walk/index.md", "2020-01-31", "walk"),
        ("Notes on 2020-01-31.md", "2020-01-31", "Notes on 2020-01-31"),
        ("walk.md", "", "walk"),
    ],
)
def test_names_tell_what_heads_do_not(tmp_path: Path, name: str, day: str, title: str) -> None:
    post = one(tmp_path, "Text.", name)
    assert (post.date, post.title, post.id) == (day, title, name)


def test_a_first_heading_is_the_title(tmp_path: Path) -> None:
    assert one(tmp_path, "# My title\n\nText.").title == "My title"
    post = one(tmp_path / "b", "---\ntitle: My title\n---\n# My Title\n\nText.")
    assert (post.title, post.body.strip()) == ("My title", "Text.")
    assert "# Other" in one(tmp_path / "c", "---\ntitle: My title\n---\n# Other\n\nText.").body


@pytest.mark.parametrize(
    "head", ["draft: true", "published: false", "status: draft", "publish: false", 'draft: "true"', "private: yes"]
)
def test_drafts(tmp_path: Path, head: str) -> None:
    assert one(tmp_path, f"---\n{head}\n---\nText.").marks == {"draft"}


def test_a_hugo_site(tmp_path: Path) -> None:
    site = files_in(
        tmp_path / "site",
        {
            "hugo.toml": 'baseURL = "https://a.example/"\ntitle = "My Hugo"\nlanguageCode = "en-gb"\n',
            "README.md": "About the code.",
            "archetypes/default.md": "---\ntitle: x\n---\n",
            "themes/t/content/x.md": "Theme.",
            "content/_index.md": "---\ntitle: Home\n---\nHello.",
            "content/about.md": "---\ntitle: About\n---\nMe.",
            "content/posts/My First.md": "---\ntitle: First\n---\nOne.",
            "content/posts/bundle/index.md": "+++\ntitle = 'Two'\ndate = 2020-05-05\nslug = 'second'\n+++\nTwo.",
            "content/posts/draft.md": "---\ndraft: true\n---\nThree.",
        },
    )
    with open_source(site, ALL) as source:
        posts = {post.id: post for post in source.posts()}
        assert (source.name, source.title, source.language) == ("site", "My Hugo", "en-gb")
        assert source.counts == Counts(live=2, pages=2, drafts=1)
    assert posts["content/posts/My First.md"].url == "https://a.example/posts/my-first/"
    assert posts["content/posts/bundle/index.md"].url == "https://a.example/posts/second/"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("url: https://a.example", "https://a.example/news/2020/01/31/walk.html"),
        ("url: https://a.example\nbaseurl: /blog\npermalink: pretty", "https://a.example/blog/news/2020/01/31/walk/"),
        ("url: https://a.example\npermalink: /:year/:title/", "https://a.example/2020/walk/"),
        ("title: no address", None),
    ],
)
def test_a_jekyll_site(tmp_path: Path, settings: str, url: str | None) -> None:
    site = files_in(
        tmp_path,
        {
            "_config.yml": settings,
            "README.md": "About the code.",
            "about.md": "---\ntitle: About\nlayout: page\n---\nMe.",
            "index.html": "---\nlayout: home\n---\n<ul></ul>",
            "plain.html": "<p>No front matter.</p>",
            "_posts/2020-01-31-walk.md": "---\ncategories: news\n---\nOne.",
            "_posts/2020-02-01-old.html": "---\ntitle: Old\n---\n<p>Two.</p>",
            "_drafts/later.md": "---\ntitle: Later\n---\nThree.",
            "_site/2020/x.md": "Built.",
            "_includes/x.md": "Part.",
        },
    )
    with open_source(site) as source:
        posts = {post.id: post for post in source.posts()}
        assert source.counts == Counts(live=2, pages=2, drafts=1)
    assert posts["_posts/2020-01-31-walk.md"].url == url
    assert posts["_posts/2020-02-01-old.html"].format == "html"


def test_astro_eleventy_and_obsidian(tmp_path: Path) -> None:
    astro = files_in(
        tmp_path / "astro",
        {"astro.config.mjs": "", "README.md": "x", "src/content/blog/a.mdx": "---\npubDate: 'Jul 08 2022'\n---\nOne."},
    )
    assert [(post.id, post.date) for post in posts_of(astro)] == [("src/content/blog/a.mdx", "2022-07-08")]
    eleventy = files_in(
        tmp_path / "11ty",
        {"eleventy.config.js": "", "about.md": "Me.", "posts/a.md": "---\ntags: [posts, sea]\n---\nOne."},
    )
    assert [(post.id, post.tags, set(post.marks)) for post in posts_of(eleventy)] == [
        ("about.md", (), {"page"}),
        ("posts/a.md", ("sea",), set()),
    ]
    notes = files_in(tmp_path / "notes", {".obsidian/app.json": "{}", "A note.md": "See [[B]].", ".trash/old.md": "x"})
    assert [(post.title, post.body, set(post.marks)) for post in posts_of(notes)] == [("A note", "See B.", set())]


TEXTS = [
    ("A {{< sparkle >}}b{{< /sparkle >}} c.", "A b c."),
    ("{{% notice tip %}}\nKeep **this**.\n{{% /notice %}}\n\nB.", "Keep this.\n\nB."),
    ("A.\n\n{{< highlight go >}}\nx := 1\n{{< /highlight >}}\n\nB.", "A.\n\nB."),
    ("A.\n\n{% highlight ruby linenos %}\nx\n{% endhighlight %}\n\nB.", "A.\n\nB."),
    ('{% include x.html a="b" %}\nA {% raw %}kept{% endraw %}. {% comment %}gone{% endcomment %}', "A kept."),
    ("A.\n{: .note}\n\n## Head {#id}\n\nB.", "A.\n\nHead\n\nB."),
    ('{{ youtube(id="x") }}\n\nA.\n\n{% quote(author="b") %}\nSaid.\n{% end %}', "A.\n\nSaid."),
    ("See [[Note|that]] and [[Folder/Other]]. ![[pic.png]]", "See that and Other."),
    ("A %%hidden%%==marked== text ^ab12\n\n> [!note] Title\n> Text", "A marked text\n\nTitle Text"),
    ("A[^1] b.\n\n[^1]: The note.", "A b.\n\nThe note."),
    (":::tip\nInside.\n:::\n\nB.", "Inside.\n\nB."),
    ("A<!--more-->\n\nB.", "A\n\nB."),
]


@pytest.mark.parametrize(("source", "text"), TEXTS)
def test_additions_of_generators_go(source: str, text: str) -> None:
    assert clean_body(plain_markdown(source), "markdown").text == text


def test_components_go_and_their_text_stays() -> None:
    source = (
        "import X from 'y'\nimport {\n  a,\n} from 'b'\n\n# Head\n\n<Callout type=\"x\" data={{ a: 1 }}>\n"
        "Text **b** {1 + 1}.\n</Callout>\n\n<Foo />\n\n{/* gone */}\n\nexport const a = 1\n\nEnd."
    )
    assert clean_body(plain_markdown(source, mdx=True), "markdown").text == "Head\n\nText b .\n\nEnd."


def test_code_is_left_alone() -> None:
    source = "Use `{{< x >}}` and `[[y]]`.\n\n```\n{% raw %} {{ z }} <Foo>\n```\n"
    assert plain_markdown(source, mdx=True) == source


@pytest.mark.parametrize(
    "unit",
    [
        "{% highlight x %}",
        "{{<",
        "{%",
        "<A{",
        "`",
        "```\n",
        "[[",
        "%%",
        "{#",
        "import a\n",
        "==a",
        "[^",
        "<A ",
        "{",
        "> [!",
    ],
)
def test_a_long_text_of_anything_takes_no_long_time(unit: str) -> None:
    assert isinstance(plain_markdown(unit * (60_000 // len(unit)), mdx=True), str)


@pytest.mark.parametrize(
    "text", ["a: b", "a: [b, 'c d', \"e\"]", "a:\n- b\n- c", "a: 'it''s'", "a: b # c", "a: |\n  x\n  y"]
)
def test_simple_yaml_is_read_as_pyyaml_reads_it(text: str) -> None:
    import yaml

    assert parse_yaml(text) == yaml.load(text, Loader=yaml.BaseLoader)


def test_a_bomb_of_anchors_is_not_expanded() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    head, body = split_head("---\ntitle: T\n" + "\n".join(lines) + "\n---\nText.")
    assert head["title"] == "T" and body == "Text."


def test_a_folder_may_be_zipped_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Secret.", encoding="utf-8")
    folder = folder_of(tmp_path / "notes", one="A.", sub__two="B.")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    assert [post.id for post in posts_of(folder)] == ["one.md", "sub/two.md"]
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.write(folder / "one.md", "notes/one.md")
        archive.writestr("../evil.md", "C.")
    with open_source(tmp_path / "notes.zip") as source:
        assert source.name == "notes" and [post.id for post in source.posts()] == ["notes/one.md"]


def test_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        (tmp_path / f"{encoding}.md").write_bytes("---\ntitle: Café\n---\nNaïve “text”.".encode(encoding))
    assert {(post.title, post.body) for post in posts_of(tmp_path)} == {("Café", "Naïve “text”.")}


PIECES = [
    "---\n",
    "+++\n",
    "{",
    "}",
    "[",
    "'",
    '"',
    ": ",
    "\n- ",
    "&a ",
    "*a",
    "\t",
    "\x00",
    "{{<",
    "{% ",
    "`",
    "<A ",
    "\ud83d",
]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_change_to_a_file_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text, _ = data.draw(st.sampled_from(HEADS))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + data.draw(st.integers(0, 20)) :]
    path = tmp_path_factory.mktemp("md") / "a.mdx"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        for post in posts_of(path.parent):
            assert isinstance(clean_body(post.body, post.format).text, str) and isinstance(post.title, str)
    except PennameError:
        pass
