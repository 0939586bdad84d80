"""A report's Markdown as one HTML file: style and images inside, no script, nothing fetched."""

import base64
from collections.abc import Mapping
from importlib import resources
from xml.etree import ElementTree

from jinja2 import Environment, StrictUndefined
from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from engine.text import one_line


class _Inline(Treeprocessor):
    """Replaces each image's link by its bytes as a data: address."""

    def __init__(self, md: Markdown, images: Mapping[str, bytes]) -> None:
        super().__init__(md)
        self._images = images

    def run(self, root: ElementTree.Element) -> None:
        for element in root.iter("img"):
            content = base64.b64encode(self._images[element.attrib["src"]]).decode("ascii")
            element.set("src", f"data:image/png;base64,{content}")


class _InlineExtension(Extension):
    def __init__(self, images: Mapping[str, bytes]) -> None:
        super().__init__()
        self._images = images

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's name)
        # After "inline" (20), which makes the img elements.
        md.treeprocessors.register(_Inline(md, self._images), "report_images", 5)


def page(text: str, title: str, images: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        text: Markdown, of which nothing but `engine.report.markup` made the raw parts.
        title: plain text, from anywhere.
        images: the PNG files' bytes by the links that the text has to them.
    """
    converter = Markdown(
        extensions=["tables", "fenced_code", "sane_lists", "toc", _InlineExtension(images)],
        extension_configs={"toc": {"toc_depth": "2-2"}},
        output_format="html",
    )
    body = converter.convert(text)
    folder = resources.files("engine.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((folder / "page.html.jinja").read_text("utf-8"))
    contents: str = converter.toc  # type: ignore[attr-defined]  # the toc extension puts it there
    return template.render(
        title=one_line(title),
        style=(folder / "report.css").read_text("utf-8"),
        contents=contents,
        body=body,
    )
